#include "plugin/call_scope.hpp"

#include "plugin/instance.hpp"

namespace portico::plugin {

constinit thread_local const OffWorkerCall* OffWorkerCall::current_ = nullptr;

bool find_running_call(RunningCall& call) noexcept {
    const Instance* instance = nullptr;
    net::Worker* const worker = net::Worker::current();
    if (worker != nullptr && net::CurrentCall::is_running(worker->current_call().count())) {
        const net::CurrentCall& current = worker->current_call();
        // Only instances have calls (CallScope).
        instance = static_cast<const Instance*>(current.protocol());
        call.callback = current.name();
        call.connection = current.connection();
    } else if (const OffWorkerCall* const other = OffWorkerCall::current()) {
        instance = &other->instance();
        call.callback = other->name();
        call.connection = other->connection();
    }
    if (instance == nullptr) {
        return false;
    }
    call.plugin = instance->listener().plugin.c_str();
    call.listener = instance->listener().name.c_str();
    return true;
}

}  // namespace portico::plugin
