// The way of an answer from the plugin's call to the connection's queue: what every message does,
// and so inline in the caller.
#pragma once

#include "base/inline.hpp"
#include "net/connection.hpp"
#include "net/worker.hpp"

namespace portico::net {

inline bool Connection::on_strand() const noexcept {
    const Worker* worker = Worker::current();
    return worker != nullptr && worker->running() == strand_.load(std::memory_order_relaxed);
}

inline io::BufferPool& Connection::send_chunks() const noexcept {
    return strand().home().send_chunks();
}

inline void Connection::attend_later() noexcept {
    if (!attending_) {
        attending_ = true;
        Worker::current()->attend_later(*this);
    }
}

PORTICO_ALWAYS_INLINE SendResult Connection::append(std::span<const std::byte> bytes) noexcept {
    if (bytes.size() >= adoptable_bytes_ && adopt_received(bytes)) {
        attend_later();
        return SendResult::queued;
    }
    if (!queue_.append(send_chunks(), bytes)) [[unlikely]] {
        return append_failed(bytes.size());
    }
    attend_later();
    return SendResult::queued;
}

PORTICO_ALWAYS_INLINE SendResult Connection::send(const ConnectionContext& context,
                                                  std::uint64_t generation,
                                                  std::span<const std::byte> bytes) noexcept {
    const config::Limits& limits = context.limits;
    // The usual case: an answer, from a callback of this very connection.
    if (bytes.size() - 1 < limits.max_send_bytes &&
        context_.load(std::memory_order_relaxed) == &context && on_strand() &&
        word_.reserve_behind(queue_.bytes(), generation, static_cast<std::uint32_t>(bytes.size()),
                             limits.send_queue_bytes)) [[likely]] {
        return append(bytes);
    }
    return send_by_any_way(context, generation, bytes);
}

}  // namespace portico::net
