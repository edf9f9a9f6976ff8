#include "plugin/instance_handle.hpp"

#include <mutex>
#include <utility>

namespace portico::plugin {

namespace {

std::mutex all_mutex;

}  // namespace

constinit InstanceHandle* InstanceHandle::all_ = nullptr;

InstanceHandle& InstanceHandle::make() {
    auto* made = new InstanceHandle;
    const std::scoped_lock lock(all_mutex);
    made->next_ = std::exchange(all_, made);
    return *made;
}

std::size_t InstanceHandle::count() noexcept {
    const std::scoped_lock lock(all_mutex);
    std::size_t count = 0;
    for (const InstanceHandle* handle = all_; handle != nullptr; handle = handle->next_) {
        ++count;
    }
    return count;
}

}  // namespace portico::plugin
