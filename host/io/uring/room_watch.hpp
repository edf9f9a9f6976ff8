// Sends that wait for room outside of the ring, in an epoll set that the ring polls.
//
// A request cannot always wait by itself. io_uring counts the end of the peer's stream (EPOLLRDHUP)
// as readiness for every poll, also for the one that a send makes. So once the peer has ended its
// side, a send that finds no room is tried again and again inside the kernel and then completes
// with EAGAIN, and a poll request for POLLOUT completes at once. An epoll set reports EPOLLRDHUP
// only if it was asked for. (Seen on Linux 6.18; io_uring/poll.c calls this mask IO_POLL_UNMASK.)
//
// This is rare: it takes a peer that has ended its side and does not read. Only the port's thread
// uses it.
#pragma once

#include <cstddef>
#include <span>

#include "io/operation.hpp"

namespace portico::io {

class UringRoomWatch {
public:
    UringRoomWatch() = default;
    ~UringRoomWatch();
    UringRoomWatch(const UringRoomWatch&) = delete;
    UringRoomWatch& operator=(const UringRoomWatch&) = delete;

    // 0, or an errno.
    [[nodiscard]] int open() noexcept;
    // Readable (POLLIN) as long as take() would return some.
    [[nodiscard]] int descriptor() const noexcept { return epoll_; }

    // The send waits here until take() returns it or remove() is called. Returns 0, or an errno:
    // then it does not wait.
    [[nodiscard]] int add(SendOperation& operation) noexcept;
    void remove(SendOperation& operation) noexcept;
    // Takes out the sends whose sockets now have room, or an error. Returns how many.
    [[nodiscard]] std::size_t take(std::span<SendOperation*> ready) noexcept;

    [[nodiscard]] bool empty() const noexcept { return waiting_ == 0; }

private:
    int epoll_ = -1;
    std::size_t waiting_ = 0;
};

}  // namespace portico::io
