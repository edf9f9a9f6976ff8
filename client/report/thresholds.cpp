#include "report/thresholds.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace portico::client {

namespace {

using Comparison = Threshold::Comparison;

// Longer ones first.
constexpr std::array<std::pair<std::string_view, Comparison>, 6> comparisons{{
    {">=", Comparison::at_least},
    {"<=", Comparison::at_most},
    {"==", Comparison::equal},
    {"!=", Comparison::unequal},
    {">", Comparison::above},
    {"<", Comparison::below},
}};

// The units and their nanoseconds.
constexpr std::array<std::pair<std::string_view, double>, 4> time_units{
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};

std::string_view trimmed(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(" \t");
    return first == text.npos ? std::string_view()
                              : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string quoted(std::string_view text) {
    return '"' + std::string(text) + '"';
}

bool is_time(Figure::Unit unit) noexcept {
    return unit == Figure::Unit::seconds || unit == Figure::Unit::microseconds;
}

// The figure's own unit, in nanoseconds.
double own_unit_ns(Figure::Unit unit) noexcept {
    return unit == Figure::Unit::seconds ? 1e9 : 1e3;
}

// The number in the figure's unit; nothing if the number or its unit is invalid. (Digits and a
// point: std::from_chars of a double is not everywhere.)
std::optional<double> limit_of(const Figure& figure, std::string_view text, bool needs_unit) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
    const std::string digits(text.substr(0, end));
    const std::string_view unit = trimmed(text.substr(end));
    if (digits.empty() || digits == "." || std::count(digits.begin(), digits.end(), '.') > 1 ||
        digits.size() > 20) {
        return std::nullopt;
    }
    double number = 0;
    double place = 0;
    for (const char digit : digits) {
        if (digit == '.') {
            place = 1;
            continue;
        }
        number = number * 10 + (digit - '0');
        place *= 10;
    }
    number /= place != 0 ? place : 1;
    if (!is_time(figure.unit)) {
        return unit.empty() ? std::optional(number) : std::nullopt;
    }
    if (unit.empty()) {
        return needs_unit ? std::nullopt : std::optional(number);
    }
    const auto found = std::find_if(time_units.begin(), time_units.end(),
                                    [&](const auto& each) { return each.first == unit; });
    return found == time_units.end()
               ? std::nullopt
               : std::optional(number * found->second / own_unit_ns(figure.unit));
}

}  // namespace

bool Threshold::is_met(const Result& result) const {
    const double value = figure->value(result);
    switch (comparison) {
        case Comparison::above: return value > limit;
        case Comparison::at_least: return value >= limit;
        case Comparison::below: return value < limit;
        case Comparison::at_most: return value <= limit;
        case Comparison::equal: return value == limit;
        case Comparison::unequal: return value != limit;
    }
    return false;
}

std::string Threshold::found(const Result& result) const {
    return text + ": " + figure->name + " is " + text_of(figure->unit, figure->value(result));
}

base::Result<Threshold> parse_threshold(std::string_view text) {
    const std::size_t at = text.find_first_of("<>=!");
    if (at == text.npos) {
        return base::Failure{
            quoted(text) +
            " compares nothing: write FIGURE COMPARISON NUMBER, such as \"p99>5ms\""};
    }
    const std::string_view rest = text.substr(at);
    const auto comparison = std::find_if(
        comparisons.begin(), comparisons.end(),
        [&](const auto& each) { return rest.starts_with(each.first); });
    if (comparison == comparisons.end()) {
        return base::Failure{quoted(text) +
                             ": the comparison is not one of >, >=, <, <=, == and !="};
    }
    const std::string_view name = trimmed(text.substr(0, at));
    const Figure* figure = figure_named(name);
    if (figure == nullptr) {
        return base::Failure{quoted(name) + " is not a figure; the nearest is " +
                             quoted(nearest_figure(name)) + " (client --help figures)"};
    }
    const bool is_short = figure->name != name;
    const std::string_view number = trimmed(rest.substr(comparison->first.size()));
    const std::optional<double> limit = limit_of(*figure, number, is_short);
    if (!limit) {
        return base::Failure{
            quoted(number) +
            (is_time(figure->unit)
                 ? is_short ? " is not a time: a number with ns, us, ms or s"
                            : " is not a time: a number, with ns, us, ms or s if in another unit"
                 : " is not a number")};
    }
    return Threshold{std::string(text), figure, comparison->second, *limit};
}

}  // namespace portico::client
