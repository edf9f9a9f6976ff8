#include "load/reply_accounting.hpp"

#include <algorithm>

namespace portico::client {

namespace {

// The most messages that may be due at once.
std::uint32_t depth_of(const LoadPlan& plan) noexcept {
    return static_cast<std::uint32_t>(
        plan.count == 0 ? plan.depth : std::min<std::uint64_t>(plan.depth, plan.count));
}

}  // namespace

ReplyAccounting::ReplyAccounting(SessionContext& context, std::uint32_t connection)
    : context_(context),
      connection_(connection),
      unanswered_(depth_of(context.plan), static_cast<bool>(context.plan.rate)) {}

void ReplyAccounting::right_reply(MessageId message) noexcept {
    const MessageId expected = next_reply();
    const std::uint64_t lost_before = unanswered_.lost();
    const Unanswered::Answer answer = unanswered_.answer(message.number);
    count_lost(lost_before);
    switch (answer.turn) {
        case Unanswered::Turn::own:
            if (answer.passed_over != 0) {
                context_.totals.series.failure(context_.now_ns);
                report(Finding::Kind::lost, expected, message, answer.passed_over);
            }
            break;
        case Unanswered::Turn::reordered:
            count_failure(&Totals::reordered);
            report(Finding::Kind::reordered, expected, message);
            break;
        case Unanswered::Turn::late:
            count_failure(&Totals::late);
            report(Finding::Kind::late, expected, message);
            break;
        case Unanswered::Turn::duplicate:
            count_failure(&Totals::duplicate);
            report(Finding::Kind::duplicate, expected, message);
            return;
        case Unanswered::Turn::forgotten:
            count_failure(&Totals::unexpected);
            report(Finding::Kind::unexpected, expected, message);
            return;
    }
    count_reply(message, answer.times);
}

void ReplyAccounting::wrong_reply(MessageId message) noexcept {
    const std::uint64_t lost_before = unanswered_.lost();
    const Unanswered::Answer answer = message.number == 0 ? unanswered_.answer_unknown()
                                                          : unanswered_.answer(message.number);
    count_lost(lost_before);
    count_failure(&Totals::wrong);
    if (answer.turn != Unanswered::Turn::duplicate && answer.turn != Unanswered::Turn::forgotten) {
        count_reply(message, answer.times);
    }
}

void ReplyAccounting::crossed_reply(MessageId message) noexcept {
    count_failure(&Totals::crossed);
    report(Finding::Kind::crossed, next_reply(), message);
}

void ReplyAccounting::unexpected_bytes(std::span<const std::byte> bytes) noexcept {
    count_failure(&Totals::unexpected);
    Finding& finding = context_.finding = {};
    finding.kind = Finding::Kind::unexpected;
    finding.connection = connection_;
    finding.came_size = std::min(bytes.size(), Finding::shown_max);
    std::copy_n(bytes.begin(), finding.came_size, finding.came_bytes.begin());
    context_.observer.finding(finding);
}

bool ReplyAccounting::give_up_due() noexcept {
    if (!context_.plan.expectation.tells_messages() || has_given_up_ || due() == 0) {
        return false;
    }
    has_given_up_ = true;
    const MessageId first = next_reply();
    const std::uint64_t lost_before = unanswered_.lost();
    const std::uint64_t count = unanswered_.give_up();
    count_lost(lost_before);
    context_.totals.series.failure(context_.now_ns);
    report(Finding::Kind::lost, first, {connection_, 0, 0}, count);
    start_waiting();
    return true;
}

void ReplyAccounting::begin_outage() noexcept {
    if (!is_out()) {
        outage_since_ns_ = due() != 0 ? next_reply().began_ns : context_.now_ns;
    }
    const std::uint64_t lost_before = unanswered_.lost();
    context_.totals.outage_failed += unanswered_.give_up();
    count_lost(lost_before);
}

void ReplyAccounting::end_outage() noexcept {
    if (is_out()) {
        context_.totals.outage_ns = std::max(
            context_.totals.outage_ns,
            context_.now_ns - std::min(outage_since_ns_, context_.now_ns));
        outage_since_ns_ = 0;
    }
}

void ReplyAccounting::conclude() noexcept {
    if (is_out() && !context_.totals.interrupted) {
        ++context_.totals.connections_broken;
    }
    end_outage();
}

void ReplyAccounting::lose_rest() noexcept {
    const std::uint64_t count = context_.plan.count;
    context_.totals.lost += (count == 0 ? begun() : count) - unanswered_.settled();
}

void ReplyAccounting::count_reply(MessageId message, MessageTimes times) noexcept {
    Totals& totals = context_.totals;
    const std::uint64_t now_ns = context_.now_ns;
    const bool has_rate(context_.plan.rate);
    has_given_up_ = false;
    start_waiting();  // for the next one
    end_outage();
    // Against coordinated omission: with a rate, a message's time begins when it was due, whoever
    // was late.
    const std::uint64_t since_ns = has_rate ? times.due_ns : times.began_ns;
    if (since_ns < context_.measured_from_ns) {
        ++totals.warm_up;
        return;
    }
    ++totals.received;
    totals.last_reply_ns = now_ns;
    if (context_.plan.script != nullptr && context_.plan.messages->size(message) == 0) {
        return;  // the script has sent nothing that it could answer
    }
    if (has_rate) {
        totals.service_ns.record(now_ns - times.began_ns);
    }
    const std::uint64_t latency_ns = now_ns - since_ns;
    totals.latency_ns.record(latency_ns);
    totals.series.reply(now_ns, latency_ns);
}

void ReplyAccounting::count_failure(std::uint64_t Totals::*figure) noexcept {
    ++(context_.totals.*figure);
    context_.totals.series.failure(context_.now_ns);
}

// Shows the start of whole messages.
void ReplyAccounting::report(Finding::Kind kind, MessageId expected, MessageId came,
                             std::uint64_t count) noexcept {
    const MessageSource& replies = *context_.plan.expectation.replies;
    const auto start_of = [&](MessageId message, auto& bytes) {
        const auto size = static_cast<std::size_t>(
            std::min<std::uint64_t>(replies.size(message), Finding::shown_max));
        replies.fill(message, 0, std::span(bytes).first(size));
        return size;
    };
    Finding& finding = context_.finding = {};
    finding.kind = kind;
    finding.connection = connection_;
    finding.expected = expected;
    finding.came = came;
    finding.count = count;
    finding.expected_size = expected.number <= begun() ? start_of(expected, finding.expected_bytes)
                                                       : 0;
    finding.came_size = kind == Finding::Kind::lost ? 0 : start_of(came, finding.came_bytes);
    context_.observer.finding(finding);
}

}  // namespace portico::client
