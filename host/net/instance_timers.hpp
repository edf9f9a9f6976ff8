// The timers of an instance itself, beside those of its connections. Their functions run on the
// instance's strand.
//
// Concurrency: list_ and the two flags are under the lock of the home group's Timers. The mail is
// sent only after the list was marked, so it is never sent twice.
#pragma once

#include <cstdint>

#include "net/mailbox.hpp"
#include "net/protocol.hpp"
#include "net/strand.hpp"
#include "net/timers.hpp"

namespace portico::net {

class InstanceTimers : private Mail {
public:
    // `strand`: the instance's. `ended(owner)` is called once, after close() and after the last
    // call, on the strand or inside close().
    InstanceTimers(Strand& strand, void (*ended)(void* owner), void* owner) noexcept;
    InstanceTimers(const InstanceTimers&) = delete;
    InstanceTimers& operator=(const InstanceTimers&) = delete;

    // Before the first timer, when the strand has its home.
    void open(const ConnectionContext& context) noexcept { context_ = &context; }
    // Ends all timers, with their last call. From any thread, once, after open().
    void close() noexcept;

    [[nodiscard]] Strand& strand() const noexcept { return *strand_; }
    [[nodiscard]] const ConnectionContext& context() const noexcept { return *context_; }

private:
    friend class TimerOwner;
    friend class Timers;

    void raise(bool at_home) noexcept;
    void run() noexcept;
    // Under the lock: true if mail must be sent now, because timers are left.
    [[nodiscard]] bool mark_if_needed() noexcept;

    Strand* const strand_;
    void (*const ended_)(void* owner);
    void* const owner_;
    const ConnectionContext* context_ = nullptr;
    TimerList list_;
    bool is_running_ = false;
    bool is_closing_ = false;
};

}  // namespace portico::net
