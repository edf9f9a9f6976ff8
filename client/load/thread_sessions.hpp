// A thread's sessions: which connections of the plan they are, and when each one connects and
// begins to send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "load/session.hpp"
#include "load/session_context.hpp"

namespace portico::client {

// The part of `all` that the thread with this index gets if they are dealt in turn.
[[nodiscard]] constexpr std::uint32_t share_of(std::uint32_t all, std::uint32_t threads,
                                               std::uint32_t index) noexcept {
    return all / threads + (index < all % threads ? 1 : 0);
}

class ThreadSessions {
public:
    // Makes `count` sessions for the thread with this index, from 0.
    ThreadSessions(SessionContext& context, std::uint32_t index, std::uint32_t count);

    // Start connects as long as fewer than `most` are under way: the first ones; those that connect
    // again.
    void connect_some(std::uint32_t most);
    void connect_again(std::uint32_t most);
    // Lets those begin to send whose turn has come.
    void begin_some();

    [[nodiscard]] std::size_t size() const noexcept { return sessions_.size(); }
    [[nodiscard]] bool empty() const noexcept { return sessions_.empty(); }
    // Takes a place, from 0.
    [[nodiscard]] Session& operator[](std::size_t place) noexcept { return sessions_[place]; }
    [[nodiscard]] auto begin() noexcept { return sessions_.begin(); }
    [[nodiscard]] auto end() noexcept { return sessions_.end(); }

    // The number of sessions that have started their first connect, and that have begun to send.
    // These are the first ones by place.
    [[nodiscard]] std::size_t connected() const noexcept { return connected_; }
    [[nodiscard]] std::size_t begun() const noexcept { return begun_; }
    // The connection's number in the plan, from 1.
    [[nodiscard]] std::uint32_t connection_of(std::size_t place) const noexcept;
    // When it begins: one after the other if there is a ramp-up. Only after the run has begun.
    [[nodiscard]] std::uint64_t begin_of(std::size_t place) const noexcept;

private:
    SessionContext& context_;
    const std::uint32_t index_;
    std::deque<Session> sessions_;  // operations point into them: they never move
    std::size_t connected_ = 0;
    std::size_t begun_ = 0;
};

}  // namespace portico::client
