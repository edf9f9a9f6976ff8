// Notes on a worker which callback of a plugin it runs, so that a stop can name one that does not
// return; and times some of the callbacks.
#pragma once

#include <cstdint>

#include "base/inline.hpp"
#include "net/protocol.hpp"
#include "net/worker.hpp"
#include "plugin/callback_names.hpp"

namespace portico::plugin {

// The callback that the worker has timed has returned. `worker` is the current one.
void count_sample(net::Worker& worker) noexcept;

class CallScope {
public:
    // `name`: one of callback_names. `protocol`: an Instance. `handle`: of `connection`; null and 0
    // if the call belongs to the instance.
    CallScope(const char* name, const net::Protocol& protocol, net::Connection* connection,
              std::uint64_t handle) noexcept
        : worker_(net::Worker::current()) {
        if (worker_ != nullptr) [[likely]] {
            worker_->current_call().begin(name, protocol, connection, handle);
            if (worker_->call_sampler().picks()) [[unlikely]] {
                begin_sample(name, protocol);
            }
        }
    }
    ~CallScope() {
        if (worker_ != nullptr) [[likely]] {
            worker_->current_call().end();
            if (worker_->call_sampler().is_timing()) [[unlikely]] {
                count_sample(*worker_);
            }
        }
    }
    CallScope(const CallScope&) = delete;
    CallScope& operator=(const CallScope&) = delete;

private:
    PORTICO_NEVER_INLINE void begin_sample(const char* name,
                                           const net::Protocol& protocol) noexcept {
        worker_->call_sampler().begin(name, protocol, worker_->group().port().now());
    }

    net::Worker* const worker_;
};

}  // namespace portico::plugin
