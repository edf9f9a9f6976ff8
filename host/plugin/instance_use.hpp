// How a host function gets from the handle that a plugin passed to the instance.
#pragma once

#include "net/worker.hpp"
#include "plugin/instance.hpp"

namespace portico::plugin {

// The worker on whose thread this is, if it runs a callback of the instance; else null.
[[nodiscard]] inline net::Worker* worker_in_callback_of(const Instance* instance) noexcept {
    net::Worker* worker = net::Worker::current();  // (no call has the protocol null)
    return worker != nullptr && worker->current_call().protocol() == instance ? worker : nullptr;
}

// The instance of a handle, for one call: none if it is gone. It lives as long as this object.
class InstanceUse {
public:
    explicit InstanceUse(portico_instance* handle) noexcept
        : handle_(reinterpret_cast<InstanceHandle*>(handle)), instance_(handle_->get()) {
        if (worker_in_callback_of(instance_) != nullptr) [[likely]] {
            return;
        }
        instance_ = handle_->enter();
        entered_ = instance_ != nullptr;
    }
    ~InstanceUse() {
        if (entered_) [[unlikely]] {
            handle_->leave();
        }
    }
    InstanceUse(const InstanceUse&) = delete;
    InstanceUse& operator=(const InstanceUse&) = delete;

    [[nodiscard]] explicit operator bool() const noexcept { return instance_ != nullptr; }
    [[nodiscard]] Instance& operator*() const noexcept { return *instance_; }
    [[nodiscard]] Instance* operator->() const noexcept { return instance_; }

    // Where the instance's connections are; null if it is gone, or only validates.
    [[nodiscard]] net::ConnectionTable* connections() const noexcept {
        return instance_ != nullptr ? instance_->connections_ : nullptr;
    }
    // The slot of a handle, which may be another instance's: the call must check that.
    [[nodiscard]] net::ConnectionTable::Found look_up(
        portico_connection connection) const noexcept {
        const net::ConnectionTable* const table = connections();
        return table != nullptr ? table->find(connection) : net::ConnectionTable::Found{};
    }
    // The connection of a handle, if it belongs to the instance. Its generation is checked again
    // when the call takes effect.
    [[nodiscard]] net::ConnectionTable::Found find(portico_connection connection) const noexcept {
        const net::ConnectionTable::Found found = look_up(connection);
        return found.connection != nullptr &&
                       found.connection->belongs_to(*instance_->context_, found.generation)
                   ? found
                   : net::ConnectionTable::Found{};
    }

private:
    InstanceHandle* const handle_;
    Instance* instance_;
    bool entered_ = false;
};

}  // namespace portico::plugin
