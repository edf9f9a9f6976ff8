// The connected sockets of one IocpPort, for its sweep over receives that hold a buffer without
// need: an intrusive list under a mutex. The mutex is taken when a socket comes or goes and by the
// sweep, never on the way of the data.
#pragma once

#include <mutex>

#include "io/socket.hpp"

namespace portico::io {

class SocketRegistry {
public:
    SocketRegistry() = default;
    // Lets go of sockets that outlive the port.
    ~SocketRegistry() {
        while (first_ != nullptr) {
            remove(*first_);
        }
    }
    SocketRegistry(const SocketRegistry&) = delete;
    SocketRegistry& operator=(const SocketRegistry&) = delete;

    void add(Socket& socket) noexcept {
        const std::scoped_lock lock(mutex_);
        PORTICO_ASSERT(socket.registry_ == nullptr);
        socket.registry_ = this;
        socket.registered_before_ = nullptr;
        socket.registered_after_ = first_;
        if (first_ != nullptr) {
            first_->registered_before_ = &socket;
        }
        first_ = &socket;
    }

    void remove(Socket& socket) noexcept {
        const std::scoped_lock lock(mutex_);
        PORTICO_ASSERT(socket.registry_ == this);
        (socket.registered_before_ == nullptr
             ? first_
             : socket.registered_before_->registered_after_) = socket.registered_after_;
        if (socket.registered_after_ != nullptr) {
            socket.registered_after_->registered_before_ = socket.registered_before_;
        }
        socket.registry_ = nullptr;
    }

    // No socket of the list can be closed during the call.
    template <class Action>
    void for_each(Action&& action) noexcept {
        const std::scoped_lock lock(mutex_);
        for (Socket* socket = first_; socket != nullptr; socket = socket->registered_after_) {
            action(*socket);
        }
    }

private:
    std::mutex mutex_;
    Socket* first_ = nullptr;  // guarded, as the links in the sockets
};

}  // namespace portico::io
