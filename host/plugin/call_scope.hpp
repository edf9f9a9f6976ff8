// Notes which function of a plugin a thread runs, so that a stop, the watchdog and a crash report
// can name it.
#pragma once

#include <cstdint>

#include "base/inline.hpp"
#include "net/protocol.hpp"
#include "net/worker.hpp"

namespace portico::plugin {

class Instance;

inline constexpr char posted_name[] = "a posted function";
inline constexpr char timer_name[] = "a timer's function";
inline constexpr char work_name[] = "blocking work";
inline constexpr char done_name[] = "the function after a piece of work";
inline constexpr char resolved_name[] = "the function of a lookup";
inline constexpr char release_name[] = "a release function";

// A callback, on a worker's thread. Use it in a noexcept function or lambda: then an exception that
// the plugin lets out ends the process before the scope, and a report can name the callback.
class CallScope {
public:
    // `handle`: of `connection`; null and 0 if the call belongs to the instance.
    CallScope(const char* name, const net::Protocol& protocol, net::Connection* connection,
              std::uint64_t handle) noexcept
        : worker_(net::Worker::current()) {
        if (worker_ != nullptr) [[likely]] {
            worker_->current_call().begin(name, protocol, connection, handle);
        }
    }
    ~CallScope() {
        if (worker_ != nullptr) [[likely]] {
            worker_->current_call().end();
        }
    }
    CallScope(const CallScope&) = delete;
    CallScope& operator=(const CallScope&) = delete;

private:
    net::Worker* const worker_;
};

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
