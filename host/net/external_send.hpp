// A send of memory that is not the queue's, on its way to the strand or in the queue. For
// connection_*.cpp and sharing.cpp.
#pragma once

#include <new>

#include "net/connection.hpp"
#include "net/shared_bytes.hpp"
#include "net/worker.hpp"

namespace portico::net {

// The array of its parts follows it in memory, and then the bytes that were copied.
struct Connection::ExternalSend : Mail, SendQueue::External {
    // Null if memory is out. Room for `count` parts and `bytes` more.
    [[nodiscard]] static void* memory_for(std::size_t count, std::size_t bytes) noexcept {
        return ::operator new(size_of(count, bytes), std::nothrow);
    }
    [[nodiscard]] static constexpr std::size_t size_of(std::size_t count,
                                                       std::size_t bytes) noexcept {
        return sizeof(ExternalSend) + count * sizeof(io::ConstBuffer) + bytes;
    }
    [[nodiscard]] static io::ConstBuffer* parts_in(void* memory) noexcept {
        return reinterpret_cast<io::ConstBuffer*>(static_cast<std::byte*>(memory) +
                                                  sizeof(ExternalSend));
    }

    ExternalSend(Connection& its_connection, std::span<io::ConstBuffer> its_parts,
                 std::uint32_t its_bytes, std::uint32_t memory, AnyFunction its_release,
                 void* its_argument) noexcept
        : External(its_parts, its_bytes, memory),
          connection(&its_connection),
          release(its_release),
          argument(its_argument) {
        deliver = [](Mail& mail) {
            auto& send = static_cast<ExternalSend&>(mail);
            send.connection->begin_on(*Worker::current());
            send.connection->deliver_external(send);
        };
    }
    using External::shrink;

    [[nodiscard]] static ExternalSend* make(Connection& of, const Parts& given,
                                            AnyFunction its_release, void* its_argument) noexcept;
    // Of a share: null if memory is out, else it uses the share until it is destroyed.
    [[nodiscard]] static ExternalSend* make(Connection& of, Share& share) noexcept;
    static void destroy(ExternalSend* send) noexcept {
        if (send->release == nullptr && send->argument != nullptr) {
            static_cast<Share*>(send->argument)->end_use();
        }
        send->~ExternalSend();
        ::operator delete(send);
    }

    Connection* const connection;
    const AnyFunction release;  // null: the plugin does not wait for its end
    void* const argument;       // without a release: the Share whose bytes it sends, or null
};

}  // namespace portico::net
