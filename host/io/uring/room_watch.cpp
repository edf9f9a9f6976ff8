#include "io/uring/room_watch.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace portico::io {

UringRoomWatch::~UringRoomWatch() {
    PORTICO_ASSERT(empty());
    if (epoll_ >= 0) {
        ::close(epoll_);
    }
}

int UringRoomWatch::open() noexcept {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    return epoll_ < 0 ? errno : 0;
}

int UringRoomWatch::add(SendOperation& operation) noexcept {
    epoll_event wanted{};
    wanted.events = EPOLLOUT;
    wanted.data.ptr = &operation;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, operation.socket->native(), &wanted) != 0) {
        return errno;
    }
    ++waiting_;
    return 0;
}

void UringRoomWatch::remove(SendOperation& operation) noexcept {
    [[maybe_unused]] const int result = ::epoll_ctl(epoll_, EPOLL_CTL_DEL,
                                                    operation.socket->native(), nullptr);
    PORTICO_ASSERT(result == 0);
    --waiting_;
}

std::size_t UringRoomWatch::take(std::span<SendOperation*> ready) noexcept {
    std::array<epoll_event, 64> events;
    const auto wanted = static_cast<int>(std::min(ready.size(), events.size()));
    const int count = ::epoll_wait(epoll_, events.data(), wanted, 0);
    std::size_t taken = 0;
    for (int i = 0; i < count; ++i) {
        auto& operation = *static_cast<SendOperation*>(
            events[static_cast<std::size_t>(i)].data.ptr);
        remove(operation);
        ready[taken++] = &operation;
    }
    return taken;
}

}  // namespace portico::io
