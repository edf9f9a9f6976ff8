// Notes on a worker which callback of a plugin it runs, so that a stop can name one that does not
// return.
#pragma once

#include <cstdint>

#include "net/protocol.hpp"
#include "net/worker.hpp"

namespace portico::plugin {

inline constexpr char posted_name[] = "a posted function";
inline constexpr char timer_name[] = "a timer's function";
inline constexpr char done_name[] = "the function after a piece of work";
inline constexpr char resolved_name[] = "the function of a lookup";

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

}  // namespace portico::plugin
