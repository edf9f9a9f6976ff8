#include "load/open_loop.hpp"

namespace portico::client {

namespace {

// The most messages that are handed out in a row, so that the replies are still read if the rate is
// out of reach.
constexpr int due_max = 64;
// A wait that returns fewer has emptied the queue: no backend asks the system for fewer at once.
constexpr std::size_t whole_batch = 64;

}  // namespace

OpenLoop::OpenLoop(SessionContext& context, ThreadSessions& sessions) noexcept
    : context_(context), sessions_(sessions), poisson_(context.plan.seed) {}

void OpenLoop::begin() noexcept {
    const LoadPlan& plan = context_.plan;
    if (!plan.rate || sessions_.empty()) {
        return;
    }
    context_.schedule = Schedule(plan.rate, plan.connections, context_.began_ns,
                                 plan.arrivals == Arrivals::poisson ? &poisson_ : nullptr);
    next_ns_ = context_.schedule.due_ns(sessions_.connection_of(0), 1);
}

void OpenLoop::hand_out_due() {
    const bool is_timed = context_.plan.count == 0;
    for (int i = 0; next_ns_ != UINT64_MAX && i < due_max; ++i) {
        context_.now_ns = context_.port.now();  // read for each: the send before took time
        if (next_ns_ > context_.now_ns) {
            return;
        }
        if (is_timed && next_ns_ >= context_.end_ns()) {
            stop();
            return;
        }
        if (next_place_ >= sessions_.begun() && sessions_.begin_of(next_place_) <= next_ns_) {
            sessions_.begin_some();
        }
        if (next_place_ < sessions_.begun()) {  // with a ramp-up, the others do not send yet
            if (next_ns_ >= context_.measured_from_ns) {
                context_.totals.lag_ns.record(context_.now_ns - next_ns_);
            }
            sessions_[next_place_].messages_due(next_number_);
        }
        if (++next_place_ == sessions_.size()) {
            next_place_ = 0;
            if (++next_number_ > context_.plan.count && !is_timed) {
                stop();
                return;
            }
        }
        next_ns_ = context_.schedule.due_ns(sessions_.connection_of(next_place_), next_number_);
    }
}

void OpenLoop::hand_out_rest() {
    if (next_ns_ == UINT64_MAX) {
        return;
    }
    const std::uint64_t end_ns = context_.end_ns();
    for (std::size_t place = 0; place < sessions_.begun(); ++place) {
        const std::uint32_t connection = sessions_.connection_of(place);
        const std::uint64_t handed_out = next_number_ - (place < next_place_ ? 0 : 1);
        const std::uint64_t due = context_.schedule.due_before(connection, end_ns);
        if (due <= handed_out) {
            continue;
        }
        // There may be too many to go through, and the figure is how late they were: each gets the
        // lag of the one in the middle.
        const std::uint64_t first_ns = context_.schedule.due_ns(connection, handed_out + 1);
        const std::uint64_t middle_ns = first_ns + (end_ns - first_ns) / 2;
        context_.totals.lag_ns.record(context_.now_ns - middle_ns, due - handed_out);
        sessions_[place].messages_due(due);
    }
    stop();
}

// A completion may have come at any time since the last wait that emptied the queue. Time spent in
// waits does not count, because a wait ends as soon as something is there.
void OpenLoop::note_wait(std::uint64_t asked_ns, std::size_t count) noexcept {
    context_.came_after_ns = context_.now_ns - (emptied_ns_ == 0 ? 0 : asked_ns - emptied_ns_);
    if (count < whole_batch) {
        emptied_ns_ = context_.now_ns;
    }
}

void OpenLoop::count_not_sent(bool is_whole) noexcept {
    const LoadPlan& plan = context_.plan;
    if (!plan.rate) {
        return;
    }
    for (std::size_t place = 0; place < sessions_.begun(); ++place) {
        Session& session = sessions_[place];
        if (is_whole) {
            session.count_due(plan.count != 0
                                  ? plan.count
                                  : context_.schedule.due_before(sessions_.connection_of(place),
                                                                 context_.end_ns()));
        }
        context_.totals.not_sent += session.overdue();
    }
}

}  // namespace portico::client
