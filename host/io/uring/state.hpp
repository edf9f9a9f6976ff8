// The state that the port on io_uring keeps in the two words of a socket, in an operation and in a
// request's user_data, and the port's limits. For the files of uring/port.hpp's class alone.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "io/native.hpp"
#include "io/operation.hpp"
#include "io/uring/ring.hpp"

namespace portico::io::uring {

// The most buffers that lie ready for the kernel. If more receives complete in one wait, the others
// have to ask again.
inline constexpr std::uint32_t ready_buffers_max = 256;

// Below this size half a buffer is not worth a multishot receive.
inline constexpr std::uint32_t limited_bytes_min = 64;

// The most buffers that a request that reads ahead may fill, in addition to the one that rule 8
// always allows.
inline constexpr std::uint32_t ahead_each = 15;

// One in this many of the pool's buffers may hold bytes that were read ahead.
inline constexpr std::uint32_t ahead_share = 16;

// One in this many of the pool's buffers may be parked. The rest is for connections that read,
// however many do not.
inline constexpr std::uint32_t parked_share = 4;

// Flags in Socket::receive_state_, beside the address of the operation that waits for the request's
// next completion (0: none does).
// a request is in the ring: its last completion has not been seen
inline constexpr std::uintptr_t armed = 1;
inline constexpr std::uintptr_t stopping = 2;  // its cancel has been asked for
// receives come in large pieces: the next request is for one receive of a whole buffer
inline constexpr std::uintptr_t large = 4;
inline constexpr std::uintptr_t flag_mask = armed | stopping | large;
static_assert(alignof(Operation) > flag_mask && alignof(Socket) > flag_mask);

// The kind of a completion, in the low bits of user_data; the rest is the address of the Socket
// (for a receive) or of the operation.
enum class Of : std::uint64_t { receive, send, quiet_send, accept, connect, event, cancel, room };
inline constexpr std::uint64_t of_mask = 7;

[[nodiscard]] inline std::uint64_t user_data(Of of, const void* object) noexcept {
    return reinterpret_cast<std::uintptr_t>(object) | static_cast<std::uint64_t>(of);
}

template <class Object>
[[nodiscard]] Object& object_of(const UringRing::Completion& completion) noexcept {
    return *reinterpret_cast<Object*>(static_cast<std::uintptr_t>(completion.user_data & ~of_mask));
}

// Socket::send_state_: what came while nobody waited, and how its bytes come.
struct Kept {
    std::uint32_t bytes = 0;
    std::uint32_t index = 0;  // of the buffer
    // comes after the bytes and those that were read ahead; an errno, which is below 256
    int error = 0;
    bool streams = false;   // when the last bytes had come, there were more
    bool is_ahead = false;  // the request in the ring reads ahead
    // counted: bytes are kept here, or the request in the ring may bring some, and nobody waits for
    // them
    bool may_park = false;

    [[nodiscard]] static Kept of(std::uintptr_t word) noexcept {
        return {static_cast<std::uint32_t>(word) & bytes_mask,
                static_cast<std::uint32_t>(word >> 32) & 0xFF'FFFF,
                static_cast<int>(word >> 56),
                (word & streams_bit) != 0,
                (word & ahead_bit) != 0,
                (word & park_bit) != 0};
    }
    [[nodiscard]] std::uintptr_t word() const noexcept {
        return static_cast<std::uintptr_t>(error) << 56 | static_cast<std::uintptr_t>(index) << 32 |
               (is_ahead ? ahead_bit : 0) | (streams ? streams_bit : 0) |
               (may_park ? park_bit : 0) | bytes;
    }

    static constexpr std::uint32_t bytes_mask = (1U << 29) - 1;
    static constexpr std::uintptr_t park_bit = 1U << 29;
    static constexpr std::uintptr_t streams_bit = 1U << 30;
    static constexpr std::uintptr_t ahead_bit = 1U << 31;
};

// Only one thread uses these words. They are atomic for the sake of other backends.
[[nodiscard]] inline std::uintptr_t load(const std::atomic<std::uintptr_t>& word) noexcept {
    return word.load(std::memory_order_relaxed);
}

inline void store(std::atomic<std::uintptr_t>& word, std::uintptr_t value) noexcept {
    word.store(value, std::memory_order_relaxed);
}

[[nodiscard]] inline Operation* waiting_in(std::uintptr_t word) noexcept {
    return reinterpret_cast<Operation*>(word & ~flag_mask);
}

[[nodiscard]] inline std::uintptr_t with_waiting(std::uintptr_t flags,
                                                 Operation& operation) noexcept {
    return flags | reinterpret_cast<std::uintptr_t>(&operation);
}

// Takes out the operation that waits for the socket's request; null if none does.
[[nodiscard]] inline Operation* take_waiting(std::atomic<std::uintptr_t>& state) noexcept {
    const std::uintptr_t word = load(state);
    store(state, word & flag_mask);
    return waiting_in(word);
}

// ---- operations

// True if the error ends nothing: the request is made again as soon as the socket is ready.
[[nodiscard]] inline bool is_passing(int error) noexcept {
    return error == EAGAIN || error == EINTR;
}

// True for an accept or a receive that waits for readiness, and for a send in the room watch. The
// mark is in an output, which belongs to the port until the operation completes.
[[nodiscard]] inline bool awaits_readiness(const Operation& operation) noexcept {
    return operation.native_error == EAGAIN;
}

// The user_data of an operation that has a request of its own.
[[nodiscard]] inline std::uint64_t request_of(Operation& operation) noexcept {
    switch (operation.type) {
        case OperationType::accept:
            return user_data(Of::accept, &static_cast<AcceptOperation&>(operation));
        case OperationType::connect:
            return user_data(Of::connect, &static_cast<ConnectOperation&>(operation));
        case OperationType::send:
            return user_data(Of::send, &static_cast<SendOperation&>(operation));
        case OperationType::receive:
        case OperationType::timer:
        case OperationType::post: break;
    }
    PORTICO_ASSERT(!"an operation without a request of its own");
    return 0;
}

[[nodiscard]] inline Operation* ended(Operation& operation, int error) noexcept {
    operation.error = error_of(error);
    operation.native_error = error;
    return &operation;
}

}  // namespace portico::io::uring
