#include "io/port_base.hpp"

#include <algorithm>

namespace portico::io {

namespace {

// How often in a row wait() may leave the system to another thread that waits there before it is
// asked by this one as well.
constexpr std::uint32_t rounds_watched_max = 8;

// Between two looks at the system wait() hands out a lap of the ready list: those that are on it
// when the lap begins. So a connection whose operations always complete inline, or a strand that
// always has more to do, has at most two turns where the others have one. While looks that were
// made in spite of a ready list find nothing, there is nobody to be kept waiting: they become
// fewer, one in up to so many laps, or so many operations.
constexpr std::uint32_t laps_max = 16;
constexpr std::uint32_t without_look_max = 512;

// A look that fills the batch leaves more behind, mostly, which has waited for longer than what is
// on the ready list: it is taken first. So many batches in a row at most.
constexpr std::uint32_t full_looks_max = 16;

}  // namespace

Counters& Counters::operator+=(const Counters& other) noexcept {
    waits += other.waits;
    receives += other.receives;
    sends += other.sends;
    accepts += other.accepts;
    connects += other.connects;
    wakes += other.wakes;
    cancels += other.cancels;
    completions += other.completions;
    return *this;
}

bool CompletionPort::send_at_once(SendOperation& operation) noexcept {
    send(operation);
    return false;
}

bool CompletionPort::accept_at_once(AcceptOperation& operation) noexcept {
    accept(operation);
    return false;
}

PortBase::~PortBase() {
    PORTICO_ASSERT(outstanding() == 0);
}

std::size_t PortBase::outstanding() const noexcept {
    const std::uint64_t done = completed_.load(std::memory_order_relaxed);
    return submitted_.load(std::memory_order_relaxed) + posted_.load(std::memory_order_relaxed) -
           done;
}

Counters PortBase::counters() const noexcept {
    Counters result;
    result.waits = waits_.load(std::memory_order_relaxed);
    result.receives = receives_.load(std::memory_order_relaxed);
    result.sends = sends_.load(std::memory_order_relaxed);
    result.accepts = accepts_.load(std::memory_order_relaxed);
    result.connects = connects_.load(std::memory_order_relaxed);
    result.wakes = wakes_.load(std::memory_order_relaxed);
    result.cancels = cancels_.load(std::memory_order_relaxed);
    result.completions = completed_.load(std::memory_order_relaxed);
    return result;
}

void PortBase::start_post(PostOperation& operation) noexcept {
    PORTICO_ASSERT(!operation.in_flight);
    operation.in_flight = true;
    operation.error = Error::none;
    operation.native_error = 0;
    posted_.fetch_add(1, std::memory_order_relaxed);
}

void PortBase::set_ready_count(std::size_t size) noexcept {
    ready_count_.store(size, shared_ ? std::memory_order_seq_cst : std::memory_order_relaxed);
}

void PortBase::set_timer_count() noexcept {
    timer_count_.store(timers_.size(),
                       shared_ ? std::memory_order_seq_cst : std::memory_order_relaxed);
}

void PortBase::make_ready(Operation& operation) noexcept {
    guarded([&] {
        ready_.push_back(operation);
        set_ready_count(ready_count_.load(std::memory_order_relaxed) + 1);
    });
}

void PortBase::make_ready(Operation& operation, Error error, int native_error) noexcept {
    operation.error = error;
    operation.native_error = native_error;
    make_ready(operation);
}

std::size_t PortBase::take_ready(std::span<Operation*> into) noexcept {
    if (into.empty() || ready_count_.load(std::memory_order_relaxed) == 0) {
        return 0;
    }
    return guarded([&] {
        std::size_t taken = 0;
        while (taken < into.size()) {
            Operation* operation = ready_.pop_front();
            if (operation == nullptr) {
                break;
            }
            finish(*operation);
            into[taken++] = operation;
        }
        set_ready_count(ready_count_.load(std::memory_order_relaxed) - taken);
        return taken;
    });
}

std::size_t PortBase::wait(std::span<Operation*> completed, std::uint64_t deadline_ns) noexcept {
    PORTICO_ASSERT(!completed.empty());
    if (!starved_.empty()) {
        retry_starved();
    }
    const std::uint32_t rounds = rounds_watched_.load(std::memory_order_relaxed);
    // Another thread is at the system already, and is told what comes there: a look by this one,
    // which has work to do, would be one more call for nothing.
    const bool is_watched = shared_ && rounds < rounds_watched_max &&
                            waiting_.load(std::memory_order_relaxed) != 0;
    std::size_t taken = is_watched ? take_ready(completed) : take_of_lap(completed);
    if (is_watched && (taken != 0 || deadline_ns == 0)) {
        rounds_watched_.store(rounds + 1, std::memory_order_relaxed);
    } else if (taken == 0) {
        rounds_watched_.store(0, std::memory_order_relaxed);
        if (shared_) {
            waiting_.fetch_add(1, std::memory_order_seq_cst);
        }
        const bool was_woken = shared_ && wake_noted_.exchange(false, std::memory_order_seq_cst);
        const bool has_ready = ready_count_.load(std::memory_order_seq_cst) != 0;
        const std::size_t found = poll(
            completed, was_woken || has_ready ? 0 : std::min(deadline_ns, next_timer()));
        if (shared_) {
            waiting_.fetch_sub(1, std::memory_order_relaxed);
        }
        expire_timers();
        taken = found + take_ready(completed.subspan(found));
        set_laps({has_ready, found == completed.size() && found > 1, found != 0});
    }
    if (taken != 0) {
        count(completed_, taken);
    }
    if (shared_ && (ready_count_.load(std::memory_order_relaxed) != 0 || has_more())) {
        wake();  // what is left here need not wait for this thread to come back
    }
    return taken;
}

std::size_t PortBase::take_of_lap(std::span<Operation*> into) noexcept {
    std::uint32_t left = lap_left_.load(std::memory_order_relaxed);
    if (left == 0) {
        const std::uint32_t laps_left = laps_left_.load(std::memory_order_relaxed);
        left = static_cast<std::uint32_t>(
            std::min<std::size_t>(ready_count_.load(std::memory_order_relaxed), without_look_max));
        if (laps_left == 0 || left == 0) {
            return 0;
        }
        laps_left_.store(laps_left - 1, std::memory_order_relaxed);
    }
    const std::size_t taken = take_ready(into.first(std::min<std::size_t>(into.size(), left)));
    lap_left_.store(left - static_cast<std::uint32_t>(taken), std::memory_order_relaxed);
    return taken;
}

void PortBase::set_laps(const Look& look) noexcept {
    lap_left_.store(0, std::memory_order_relaxed);
    const std::uint32_t full_looks = full_looks_.load(std::memory_order_relaxed);
    if (look.was_full && full_looks < full_looks_max) {
        full_looks_.store(full_looks + 1, std::memory_order_relaxed);
        laps_left_.store(0, std::memory_order_relaxed);
        return;
    }
    full_looks_.store(0, std::memory_order_relaxed);
    std::uint32_t laps = laps_.load(std::memory_order_relaxed);
    if (look.had_ready) {
        laps = look.found ? 1 : std::min(2 * laps, laps_max);
        laps_.store(laps, std::memory_order_relaxed);
    }
    const std::size_t lap = std::max<std::size_t>(ready_count_.load(std::memory_order_relaxed), 1);
    laps_left_.store(
        static_cast<std::uint32_t>(std::clamp<std::size_t>(without_look_max / lap, 1, laps)),
        std::memory_order_relaxed);
}

void PortBase::wake() noexcept {
    // A single port does not count its one waiting thread: a wake that comes just before its wait()
    // ends that one. On a shared port a thread that has found no work and is just about to wait is
    // not counted yet: it finds the note.
    if (shared_) {
        wake_noted_.store(true, std::memory_order_seq_cst);
        if (waiting_.load(std::memory_order_seq_cst) == 0) {
            return;
        }
        // the interrupt does for it: whom it wakes looks at everything
        wake_noted_.store(false, std::memory_order_relaxed);
    }
    wakes_.fetch_add(1, std::memory_order_relaxed);
    interrupt_poll();
}

// ---- timers

void PortBase::timer(TimerOperation& operation) noexcept {
    start(operation);
    const bool is_first = guarded([&] {
        timers_.push(operation);
        set_timer_count();
        return timers_.front() == &operation;
    });
    if (shared_ && is_first) {
        // those that wait already do so until a later instant; this thread may not come back before
        // this one
        wake();
    }
}

void PortBase::cancel_timer(TimerOperation& operation) noexcept {
    const bool was_waiting = guarded([&] {
        if (!TimerHeap::contains(operation)) {
            return false;  // it has expired and is on its way
        }
        timers_.remove(operation);
        set_timer_count();
        return true;
    });
    if (was_waiting) {
        make_ready(operation, Error::aborted, 0);
    }
}

void PortBase::expire_timers() noexcept {
    if (timer_count_.load(std::memory_order_relaxed) == 0) {
        return;
    }
    const std::uint64_t instant = now();
    for (;;) {
        TimerOperation* expired = guarded([&]() -> TimerOperation* {
            TimerOperation* first = timers_.front();
            if (first == nullptr || first->deadline_ns > instant) {
                return nullptr;
            }
            timers_.remove(*first);
            set_timer_count();
            return first;
        });
        if (expired == nullptr) {
            return;
        }
        make_ready(*expired);
    }
}

std::uint64_t PortBase::next_timer() noexcept {
    if (timer_count_.load(std::memory_order_seq_cst) == 0) {
        return wait_forever;
    }
    return guarded(
        [&] { return timers_.front() == nullptr ? wait_forever : timers_.front()->deadline_ns; });
}

}  // namespace portico::io
