#include "load/thread_sessions.hpp"

namespace portico::client {

namespace {

// The most sessions that begin to send between two waits, so that the first replies are read soon.
constexpr std::size_t begin_max = 64;

}  // namespace

ThreadSessions::ThreadSessions(SessionContext& context, std::uint32_t index, std::uint32_t count)
    : context_(context), index_(index) {
    for (std::uint32_t i = 0; i < count; ++i) {
        sessions_.emplace_back(context_, connection_of(i));
    }
    context_.reconnecting.reserve(count);
}

std::uint32_t ThreadSessions::connection_of(std::size_t place) const noexcept {
    return static_cast<std::uint32_t>(place) * context_.plan.threads + index_ + 1;
}

std::uint64_t ThreadSessions::begin_of(std::size_t place) const noexcept {
    // In two steps, so that 30 days in nanoseconds times a million connections stay within 64 bits.
    const LoadPlan& plan = context_.plan;
    const std::uint64_t each_ns = plan.ramp_up_ns / plan.connections;
    const std::uint64_t rest_ns = plan.ramp_up_ns % plan.connections;
    const std::uint64_t before = connection_of(place) - 1;
    return context_.began_ns + before * each_ns + before * rest_ns / plan.connections;
}

void ThreadSessions::connect_some(std::uint32_t most) {
    while (connected_ < sessions_.size() && context_.connecting < most) {
        sessions_[connected_++].connect();
    }
}

void ThreadSessions::connect_again(std::uint32_t most) {
    while (!context_.reconnecting.empty() && context_.connecting < most) {
        Session* session = context_.reconnecting.back();
        context_.reconnecting.pop_back();
        if (session->waits_for_connect()) {  // and has not ended meanwhile
            session->connect();
        }
    }
}

void ThreadSessions::begin_some() {
    context_.read_clock();
    const LoadPlan& plan = context_.plan;
    const bool has_rate(plan.rate);
    for (std::size_t i = 0; (i < begin_max || has_rate) && begun_ < sessions_.size(); ++i) {
        const std::uint64_t turn_ns = begin_of(begun_);
        if (plan.ramp_up_ns != 0 && turn_ns > context_.now_ns && !context_.draining) {
            return;
        }
        sessions_[begun_].begin(has_rate && plan.ramp_up_ns != 0
                                    ? context_.schedule.due_before(connection_of(begun_), turn_ns)
                                    : 0);
        ++begun_;
    }
}

}  // namespace portico::client
