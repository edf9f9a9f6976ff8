// How a host function gets from the handle that a plugin passed to the instance.
#pragma once

#include "net/worker.hpp"
#include "plugin/instance.hpp"

namespace portico::plugin {

// The worker on whose thread this is, if it runs a callback of the instance; else null.
[[nodiscard]] inline net::Worker* worker_in_callback_of(const Instance* instance) noexcept {
    net::Worker* worker = net::Worker::current();
    return worker != nullptr && instance != nullptr && worker->current_call().protocol() == instance
               ? worker
               : nullptr;
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

private:
    InstanceHandle* const handle_;
    Instance* instance_;
    bool entered_ = false;
};

}  // namespace portico::plugin
