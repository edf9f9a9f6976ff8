// Notes which function of a plugin a thread runs, so that a stop, the watchdog and a crash report
// can name it; and times some of the callbacks.
#pragma once

#include <cstdint>

#include "base/inline.hpp"
#include "net/protocol.hpp"
#include "net/worker.hpp"
#include "plugin/callback_names.hpp"

namespace portico::plugin {

class Instance;

// The callback that the worker has timed has returned. `worker` is the current one.
void count_sample(net::Worker& worker) noexcept;

// A callback, on a worker's thread. Use it in a noexcept function or lambda: then an exception that
// the plugin lets out ends the process before the scope, and a report can name the callback.
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
        } else {
            end_sample();
        }
    }
    CallScope(const CallScope&) = delete;
    CallScope& operator=(const CallScope&) = delete;

private:
    PORTICO_NEVER_INLINE void begin_sample(const char* name,
                                           const net::Protocol& protocol) noexcept {
        worker_->call_sampler().begin(name, protocol, worker_->group().port().now());
        worker_ = nullptr;
    }
    PORTICO_NEVER_INLINE static void end_sample() noexcept {
        if (net::Worker* const worker = net::Worker::current(); worker != nullptr) {
            worker->current_call().end();
            count_sample(*worker);
        }
    }

    // Null on a thread that is no worker, and in a call that is timed. So the end of all others
    // asks only once.
    net::Worker* worker_;
};

inline constexpr char work_name[] = "blocking work";

// A function of the plugin on a thread that is no worker: create, validate, destroy, blocking work.
// They nest, if a plugin that embeds a server starts it in one of them.
class OffWorkerCall {
public:
    OffWorkerCall(const char* name, const Instance& instance, std::uint64_t connection) noexcept
        : name_(name), instance_(instance), connection_(connection), outer_(current_) {
        current_ = this;
    }
    ~OffWorkerCall() { current_ = outer_; }
    OffWorkerCall(const OffWorkerCall&) = delete;
    OffWorkerCall& operator=(const OffWorkerCall&) = delete;

    // Of the calling thread; null: it runs none.
    [[nodiscard]] static const OffWorkerCall* current() noexcept { return current_; }
    [[nodiscard]] const char* name() const noexcept { return name_; }
    [[nodiscard]] const Instance& instance() const noexcept { return instance_; }
    [[nodiscard]] std::uint64_t connection() const noexcept { return connection_; }

private:
    PORTICO_DIRECT_THREAD_LOCAL static constinit thread_local const OffWorkerCall* current_;

    const char* const name_;
    const Instance& instance_;
    const std::uint64_t connection_;
    const OffWorkerCall* const outer_;
};

// What the calling thread runs. The texts are valid as long as it does.
struct RunningCall {
    const char* callback = nullptr;
    const char* plugin = nullptr;  // as the configuration names it
    const char* listener = nullptr;
    std::uint64_t connection = 0;  // 0: none
};

// False: no function of a plugin. Async-signal-safe, for crash handlers.
[[nodiscard]] bool find_running_call(RunningCall& call) noexcept;

}  // namespace portico::plugin
