#include "sim/sim_port.hpp"

#include <cerrno>

#include "sim/sim_port_internals.hpp"

namespace portico::sim {

namespace {

constexpr std::uint64_t look_ns_max = 20'000;
constexpr std::uint64_t late_cancel_ns_max = 3 * base::nanoseconds_per_millisecond;

}  // namespace

SimPort::SimPort(Scheduler& scheduler, Network& network, io::BufferPool& buffers, Random random,
                 const FaultMix& faults, const SimPortOptions& options)
    : CompletionPort(buffers, true),
      internals_(
          std::make_unique<Internals>(scheduler, network, buffers, random, faults, options)) {}

SimPort::~SimPort() {
    const Scheduler::Section section(internals_->scheduler);
    if (outstanding() != 0) {
        internals_->fail(std::to_string(outstanding()) + " operations are in flight at its end");
    }
    if (!internals_->sockets.empty()) {
        internals_->fail(std::to_string(internals_->sockets.size()) +
                         " sockets have not left it at its end");
    }
    internals_->network.ports[internals_->slot] = nullptr;
}

std::uint32_t SimPort::accepts_max() const noexcept {
    return internals_->options.accepts_max;
}

base::Result<void> SimPort::attach(io::Socket& socket) {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("attach");
    const Internals::Handle handle = its.network.handle_of(socket.native(), "attach");
    Network::Internals::Handle& entry = its.network.handles[handle];
    if (entry.port != nullptr) {
        its.fail("socket " + std::to_string(socket.native()) + " joins a second time");
    }
    if (its.random.chance(its.faults.attach_fails)) {
        its.scheduler.trace("port {}: socket {} may not join", its.options.number, socket.native());
        return base::Failure{"cannot watch a socket: " + io::native_error_text(ENOMEM)};
    }
    entry.port = this;
    entry.watcher = &its;
    its.sockets[handle];
    its.scheduler.trace("port {}: socket {} joins", its.options.number, socket.native());
    return {};
}

void SimPort::close(io::Socket& socket) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("close");
    const Internals::Handle handle = its.network.handle_of(socket.native(), "close");
    const auto found = its.sockets.find(handle);
    if (found != its.sockets.end()) {
        const Internals::Attached& left = found->second;
        if (left.receive != nullptr || left.send != nullptr || left.connect != nullptr ||
            !left.accepts.empty()) {
            its.fail("socket " + std::to_string(socket.native()) +
                     " is closed with operations in flight");
        }
        its.sockets.erase(found);
        its.network.handles[handle].port = nullptr;
        its.network.handles[handle].watcher = nullptr;
    } else if (its.network.handles[handle].port != nullptr) {
        its.fail("socket " + std::to_string(socket.native()) +
                 " is closed by a port that it did not join");
    }
    socket.close();
}

void SimPort::move(io::Socket& from, io::Socket& to) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("move");
    const Internals::Handle handle = its.network.handle_of(from.native(), "move");
    const auto found = its.sockets.find(handle);
    if (found == its.sockets.end() || found->second.receive != nullptr ||
        found->second.send != nullptr || found->second.connect != nullptr || to.is_open()) {
        its.fail("socket " + std::to_string(from.native()) +
                 " moves with an operation in flight, from a port that it did not join, or to a "
                 "place that is taken");
    }
    to.take_over(from);
}

void SimPort::accept(io::AcceptOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.begin(its.start_accept(operation));
}

bool SimPort::accept_at_once(io::AcceptOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    Internals::Record& record = its.start_accept(operation);
    if (its.random.chance(its.faults.at_once) && its.is_done_at_once(record)) {
        return true;
    }
    its.begin(record);
    return false;
}

void SimPort::connect(io::ConnectOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("connect");
    Internals::Record& record = its.start(operation);
    its.take_place(its.attached_to(operation.socket, operation.type, record).connect, record);
    record.remote = operation.remote;
    its.counters.connects.fetch_add(1, std::memory_order_relaxed);
    its.network.connect(record.handle, record.remote);
    its.begin(record);
}

void SimPort::receive(io::ReceiveOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("receive");
    Internals::Record& record = its.start(operation);
    its.take_place(its.attached_to(operation.socket, operation.type, record).receive, record);
    record.planned = its.random.chance(its.faults.receive_no_buffers) ? io::Error::no_buffers
                                                                      : io::Error::none;
    its.begin(record);
}

void SimPort::send(io::SendOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    Internals::Record& record = its.start_send(operation);
    its.hide_parts(record);
    its.begin(record);
}

bool SimPort::send_at_once(io::SendOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    Internals::Record& record = its.start_send(operation);
    if (its.random.chance(its.faults.at_once) && its.is_done_at_once(record)) {
        return true;
    }
    its.hide_parts(record);
    its.begin(record);
    return false;
}

void SimPort::timer(io::TimerOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("timer");
    Internals::Record& record = its.start(operation);
    record.deadline_ns = operation.deadline_ns;
    const Internals::Range hidden = Internals::hidden_part(operation);
    poison(hidden.begin, hidden.bytes);
    if (its.due_ns(record) <= its.scheduler.now()) {
        its.expire_timers();  // timers that were due before
        its.decided(record);
    } else {
        its.add_timer(record);
    }
}

void SimPort::post(io::PostOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    Internals::Record& record = its.start(operation);
    const Internals::Range hidden = Internals::hidden_part(operation);
    poison(hidden.begin, hidden.bytes);
    its.scheduler.trace("port {}: post {}", its.options.number, record.ticket);
    its.decided(record);
}

void SimPort::expedite(io::SendOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("expedite");
    if (operation.in_flight) {
        its.expedite(its.record_of(operation));
    }
}

void SimPort::cancel(io::Operation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("cancel");
    if (operation.type == io::OperationType::post) {
        its.fail("a post is cancelled");
    }
    if (!operation.in_flight) {
        if (its.handed_out.count(&operation) == 0) {
            its.fail(std::string("a ") + name_of(operation.type) +
                     " is cancelled that was never submitted here");
        }
        return;  // wait() has handed it out, but its owner does not know yet
    }
    Internals::Record& record = its.record_of(operation);
    its.counters.cancels.fetch_add(1, std::memory_order_relaxed);
    const bool is_late = its.random.chance(its.faults.late_cancel);
    const std::uint64_t subject = record.handle == Network::Internals::none
                                      ? record.ticket
                                      : static_cast<std::uint64_t>(
                                            Network::Internals::native_of(record.handle));
    its.scheduler.trace(
        is_late ? "port {}: a cancel of {} is on its way" : "port {}: a cancel of {}",
        its.options.number, subject);
    if (is_late) {
        its.later<&Internals::abort>(
            its.scheduler.now() + 1 + its.random.skewed(late_cancel_ns_max), record);
    } else {
        its.abort(record);
    }
}

std::size_t SimPort::wait(std::span<io::Operation*> completed, std::uint64_t deadline_ns) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    if (completed.empty()) {
        its.fail("wait() without room");
    }
    its.check_thread("wait");
    if (its.random.chance(its.faults.clock_jump) && !its.scheduler.is_free()) {
        its.scheduler.jump_clock(1 + its.random.below(its.faults.clock_jump_ns_max));
    }
    if (its.random.chance(its.faults.early_return)) {
        its.scheduler.trace("port {}: wait returns early", its.options.number);
        return 0;
    }
    its.expire_timers();
    its.retry_starved();
    if (its.ready.empty()) {
        its.counters.waits.fetch_add(1, std::memory_order_relaxed);
        if (!its.is_woken && deadline_ns > its.scheduler.now()) {
            ++its.waiting;
            its.scheduler.block(
                "completions",
                [](void* context) noexcept {
                    const auto& port = *static_cast<const Internals*>(context);
                    return !port.ready.empty() || port.is_woken ||
                           (!port.starved.empty() && port.has_buffers());
                },
                &its, deadline_ns);
            --its.waiting;
            its.expire_timers();
            its.retry_starved();
        } else if (!its.scheduler.is_free()) {
            // A poll that finds nothing is also a call to the system, and repeated polls let time
            // pass.
            its.scheduler.spend(its.random.below(look_ns_max));
        }
        its.release_late();
    }
    its.is_woken = false;  // a thread that returns has been woken
    std::size_t room = completed.size();
    if (room > 1 && its.random.chance(its.faults.short_batch)) {
        room = 1 + static_cast<std::size_t>(its.random.below(room - 1));
    }
    std::size_t taken = 0;
    while (taken < room && !its.ready.empty()) {
        completed[taken++] = &its.hand_out(its.next_ready());
    }
    return taken;
}

void SimPort::wake() noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.counters.wakes.fetch_add(1, std::memory_order_relaxed);
    its.is_woken = true;
    its.scheduler.changed();
}

std::size_t SimPort::outstanding() const noexcept {
    return internals_->in_flight.load(std::memory_order_relaxed);
}

io::Counters SimPort::counters() const noexcept {
    const Internals::AtomicCounters& from = internals_->counters;
    io::Counters result;
    result.waits = from.waits.load(std::memory_order_relaxed);
    result.receives = from.receives.load(std::memory_order_relaxed);
    result.sends = from.sends.load(std::memory_order_relaxed);
    result.accepts = from.accepts.load(std::memory_order_relaxed);
    result.connects = from.connects.load(std::memory_order_relaxed);
    result.wakes = from.wakes.load(std::memory_order_relaxed);
    result.cancels = from.cancels.load(std::memory_order_relaxed);
    result.completions = from.completions.load(std::memory_order_relaxed);
    return result;
}

std::uint64_t SimPort::now() const noexcept {
    return internals_->scheduler.now();
}

std::uint32_t SimPort::threads_waiting() const noexcept {
    return internals_->waiting;
}

}  // namespace portico::sim
