#include "report.hpp"

#include <cstdio>
#include <string_view>

#include "base/clock.hpp"
#include "text.hpp"

namespace portico::client {

namespace {

constexpr std::size_t name_width = 23;

std::string fixed(double value, int decimals) {
    char text[64];
    const int size = std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return {text, static_cast<std::size_t>(size)};
}

void append(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out.append(name.size() < name_width ? name_width - name.size() : 1, ' ');
    out += value;
    out += '\n';
}

void append(std::string& out, std::string_view name, std::uint64_t value) {
    append(out, name, std::to_string(value));
}

double per_second(double amount, double seconds) noexcept {
    return seconds > 0 ? amount / seconds : 0;
}

}  // namespace

int exit_code_of(const Totals& totals) noexcept {
    if (totals.interrupted) {
        return exit_code::interrupted;
    }
    if (totals.connections_opened == 0) {
        return exit_code::could_not_run;
    }
    const bool is_right = totals.connections_failed == 0 && totals.connections_broken == 0 && totals.wrong == 0 && totals.lost == 0 &&
                          totals.unexpected == 0 && totals.idle_broken == 0;
    return is_right ? exit_code::all_right : exit_code::wrong_or_lost;
}

std::string summary(const Totals& totals, const LoadPlan& plan) {
    const bool has_span = totals.last_reply_ns > totals.first_send_ns && totals.first_send_ns != 0;
    const double seconds = has_span ? static_cast<double>(totals.last_reply_ns - totals.first_send_ns) / 1e9 : 0;
    const auto latency_us = [&](double percent) {
        const std::uint64_t value = percent == 100 ? totals.latency_ns.max() : totals.latency_ns.percentile(percent);
        return fixed(static_cast<double>(value) / 1e3, 1);
    };
    std::string out;
    append(out, "connections_opened", totals.connections_opened);
    append(out, "connections_failed", totals.connections_failed);
    append(out, "connections_broken", totals.connections_broken);
    if (plan.messages_per_connection != 0) {
        append(out, "connections_per_second", fixed(per_second(static_cast<double>(totals.connections_replaced), seconds), 1));
    }
    if (plan.idle != 0) {
        append(out, "idle_opened", totals.idle_opened);
        append(out, "idle_broken", totals.idle_broken);
    }
    append(out, "sent", totals.sent);
    if (plan.rate != 0) {
        // N messages at even distances are N - 1 distances apart.
        const double between = totals.sent > 1 ? static_cast<double>(totals.sent - 1) : 0;
        append(out, "rate", plan.rate);
        append(out, "rate_achieved", fixed(per_second(between, static_cast<double>(totals.last_send_ns - totals.first_send_ns) / 1e9), 1));
        append(out, "sent_late", totals.sent_late);
        append(out, "not_sent", totals.not_sent);
    }
    append(out, "received", totals.received);
    append(out, "wrong", totals.wrong);
    append(out, "lost", totals.lost);
    append(out, "unexpected", totals.unexpected);
    append(out, "unanswered", totals.unanswered);
    append(out, "bytes_sent", totals.bytes_sent);
    append(out, "bytes_received", totals.bytes_received);
    append(out, "seconds", fixed(seconds, 3));
    append(out, "messages_per_second", fixed(per_second(static_cast<double>(totals.received), seconds), 1));
    append(out, "mib_per_second", fixed(per_second(static_cast<double>(totals.bytes_received) / 1'048'576, seconds), 2));
    append(out, "latency_p50_us", latency_us(50));
    append(out, "latency_p90_us", latency_us(90));
    append(out, "latency_p99_us", latency_us(99));
    append(out, "latency_p999_us", latency_us(99.9));
    append(out, "latency_max_us", latency_us(100));
    return out;
}

std::string failure_lines(const Totals& totals) {
    std::string out;
    for (const auto& [reason, count] : totals.failures) {
        out += "client: " + std::to_string(count) + (count == 1 ? " connection: " : " connections: ") + reason + '\n';
    }
    if (totals.failures_untold != 0) {
        out += "client: " + std::to_string(totals.failures_untold) + " more failed when there was no memory to say why\n";
    }
    return out;
}

std::string progress_line(const Progress& progress, std::uint64_t elapsed_ns, double messages_per_second) {
    std::string out = fixed(static_cast<double>(elapsed_ns) / 1e9, 0) + " s  connections " + std::to_string(progress.connections_opened) +
                      "  received " + std::to_string(progress.received) + "  " + fixed(messages_per_second, 0) + "/s";
    if (progress.wrong != 0) {
        out += "  wrong " + std::to_string(progress.wrong);
    }
    if (progress.lost != 0) {
        out += "  lost " + std::to_string(progress.lost);
    }
    return out;
}

std::string difference_line(const Difference& difference) {
    const auto shown = [](const auto& bytes, std::size_t size) {
        return size == 0 ? std::string("the end") : hex(std::span(bytes).first(size));
    };
    return "connection " + std::to_string(difference.message.connection) + " message " + std::to_string(difference.message.number) +
           " offset " + std::to_string(difference.offset) + ": expected " + shown(difference.expected, difference.expected_size) +
           ", got " + shown(difference.got, difference.got_size);
}

}  // namespace portico::client
