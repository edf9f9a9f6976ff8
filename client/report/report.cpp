#include "report/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/text.hpp"
#include "report/columns.hpp"
#include "report/figures.hpp"

namespace portico::client {

namespace {

constexpr std::size_t name_width = 23;

void append(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out.append(name.size() < name_width ? name_width - name.size() : 1, ' ');
    out += value;
    out += '\n';
}

// A time in the unit that suits it.
std::string time_text(std::uint64_t ns) {
    const double value = static_cast<double>(ns);
    return ns < 1'000           ? fixed(value, 0) + " ns"
           : ns < 1'000'000     ? fixed(value / 1e3, 0) + " us"
           : ns < 1'000'000'000 ? fixed(value / 1e6, 0) + " ms"
                                : fixed(value / 1e9, 0) + " s";
}

// The same to three digits.
std::string exact_time_text(double ns) {
    constexpr std::array<std::pair<const char*, double>, 4> units{
        {{" ns", 1}, {" us", 1e3}, {" ms", 1e6}, {" s", 1e9}}};
    std::size_t unit = 0;
    while (unit + 1 < units.size() && ns >= units[unit + 1].second) {
        ++unit;
    }
    const double value = ns / units[unit].second;
    const int decimals = unit == 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
    return fixed(value, decimals) + units[unit].first;
}

// The least of 1, 2, 5, 10, 20, ... microseconds that is not below `ns`.
std::uint64_t step_at_least(std::uint64_t ns) noexcept {
    for (std::uint64_t power = 1'000;; power *= 10) {
        for (const std::uint64_t step : {power, 2 * power, 5 * power}) {
            if (step >= ns || power > UINT64_MAX / 100) {
                return step;
            }
        }
    }
}

}  // namespace

int exit_code_of(const Totals& totals) noexcept {
    if (totals.interrupted) {
        return exit_code::interrupted;
    }
    if (totals.connections_opened == 0) {
        return exit_code::could_not_run;
    }
    const auto found = totals.findings();
    const bool is_right = totals.connections_failed == 0 && totals.connections_broken == 0 &&
                          totals.idle_broken == 0 &&
                          std::all_of(found.begin(), found.end(),
                                      [](std::uint64_t count) { return count == 0; });
    return is_right ? exit_code::all_right : exit_code::wrong_or_lost;
}

int exit_code_of(const Result& result, std::span<const Threshold> thresholds) {
    if (const int code = exit_code_of(result.totals); code != exit_code::all_right) {
        return code;
    }
    if (result.has_lagged()) {
        return exit_code::lagged;
    }
    const bool has_failed = std::any_of(thresholds.begin(), thresholds.end(),
                                        [&](const Threshold& each) { return each.is_met(result); });
    return has_failed ? exit_code::threshold : exit_code::all_right;
}

std::string summary(const Result& result) {
    std::string out;
    for (const Figure& figure : figures()) {
        if (figure.is_shown == nullptr || figure.is_shown(result.plan)) {
            append(out, figure.name, text_of(figure.unit, figure.value(result)));
        }
    }
    return out;
}

std::string readable_summary(const Result& result) {
    std::string out;
    for (const Figure& figure : figures()) {
        const double value = figure.value(result);
        const std::string text = text_of(figure.unit, value);
        const bool is_zero = text.find_first_not_of("0.") == text.npos;
        if (is_zero || (figure.is_shown != nullptr && !figure.is_shown(result.plan))) {
            continue;
        }
        std::string_view name = figure.name;
        switch (figure.unit) {
            case Figure::Unit::microseconds:
                name.remove_suffix(std::string_view("_us").size());
                append(out, name, exact_time_text(value * 1e3));
                break;
            case Figure::Unit::seconds: append(out, name, exact_time_text(value * 1e9)); break;
            default: append(out, name, text); break;
        }
    }
    return out;
}

std::string latency_drawing(const Histogram& latency_ns, std::size_t columns) {
    struct Row {
        std::uint64_t most_ns;
        std::uint64_t count;
    };
    std::vector<Row> rows;
    latency_ns.for_each([&](std::uint64_t value_ns, std::uint64_t count) {
        const std::uint64_t most_ns = step_at_least(value_ns);
        if (rows.empty() || rows.back().most_ns != most_ns) {
            rows.push_back({most_ns, 0});
        }
        rows.back().count += count;
    });
    if (rows.empty()) {
        return {};
    }
    const bool is_narrow = columns < 64;  // then the bars get the last column's room
    const std::size_t beside_bar = is_narrow ? 27 : 39;
    const std::size_t bar_width = std::clamp<std::size_t>(columns - std::min(columns, beside_bar),
                                                          1, 50);
    const std::uint64_t most =
        std::max_element(rows.begin(), rows.end(), [](const Row& one, const Row& other) {
            return one.count < other.count;
        })->count;
    const auto percent = [&](std::uint64_t count, int decimals) {
        return fixed(100.0 * static_cast<double>(count) / static_cast<double>(latency_ns.count()),
                     decimals) +
               " %";
    };
    std::string out = is_narrow ? "latency, up to   messages\n"
                                : "latency, up to   messages   no slower\n";
    std::uint64_t seen = 0;
    for (const Row& row : rows) {
        seen += row.count;
        // Rounded up, because the reader looks for the few slowest messages.
        const auto bar = static_cast<std::size_t>(
            std::ceil(static_cast<double>(row.count) / static_cast<double>(most) *
                      static_cast<double>(bar_width)));
        out += right(time_text(row.most_ns), 14) + right(percent(row.count, 2), 11) +
               (is_narrow ? "" : right(percent(seen, 3), 12)) + "  " + std::string(bar, '#') + '\n';
    }
    return out;
}

std::string verdict_lines(const Result& result, std::span<const Threshold> thresholds) {
    std::string out;
    if (result.has_missed_rate()) {
        const double asked = result.plan.rate.per_second();
        const double achieved = figure_named("rate_achieved")->value(result);
        out += "client: the rate was missed: " + fixed(achieved, 1) +
               " messages a second left, of " + fixed(asked, asked < 10 ? 3 : 0) + " asked for" +
               (result.totals.not_sent != 0
                    ? "; " + std::to_string(result.totals.not_sent) + " never left"
                    : "") +
               ". The server is slower than that, was away, or --depth is too small\n";
    }
    for (const Threshold& each : thresholds) {
        if (each.is_met(result)) {
            out += "client: failed by --fail-if " + each.found(result) + '\n';
        }
    }
    if (result.has_lagged()) {
        out += "client: the figures are invalid: one time in a hundred the client itself was " +
               fixed(static_cast<double>(result.lag_p99_ns()) / 1e6, 1) +
               " ms late or more, for a message that was due or a reply that had come. Give it a "
               "processor of its own, more --threads, or a lower --rate\n";
    }
    return out;
}

std::string failure_lines(const Totals& totals) {
    std::string out;
    for (const auto& [reason, count] : totals.failures) {
        out += "client: " + std::to_string(count) +
               (count == 1 ? " connection: " : " connections: ") + reason + '\n';
    }
    if (totals.failures_without_reason != 0) {
        out += "client: " + std::to_string(totals.failures_without_reason) +
               " more failed, with no memory to say why\n";
    }
    return out;
}

namespace {

// "  expected 00000010  68 65 6c 6c 6f  |hello|". Leaves room for shown_max bytes.
std::string bytes_row(const char* name, std::uint64_t offset, std::span<const std::byte> bytes) {
    char start[64];
    std::snprintf(start, sizeof start, "  %-8s %08llx  ", name,
                  static_cast<unsigned long long>(offset));
    if (bytes.empty()) {
        return start + std::string("nothing");
    }
    std::string row = start + hex(bytes);
    row.resize(std::strlen(start) + 3 * Finding::shown_max - 1, ' ');
    row += "  |";
    for (const std::byte byte : bytes) {
        const auto character = std::to_integer<unsigned char>(byte);
        row += character >= 0x20 && character < 0x7f ? static_cast<char>(character) : '.';
    }
    return row + '|';
}

std::string message_text(MessageId message) {
    return "connection " + std::to_string(message.connection) + " message " +
           std::to_string(message.number);
}

std::string finding_sentence(const Finding& finding) {
    std::string on = "connection " + std::to_string(finding.connection);
    const std::string came = "message " + std::to_string(finding.came.number);
    switch (finding.kind) {
        case Finding::Kind::wrong:
            return message_text(finding.expected) +
                   (finding.pattern != nullptr ? ": the reply does not match " +
                                                     printable(bytes_of(finding.pattern->text()))
                                               : " offset " + std::to_string(finding.differs_at));
        case Finding::Kind::lost:
            return message_text(finding.expected) +
                   (finding.count > 1
                        ? " to " + std::to_string(finding.expected.number + finding.count - 1)
                        : "") +
                   ": no reply " +
                   (finding.came.number == 0 ? "within the timeout" : "before the one to " + came);
        case Finding::Kind::duplicate: return on + ": the reply to " + came + " again";
        case Finding::Kind::reordered:
            return on + ": the reply to " + came + " after the one to a later message";
        case Finding::Kind::late: return on + ": the reply to " + came + " after the timeout";
        case Finding::Kind::crossed: return on + ": the reply to " + message_text(finding.came);
        case Finding::Kind::unexpected: return on + ": bytes that answer nothing";
    }
    return on;
}

}  // namespace

std::string finding_lines(const Finding& finding) {
    std::string text = to_string(finding.kind) + std::string(": ") + finding_sentence(finding);
    const bool has_expected = finding.kind != Finding::Kind::unexpected &&
                              finding.pattern == nullptr;
    if (has_expected) {
        text += '\n' + bytes_row("expected", finding.offset,
                                 std::span(finding.expected_bytes).first(finding.expected_size));
    }
    if (finding.kind != Finding::Kind::lost) {
        text += '\n' + bytes_row("came", finding.offset,
                                 std::span(finding.came_bytes).first(finding.came_size));
    }
    if (finding.kind == Finding::Kind::wrong && has_expected) {
        const std::size_t start = bytes_row("", finding.offset, {}).find("nothing");
        text += '\n' +
                std::string(
                    start + 3 * static_cast<std::size_t>(finding.differs_at - finding.offset),
                    ' ') +
                "^^";
    }
    return text;
}

}  // namespace portico::client
