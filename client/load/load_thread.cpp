#include "load/load_thread.hpp"

#include <algorithm>
#include <new>
#include <thread>

#include "base/clock.hpp"
#include "load/load.hpp"

namespace portico::client {

namespace {

constexpr std::uint64_t tick_ns = 100 * base::nanoseconds_per_millisecond;
// Sessions that begin to send between two waits, so that the first replies are read soon.
constexpr std::size_t begin_max = 64;
// Messages that are told to be due in a row, so that a rate beyond all means does not keep the
// replies from being read.
constexpr int due_max = 64;
// A wait that hands out fewer has brought all there was: no backend asks the system for fewer at
// once.
constexpr std::size_t whole_batch = 64;
// With a rate: from the meeting of the threads to the first message, so that all are there in time.
constexpr std::uint64_t lead_ns = 10 * base::nanoseconds_per_millisecond;

constexpr std::size_t send_memory_bytes = 268'435'456;  // of all sessions, about
constexpr std::size_t send_buffer_least = 4'096;
constexpr std::size_t send_buffer_most = 65'536;

// Room for all that can be unanswered, where that is little; else a share of what all may have.
// Longer messages leave piece by piece.
std::size_t send_buffer_bytes(const LoadPlan& plan) noexcept {
    const std::size_t share = std::clamp(send_memory_bytes / plan.connections, send_buffer_least,
                                         send_buffer_most);
    const std::uint64_t in_flight = plan.count == 0
                                        ? plan.depth
                                        : std::min<std::uint64_t>(plan.depth, plan.count);
    const std::uint64_t size_max = plan.messages->size_max();
    return size_max > share / in_flight ? share : static_cast<std::size_t>(size_max * in_flight);
}

// How many of `all` fall to the thread with this index, where they are dealt in turn.
std::uint32_t share_of(std::uint32_t all, std::uint32_t threads, std::uint32_t index) noexcept {
    return all / threads + (index < all % threads ? 1 : 0);
}

}  // namespace

void RunState::wake_all() noexcept {
    for (const std::unique_ptr<LoadThread>& thread : threads) {
        thread->wake();
    }
}

LoadThread::LoadThread(RunState& run, std::uint32_t index, std::unique_ptr<io::BufferPool> buffers,
                       std::unique_ptr<io::CompletionPort> port)
    : run_(run),
      index_(index),
      buffers_(std::move(buffers)),
      port_(std::move(port)),
      context_{.port = *port_,
               .plan = run.plan,
               .observer = run.observer,
               .totals = {},
               .send_buffer_bytes = send_buffer_bytes(run.plan),
               .source = index,
               .schedule = {},
               .reconnecting = {}},
      poisson_(run.plan.seed) {
    tick_.thread = this;
    tick_.completed = [](io::Operation& operation) {
        static_cast<Tick&>(operation).thread->on_tick();
    };
    if (index == run.plan.threads) {
        hostile_bytes_.emplace(run.plan);
        for (const Hostile mode : run.plan.hostile) {
            hostile_.emplace_back(context_, *hostile_bytes_, mode);
        }
        return;
    }
    for (std::uint32_t i = share_of(run.plan.idle, run.plan.threads, index); i > 0; --i) {
        idle_.emplace_back(context_);
    }
    const std::uint32_t sessions = share_of(run.plan.connections, run.plan.threads, index);
    for (std::uint32_t i = 0; i < sessions; ++i) {
        sessions_.emplace_back(context_, connection_of(i));
    }
    context_.reconnecting.reserve(sessions);
}

std::uint64_t LoadThread::begin_of(std::size_t place) const noexcept {
    // In two steps, so that 30 days in nanoseconds times a million connections stay within 64 bits.
    const LoadPlan& plan = run_.plan;
    const std::uint64_t each_ns = plan.ramp_up_ns / plan.connections;
    const std::uint64_t rest_ns = plan.ramp_up_ns % plan.connections;
    const std::uint64_t before = connection_of(place) - 1;
    return began_ns_ + before * each_ns + before * rest_ns / plan.connections;
}

std::uint32_t LoadThread::connection_of(std::size_t place) const noexcept {
    return static_cast<std::uint32_t>(place) * run_.plan.threads + index_ + 1;
}

void LoadThread::run() noexcept {
    arm_tick();
    while (run_.working.load(std::memory_order_acquire) != 0 &&
           !run_.is_given_up.load(std::memory_order_relaxed)) {
        connect_some();
        begin();
        send_due();
        wait();
        drain_if_over();
        end_early_if_asked();
        if (context_.done == sessions_.size() && !is_done_) {
            is_done_ = true;
            if (run_.working.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                run_.wake_all();
            }
        }
    }
    // Where the run was given up there may be some left.
    for (Session& session : sessions_) {
        session.abandon();
    }
    for (IdleConnection& connection : idle_) {
        connection.end();
    }
    for (HostileConnection& connection : hostile_) {
        connection.end();
    }
    if (tick_.in_flight) {
        context_.port.cancel(tick_);
    }
    while (context_.port.outstanding() != 0) {
        wait();
    }
    count_not_sent();
    context_.now_ns = context_.port.now();
    for (Session& session : sessions_) {
        session.conclude();
    }
}

// With a rate: what was due and has never left. Of a run that was not ended early that is all that
// was due to its end, also on connections that had broken by then.
void LoadThread::count_not_sent() noexcept {
    if (!has_rate()) {
        return;
    }
    const bool is_whole = !ends_early_ && has_begun() &&
                          !run_.is_given_up.load(std::memory_order_relaxed);
    for (std::size_t place = 0; place < begun_; ++place) {
        Session& session = sessions_[place];
        if (is_whole) {
            session.count_due(run_.plan.count != 0
                                  ? run_.plan.count
                                  : context_.schedule.due_before(connection_of(place), end_ns()));
        }
        context_.totals.not_sent += session.overdue();
    }
}

// ---- connecting

void LoadThread::connect_some() {
    if (ends_early_) {
        return;
    }
    const std::uint32_t connecting_most = std::max(connecting_max / run_.plan.threads, 1U);
    // Where a name has several addresses the first connection finds out which is good.
    const bool is_alone = run_.plan.addresses.size() > 1 && !context_.has_tried;
    while (idle_connected_ < idle_.size() &&
           context_.connecting < (is_alone ? 1 : connecting_most)) {
        idle_[idle_connected_++].connect();
    }
    if (idle_connected_ < idle_.size() || (connected_ == 0 && context_.connecting != 0)) {
        return;
    }
    while (connected_ < sessions_.size() &&
           context_.connecting < (is_alone ? 1 : connecting_most)) {
        sessions_[connected_++].connect();
    }
    while (!context_.reconnecting.empty() && context_.connecting < connecting_most) {
        Session* session = context_.reconnecting.back();
        context_.reconnecting.pop_back();
        if (session->waits_for_connect()) {  // and has not ended meanwhile
            session->connect();
        }
    }
}

// Once no connect is under way any more, in any thread.
void LoadThread::begin() {
    if (ends_early_) {
        return;
    }
    if (!has_met_ && connected_ == sessions_.size() && context_.connecting == 0) {
        has_met_ = true;
        if (run_.opening.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            run_.began_ns.store(context_.port.now() + (has_rate() ? lead_ns : 0),
                                std::memory_order_release);
            if (run_.threads.size() > 1) {
                run_.wake_all();
            }
        }
    }
    if (!has_begun() && has_met_) {
        began_ns_ = run_.began_ns.load(std::memory_order_acquire);
        if (has_begun()) {
            context_.measured_from_ns = run_.plan.warm_up_ns == 0
                                            ? 0
                                            : began_ns_ + run_.plan.warm_up_ns;
            begin_series();
            for (HostileConnection& connection : hostile_) {
                connection.begin();
            }
        }
        if (has_begun() && has_rate() && !sessions_.empty()) {
            context_.schedule = Schedule(
                run_.plan.rate, run_.plan.connections, began_ns_,
                run_.plan.arrivals == Arrivals::poisson ? &poisson_ : nullptr);
            due_ns_ = context_.schedule.due_ns(connection_of(0), 1);
        }
    }
    if (begun_ < sessions_.size() && has_begun()) {
        begin_sessions();
    }
}

// Those whose turn has come.
void LoadThread::begin_sessions() {
    context_.read_clock();
    for (std::size_t i = 0; (i < begin_max || has_rate()) && begun_ < sessions_.size(); ++i) {
        const std::uint64_t turn_ns = begin_of(begun_);
        if (run_.plan.ramp_up_ns != 0 && turn_ns > context_.now_ns && !context_.draining) {
            return;
        }
        sessions_[begun_].begin(has_rate() && run_.plan.ramp_up_ns != 0
                                    ? context_.schedule.due_before(connection_of(begun_), turn_ns)
                                    : 0);
        ++begun_;
    }
}

// Without memory for it the run has no series.
void LoadThread::begin_series() noexcept {
    try {
        context_.totals.series.begin(began_ns_ + run_.plan.warm_up_ns);
    } catch (const std::bad_alloc&) {
    }
}

// ---- the open loop

// Tells the connections, in turn, of the messages whose instant has come.
void LoadThread::send_due() {
    if (due_ns_ == UINT64_MAX || context_.draining || ends_early_) {
        return;
    }
    const bool is_timed = run_.plan.count == 0;
    for (int i = 0; i < due_max; ++i) {
        context_.now_ns = context_.port.now();  // for each: a send before it has taken its time
        if (due_ns_ > context_.now_ns) {
            return;
        }
        if (is_timed && due_ns_ >= end_ns()) {
            due_ns_ = UINT64_MAX;
            return;
        }
        if (due_place_ >= begun_ && begin_of(due_place_) <= due_ns_) {
            begin_sessions();
        }
        if (due_place_ < begun_) {  // with a ramp-up: others do not send yet
            if (due_ns_ >= context_.measured_from_ns) {
                context_.totals.lag_ns.record(context_.now_ns - due_ns_);
            }
            sessions_[due_place_].messages_due(due_number_);
        }
        if (++due_place_ == sessions_.size()) {
            due_place_ = 0;
            if (++due_number_ > run_.plan.count && !is_timed) {
                due_ns_ = UINT64_MAX;
                return;
            }
        }
        due_ns_ = context_.schedule.due_ns(connection_of(due_place_), due_number_);
    }
}

// The duration is over: the messages that send_due() has not come to, if this thread is late.
void LoadThread::send_last_due() {
    for (std::size_t place = 0; place < begun_; ++place) {
        const std::uint32_t connection = connection_of(place);
        const std::uint64_t told = due_number_ - (place < due_place_ ? 0 : 1);
        const std::uint64_t due = context_.schedule.due_before(connection, end_ns());
        if (due <= told) {
            continue;
        }
        // There may be too many to go through, and what counts is that they were late: each has the
        // lag of the one in the middle.
        const std::uint64_t first_ns = context_.schedule.due_ns(connection, told + 1);
        const std::uint64_t middle_ns = first_ns + (end_ns() - first_ns) / 2;
        context_.totals.lag_ns.record(context_.now_ns - middle_ns, due - told);
        sessions_[place].messages_due(due);
    }
    due_ns_ = UINT64_MAX;
}

// ---- waiting

std::uint64_t LoadThread::next_deadline() const noexcept {
    std::uint64_t deadline = due_ns_;
    if (has_begun() && run_.plan.count == 0 && !context_.draining) {
        deadline = std::min(deadline, end_ns());
    }
    if (has_begun() && begun_ < sessions_.size()) {
        deadline = std::min(deadline, begin_of(begun_));
    }
    return deadline;
}

void LoadThread::wait() {
    std::uint64_t deadline = 0;
    const bool has_one_to_begin = has_begun() && begun_ < sessions_.size() &&
                                  begin_of(begun_) <= context_.now_ns;
    if (!has_one_to_begin || ends_early_) {
        deadline = next_deadline();
        // Where the system's waits may end late, the last bit of the way to an instant is spent
        // looking. (wait_forever stays what it is.)
        const std::uint64_t grain_ns = has_rate() ? context_.port.wait_grain_ns() : 0;
        if (deadline != io::wait_forever && grain_ns != 0) {
            if (context_.port.now() + grain_ns >= deadline) {
                deadline = 0;
                std::this_thread::yield();
            } else {
                deadline -= grain_ns;
            }
        }
    }
    const std::uint64_t asked_ns = has_rate() ? context_.port.now() : 0;
    const std::size_t count = context_.port.wait(completed_, deadline);
    context_.now_ns = context_.port.now();
    context_.is_now_fresh = true;
    if (has_rate()) {
        note_wait(asked_ns, count);
    }
    for (std::size_t i = 0; i < count; ++i) {
        completed_[i]->completed(*completed_[i]);
        if (due_ns_ <= context_.now_ns) {  // what is due does not wait for the rest of the batch
            send_due();
        }
    }
    context_.is_now_fresh = false;
}

// How long what a wait has brought may have been there already: since the last wait that brought
// all there was, but for the time in waits, which end when something is there.
void LoadThread::note_wait(std::uint64_t asked_ns, std::size_t count) noexcept {
    context_.came_after_ns = context_.now_ns - (emptied_ns_ == 0 ? 0 : asked_ns - emptied_ns_);
    if (count < whole_batch) {
        emptied_ns_ = context_.now_ns;
    }
}

void LoadThread::end_early_if_asked() {
    if (ends_early_) {
        return;
    }
    const bool is_interrupted = run_.interrupt.load(std::memory_order_relaxed);
    if (is_interrupted || run_.observer.has_thrown()) {
        ends_early_ = true;
        context_.totals.interrupted = is_interrupted;
        due_ns_ = UINT64_MAX;
        for (Session& session : sessions_) {
            session.abandon();
        }
    }
}

void LoadThread::drain_if_over() {
    const bool is_over = has_begun() && run_.plan.count == 0 && context_.now_ns >= end_ns();
    if (!is_over || context_.draining || ends_early_) {
        return;
    }
    if (due_ns_ != UINT64_MAX) {
        send_last_due();
    }
    context_.draining = true;
    if (run_.plan.script == nullptr) {  // a script that has begun is brought to its end
        context_.replies_end_ns = context_.now_ns + run_.plan.reply_timeout_ns;
    }
    for (Session& session : sessions_) {
        session.drain();
    }
}

// ---- ten times a second

void LoadThread::arm_tick() {
    tick_.deadline_ns = context_.port.now() + tick_ns;
    context_.port.timer(tick_);
}

void LoadThread::on_tick() {
    if (run_.working.load(std::memory_order_acquire) == 0 ||
        run_.is_given_up.load(std::memory_order_relaxed)) {
        return;
    }
    connect_idle_again();
    const Totals& totals = context_.totals;
    progress_.connections_opened.store(totals.connections_opened, std::memory_order_relaxed);
    progress_.received.store(totals.received, std::memory_order_relaxed);
    for (std::size_t kind = 0; kind < finding_kinds; ++kind) {
        progress_.findings[kind].store(totals.findings()[kind], std::memory_order_relaxed);
    }
    publish_latencies();
    if (index_ == 0) {
        Progress sum;
        for (const std::unique_ptr<LoadThread>& thread : run_.threads) {
            const Progress one = thread->progress();
            sum.connections_opened += one.connections_opened;
            sum.received += one.received;
            for (std::size_t kind = 0; kind < finding_kinds; ++kind) {
                sum.findings[kind] += one.findings[kind];
            }
            sum.latency_p50_ns = std::max(sum.latency_p50_ns, one.latency_p50_ns);
            sum.latency_p99_ns = std::max(sum.latency_p99_ns, one.latency_p99_ns);
        }
        const std::uint64_t now = context_.port.now();
        sum.sending_ns = has_begun() && now > began_ns_ ? now - began_ns_ : 0;
        run_.observer.tick(sum, context_.port.now());
    }
    arm_tick();
}

// With `reconnect`: those that have ended, ten times a second as the others.
void LoadThread::connect_idle_again() noexcept {
    if (context_.idle_waiting == 0 || ends_early_ || context_.draining) {
        return;
    }
    const std::uint32_t connecting_most = std::max(connecting_max / run_.plan.threads, 1U);
    for (IdleConnection& connection : idle_) {
        if (connection.waits_for_connect() && context_.connecting < connecting_most) {
            connection.connect();
        }
    }
}

// Of the last slot that is complete.
void LoadThread::publish_latencies() noexcept {
    const std::span<const TimeSeries::Slot> slots = context_.totals.series.slots();
    if (slots.size() < 2) {
        return;
    }
    const TimeSeries::Slot& slot = slots[slots.size() - 2];
    progress_.latency_p50_ns.store(slot.latency_ns(50), std::memory_order_relaxed);
    progress_.latency_p99_ns.store(slot.latency_ns(99), std::memory_order_relaxed);
}

Progress LoadThread::progress() const noexcept {
    Progress progress;
    progress.connections_opened = progress_.connections_opened.load(std::memory_order_relaxed);
    progress.received = progress_.received.load(std::memory_order_relaxed);
    for (std::size_t kind = 0; kind < finding_kinds; ++kind) {
        progress.findings[kind] = progress_.findings[kind].load(std::memory_order_relaxed);
    }
    progress.latency_p50_ns = progress_.latency_p50_ns.load(std::memory_order_relaxed);
    progress.latency_p99_ns = progress_.latency_p99_ns.load(std::memory_order_relaxed);
    return progress;
}

}  // namespace portico::client
