// The deadlines of a connection: each stage limits how long nothing may move, and acts at its
// limit.
#include <algorithm>
#include <optional>

#include "net/connecting.hpp"
#include "net/connection_inline.hpp"

namespace portico::net {

namespace {

// While the host stops, a connection is done if its peer has acknowledged everything and is quiet
// for this long after our end of stream. So an idle client that never closes its side does not hold
// up the stop.
constexpr std::uint64_t drain_quiet_ns = 200 * base::nanoseconds_per_millisecond;

// If a timer comes later than this, this process stood still (it was stopped, suspended or
// starved), and so perhaps did the peer. Then the peer gets a second chance of at most a second,
// and no third one before a byte has moved.
constexpr std::uint64_t late_ns = 100 * base::nanoseconds_per_millisecond;
constexpr std::uint64_t another_chance_ns = base::nanoseconds_per_second;

constexpr std::uint64_t milliseconds(std::uint32_t count) noexcept {
    return count * base::nanoseconds_per_millisecond;
}

}  // namespace

// The longest time in which nothing may move in this stage. 0: there is no limit.
std::uint64_t Connection::timeout_ns() const noexcept {
    const config::Limits& limits = context().limits;
    switch (stage_) {
        case Stage::connecting:
            return connecting()->is_decided() ? 0 : milliseconds(connecting()->timeout_ms);
        case Stage::open:
            return milliseconds(on_end_called_ ? limits.half_close_timeout_ms
                                               : limits.idle_timeout_ms);
        case Stage::flushing: return milliseconds(limits.close_timeout_ms);
        case Stage::lingering:
            return draining_ ? std::min(drain_quiet_ns, milliseconds(limits.close_timeout_ms))
                             : milliseconds(limits.close_timeout_ms);
        case Stage::free:
        case Stage::opening:
        case Stage::joining:
        case Stage::over: return 0;
    }
    return 0;
}

void Connection::arm_timer() noexcept {
    const std::uint64_t timeout = timeout_ns();
    if (timeout == 0) {
        return;
    }
    TimerPart& timer = *this;
    const std::uint64_t deadline = stage_ == Stage::connecting
                                       ? std::min(since_ns_ + timeout,
                                                  connecting()->next_attempt_ns())
                                       : since_ns_ + timeout;
    if (!timing_) {
        // The timer comes halfway. So if the system does not say when bytes moved, they are noticed
        // at most half a timeout later.
        timing_ = true;
        timer.deadline_ns = armed_ns_ = std::min(deadline, port().now() + timeout / 2);
        port().timer(timer);
    } else if (deadline < armed_ns_) {
        // A stage with a shorter timeout has begun. The timer is armed again after the cancelled
        // one has come back. A later deadline waits for the timer to fire, so that a message costs
        // no timer call.
        port().cancel(timer);
    }
}

void Connection::timer_fired() noexcept {
    timing_ = false;
    if (const std::uint64_t timeout = timeout_ns(); timeout != 0) {
        const std::uint64_t now = port().now();
        if (stage_ != Stage::connecting) {
            look_for_progress(now);
        }
        if (now >= since_ns_ + timeout) {
            const bool is_late = now > armed_ns_ + late_ns;
            if (is_late && !had_chance_) {
                had_chance_ = true;
                since_ns_ = now - timeout + std::min(timeout, another_chance_ns);
            } else {
                deadline_passed();
            }
        } else if (stage_ == Stage::connecting) {
            connecting()->time_has_come(now);
        }
    }
    advance();
}

// Asks the system what has moved since the last look. If it cannot tell, completed operations are
// all that is known, and bytes that wait to be received: they may have come while this process
// stood still.
void Connection::look_for_progress(std::uint64_t now) noexcept {
    const std::optional<io::Progress> progress = socket_.progress();
    if (!progress) {
        if (stage_ == Stage::open && receiving_ && socket_.unread_bytes() != 0) {
            moved_at(now);
        }
        return;
    }
    // What the peer sends while we flush or linger is discarded, and does not prolong the wait. At
    // a stop the peer may go on talking.
    const bool counts_received = stage_ == Stage::open || (stage_ == Stage::lingering && draining_);
    const auto moved = static_cast<std::uint32_t>(progress->acknowledged_bytes +
                                                  (counts_received ? progress->received_bytes : 0));
    if (moved != moved_bytes_) {
        moved_bytes_ = moved;
        // read after the system was asked: this thread may have stood still in between
        const std::uint64_t asked = port().now();
        moved_at(asked -
                 std::min(asked, progress->newest_age_ms * base::nanoseconds_per_millisecond));
    }
}

void Connection::deadline_passed() noexcept {
    switch (stage_) {
        case Stage::connecting: abort(CloseReason::connect_timeout); return;
        case Stage::open:
            if (on_end_called_) {
                cut_ = true;
                abort(CloseReason::half_close);
            } else {
                want_close(CloseReason::idle);
            }
            return;
        case Stage::flushing:
            cut_ = true;
            abort(reason_);
            return;
        case Stage::lingering: {
            const std::uint64_t left = socket_.unacknowledged_bytes().value_or(0);
            if (draining_ && left != 0) {
                since_ns_ = port().now();  // only the deadline of the stop ends this
                return;
            }
            // If nothing is unacknowledged (or the system cannot tell), an orderly close loses
            // nothing. Otherwise the peer has stopped reading.
            reset_ = cut_ = left != 0;
            begin_join();
            return;
        }
        case Stage::free:
        case Stage::opening:
        case Stage::joining:
        case Stage::over: return;
    }
}

}  // namespace portico::net
