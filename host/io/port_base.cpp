#include "io/port_base.hpp"

#include <algorithm>

namespace portico::io {

namespace {

// The number of times in a row that wait() may leave the system to a thread that waits there
// already, before this thread asks it as well.
constexpr std::uint32_t left_to_waiter_max = 8;

// Between two looks at the system wait() makes a pass over the ready list: it hands out what is on
// the list when the pass begins. So a connection whose operations always complete inline, or a
// strand that always has more to do, has at most two turns while the others have one. If a look
// finds nothing although the ready list had work, nobody was waiting, so the looks become fewer:
// there is still one after this many passes, or this many operations.
constexpr std::uint32_t passes_max = 16;
constexpr std::uint32_t without_look_max = 512;

// A look that fills the batch usually leaves more in the system. That has waited longer than the
// ready list, so it is taken first, for at most this many batches in a row.
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

void PortBase::make_ready(Operation& operation) noexcept {
    guarded([&] {
        ready_.push_back(operation);
        ready_count_.set(ready_count_.get() + 1, shared_);
    });
}

void PortBase::make_ready(Operation& operation, Error error, int native_error) noexcept {
    operation.error = error;
    operation.native_error = native_error;
    make_ready(operation);
}

std::size_t PortBase::take_ready(std::span<Operation*> into) noexcept {
    if (into.empty() || ready_count_.get() == 0) {
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
        ready_count_.set(ready_count_.get() - taken, shared_);
        return taken;
    });
}

std::size_t PortBase::wait(std::span<Operation*> completed, std::uint64_t deadline_ns) noexcept {
    PORTICO_ASSERT(!completed.empty());
    if (!starved_.empty()) {
        retry_starved();
    }
    const std::uint32_t left_in_a_row = left_to_waiter_.load(std::memory_order_relaxed);
    // Another thread waits at the system already, and gets what comes there: this thread has work
    // to do, and its own look would be a wasted call.
    const bool is_watched = shared_ && left_in_a_row < left_to_waiter_max && waiters_.any();
    std::size_t taken = is_watched ? take_ready(completed) : take_of_pass(completed);
    if (is_watched && (taken != 0 || deadline_ns == 0)) {
        left_to_waiter_.store(left_in_a_row + 1, std::memory_order_relaxed);
    } else if (taken == 0) {
        left_to_waiter_.store(0, std::memory_order_relaxed);
        const bool was_woken = shared_ && waiters_.begin();
        const bool has_ready = ready_count_.has_any_for_waiter();
        const std::size_t found = poll(
            completed, was_woken || has_ready ? 0 : std::min(deadline_ns, next_timer()));
        if (shared_) {
            waiters_.end();
        }
        expire_timers();
        taken = found + take_ready(completed.subspan(found));
        plan_passes({has_ready, found == completed.size() && found > 1, found != 0});
    }
    if (taken != 0) {
        count(completed_, taken);
    }
    if (shared_ && (ready_count_.get() != 0 || has_more())) {
        wake();  // the rest need not wait for this thread to come back
    }
    return taken;
}

std::size_t PortBase::take_of_pass(std::span<Operation*> into) noexcept {
    std::uint32_t left = pass_left_.load(std::memory_order_relaxed);
    if (left == 0) {
        const std::uint32_t passes_left = passes_left_.load(std::memory_order_relaxed);
        left = static_cast<std::uint32_t>(
            std::min<std::size_t>(ready_count_.get(), without_look_max));
        if (passes_left == 0 || left == 0) {
            return 0;
        }
        passes_left_.store(passes_left - 1, std::memory_order_relaxed);
    }
    const std::size_t taken = take_ready(into.first(std::min<std::size_t>(into.size(), left)));
    pass_left_.store(left - static_cast<std::uint32_t>(taken), std::memory_order_relaxed);
    return taken;
}

void PortBase::plan_passes(const Look& look) noexcept {
    pass_left_.store(0, std::memory_order_relaxed);
    const std::uint32_t full_looks = full_looks_.load(std::memory_order_relaxed);
    if (look.was_full && full_looks < full_looks_max) {
        full_looks_.store(full_looks + 1, std::memory_order_relaxed);
        passes_left_.store(0, std::memory_order_relaxed);
        return;
    }
    full_looks_.store(0, std::memory_order_relaxed);
    std::uint32_t passes = passes_.load(std::memory_order_relaxed);
    if (look.had_ready) {
        passes = look.found ? 1 : std::min(2 * passes, passes_max);
        passes_.store(passes, std::memory_order_relaxed);
    }
    const std::size_t pass_size = std::max<std::size_t>(ready_count_.get(), 1);
    passes_left_.store(static_cast<std::uint32_t>(
                           std::clamp<std::size_t>(without_look_max / pass_size, 1, passes)),
                       std::memory_order_relaxed);
}

void PortBase::wake() noexcept {
    // A single port does not count its one waiting thread: a wake that comes just before its wait()
    // ends that wait. On a shared port a thread that has found no work and is just about to wait is
    // not counted yet: it finds the note.
    if (shared_ && !waiters_.wake()) {
        return;
    }
    wakes_.fetch_add(1, std::memory_order_relaxed);
    interrupt_poll();
}

// ---- timers

void PortBase::timer(TimerOperation& operation) noexcept {
    start(operation);
    const bool is_first = guarded([&] {
        timers_.push(operation);
        timer_count_.set(timers_.size(), shared_);
        return timers_.front() == &operation;
    });
    if (shared_ && is_first) {
        // threads that wait already would wake too late, and this thread may not come back before
        // the deadline
        wake();
    }
}

void PortBase::cancel_timer(TimerOperation& operation) noexcept {
    const bool was_waiting = guarded([&] {
        if (!TimerHeap::contains(operation)) {
            return false;  // it has expired and is being handed out
        }
        timers_.remove(operation);
        timer_count_.set(timers_.size(), shared_);
        return true;
    });
    if (was_waiting) {
        make_ready(operation, Error::aborted, 0);
    }
}

void PortBase::expire_timers() noexcept {
    if (timer_count_.get() == 0) {
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
            timer_count_.set(timers_.size(), shared_);
            return first;
        });
        if (expired == nullptr) {
            return;
        }
        make_ready(*expired);
    }
}

std::uint64_t PortBase::next_timer() noexcept {
    if (!timer_count_.has_any_for_waiter()) {
        return wait_forever;
    }
    return guarded(
        [&] { return timers_.front() == nullptr ? wait_forever : timers_.front()->deadline_ns; });
}

}  // namespace portico::io
