#include "load/load_thread.hpp"

#include <algorithm>
#include <new>
#include <thread>

#include "base/clock.hpp"
#include "load/load.hpp"

namespace portico::client {

namespace {

constexpr std::uint64_t tick_ns = 100 * base::nanoseconds_per_millisecond;
// With a rate: the time from the meeting of the threads to the first message, so that all are
// ready.
constexpr std::uint64_t lead_ns = 10 * base::nanoseconds_per_millisecond;

constexpr std::size_t send_memory_bytes = 268'435'456;  // of all sessions, about
constexpr std::size_t send_buffer_least = 4'096;
constexpr std::size_t send_buffer_most = 65'536;

// Fits all messages in flight if they are few, otherwise this session's share of the limit. Longer
// messages leave piece by piece.
std::size_t send_buffer_bytes(const LoadPlan& plan) noexcept {
    const std::size_t share = std::clamp(send_memory_bytes / plan.connections, send_buffer_least,
                                         send_buffer_most);
    const std::uint64_t in_flight = plan.count == 0
                                        ? plan.depth
                                        : std::min<std::uint64_t>(plan.depth, plan.count);
    const std::uint64_t size_max = plan.messages->size_max();
    return size_max > share / in_flight ? share : static_cast<std::size_t>(size_max * in_flight);
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
      sessions_(
          context_, index,
          index == run.plan.threads ? 0 : share_of(run.plan.connections, run.plan.threads, index)),
      open_loop_(context_, sessions_) {
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
}

void LoadThread::run() noexcept {
    arm_tick();
    while (run_.working.load(std::memory_order_acquire) != 0 &&
           !run_.is_given_up.load(std::memory_order_relaxed)) {
        connect_some();
        begin();
        open_loop_.hand_out_due();
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
    // If the run was given up, some sessions may be left.
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
    open_loop_.count_not_sent(!ends_early_ && context_.has_begun() &&
                              !run_.is_given_up.load(std::memory_order_relaxed));
    context_.now_ns = context_.port.now();
    for (Session& session : sessions_) {
        session.conclude();
    }
}

// ---- connecting

void LoadThread::connect_some() {
    if (ends_early_) {
        return;
    }
    const std::uint32_t connecting_most = std::max(connecting_max / run_.plan.threads, 1U);
    // If a name has several addresses, the first connection finds out which one is good.
    const bool finds_out = run_.plan.addresses.size() > 1 && !context_.has_tried;
    const std::uint32_t first_most = finds_out ? 1 : connecting_most;
    while (idle_connected_ < idle_.size() && context_.connecting < first_most) {
        idle_[idle_connected_++].connect();
    }
    if (idle_connected_ < idle_.size() ||
        (sessions_.connected() == 0 && context_.connecting != 0)) {
        return;
    }
    sessions_.connect_some(first_most);
    sessions_.connect_again(connecting_most);
}

// Begins after the last connect of every thread has ended.
void LoadThread::begin() {
    if (ends_early_) {
        return;
    }
    if (!has_met_ && sessions_.connected() == sessions_.size() && context_.connecting == 0) {
        has_met_ = true;
        if (run_.opening.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            run_.began_ns.store(context_.port.now() + (has_rate() ? lead_ns : 0),
                                std::memory_order_release);
            if (run_.threads.size() > 1) {
                run_.wake_all();
            }
        }
    }
    if (!context_.has_begun() && has_met_) {
        context_.began_ns = run_.began_ns.load(std::memory_order_acquire);
        if (context_.has_begun()) {
            context_.measured_from_ns = run_.plan.warm_up_ns == 0
                                            ? 0
                                            : context_.began_ns + run_.plan.warm_up_ns;
            begin_series();
            for (HostileConnection& connection : hostile_) {
                connection.begin();
            }
            open_loop_.begin();
        }
    }
    if (sessions_.begun() < sessions_.size() && context_.has_begun()) {
        sessions_.begin_some();
    }
}

// If memory is short, the run has no series.
void LoadThread::begin_series() noexcept {
    try {
        context_.totals.series.begin(context_.began_ns + run_.plan.warm_up_ns);
    } catch (const std::bad_alloc&) {
    }
}

// ---- waiting

std::uint64_t LoadThread::next_deadline() const noexcept {
    std::uint64_t deadline = open_loop_.next_ns();
    if (context_.has_begun() && run_.plan.count == 0 && !context_.draining) {
        deadline = std::min(deadline, context_.end_ns());
    }
    if (context_.has_begun() && sessions_.begun() < sessions_.size()) {
        deadline = std::min(deadline, sessions_.begin_of(sessions_.begun()));
    }
    return deadline;
}

void LoadThread::wait() {
    std::uint64_t deadline = 0;
    const bool has_one_to_begin = context_.has_begun() && sessions_.begun() < sessions_.size() &&
                                  sessions_.begin_of(sessions_.begun()) <= context_.now_ns;
    if (!has_one_to_begin || ends_early_) {
        deadline = next_deadline();
        // If the system's waits may end late, the thread polls for the last bit before an instant.
        // (wait_forever is left unchanged.)
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
        open_loop_.note_wait(asked_ns, count);
    }
    for (std::size_t i = 0; i < count; ++i) {
        completed_[i]->completed(*completed_[i]);
        // Messages that are due do not wait for the rest of the batch.
        if (open_loop_.next_ns() <= context_.now_ns) {
            open_loop_.hand_out_due();
        }
    }
    context_.is_now_fresh = false;
}

void LoadThread::end_early_if_asked() {
    if (ends_early_) {
        return;
    }
    const bool is_interrupted = run_.interrupt.load(std::memory_order_relaxed);
    if (is_interrupted || run_.observer.has_thrown()) {
        ends_early_ = true;
        context_.totals.interrupted = is_interrupted;
        open_loop_.stop();
        for (Session& session : sessions_) {
            session.abandon();
        }
    }
}

void LoadThread::drain_if_over() {
    const bool is_over = context_.has_begun() && run_.plan.count == 0 &&
                         context_.now_ns >= context_.end_ns();
    if (!is_over || context_.draining || ends_early_) {
        return;
    }
    open_loop_.hand_out_rest();
    context_.draining = true;
    if (run_.plan.script == nullptr) {  // a script that has begun runs to its end
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
        sum.sending_ns = context_.has_begun() && now > context_.began_ns ? now - context_.began_ns
                                                                         : 0;
        run_.observer.tick(sum, context_.port.now());
    }
    arm_tick();
}

// With `reconnect`: connects the ended ones again, ten times a second.
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

// Publishes the latencies of the last complete slot.
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
