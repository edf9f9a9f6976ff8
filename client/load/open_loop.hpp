// A thread's part of an open loop (--rate): hands each session the messages that are due, at their
// instants, and counts how late that was. Without a rate it does nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "load/schedule.hpp"
#include "load/session_context.hpp"
#include "load/thread_sessions.hpp"

namespace portico::client {

class OpenLoop {
public:
    OpenLoop(SessionContext& context, ThreadSessions& sessions) noexcept;
    OpenLoop(const OpenLoop&) = delete;
    OpenLoop& operator=(const OpenLoop&) = delete;

    // The run has begun: makes context.schedule.
    void begin() noexcept;
    // Hands out the messages whose instant has come, to the connections in turn.
    void hand_out_due();
    // The duration is over: if this thread is late, hands out the messages that hand_out_due() has
    // not reached.
    void hand_out_rest();
    void stop() noexcept { next_ns_ = UINT64_MAX; }

    // When the next message is due; UINT64_MAX if none is.
    [[nodiscard]] std::uint64_t next_ns() const noexcept { return next_ns_; }

    // A wait that began at `asked_ns` has returned so many completions by context.now_ns. Notes how
    // long they may have been waiting.
    void note_wait(std::uint64_t asked_ns, std::size_t count) noexcept;
    // The run is over: counts the messages that were due and never left. `is_whole`: the run was
    // not ended early, so this includes all that became due by its end, also on connections that
    // broke before.
    void count_not_sent(bool is_whole) noexcept;

private:
    SessionContext& context_;
    ThreadSessions& sessions_;
    PoissonBlocks poisson_;
    // The message that is due next, and its connection.
    std::uint64_t next_number_ = 1;
    std::size_t next_place_ = 0;
    std::uint64_t next_ns_ = UINT64_MAX;
    std::uint64_t emptied_ns_ = 0;  // when the last wait that emptied the queue ended
};

}  // namespace portico::client
