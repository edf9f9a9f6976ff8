#include "plugin/instance_handle.hpp"

#include <mutex>
#include <utility>

namespace portico::plugin {

InstanceHandle& InstanceHandle::make() {
    static std::mutex mutex;
    static InstanceHandle* all = nullptr;  // under the mutex
    auto* made = new InstanceHandle;
    const std::scoped_lock lock(mutex);
    made->next_ = std::exchange(all, made);
    return *made;
}

}  // namespace portico::plugin
