#include "plugin/fault_counts.hpp"

#include <algorithm>

#include "plugin/call_scope.hpp"

namespace portico::plugin {

namespace {

struct Name {
    std::string_view text;   // of the log
    std::string_view label;  // of the metrics
};
constexpr std::array callbacks = {
    Name{"on_open", "on_open"},   Name{"on_data", "on_data"},    Name{"on_writable", "on_writable"},
    Name{"on_end", "on_end"},     Name{"on_drain", "on_drain"},  Name{"on_close", "on_close"},
    Name{"on_stop", "on_stop"},   Name{posted_name, "post"},     Name{timer_name, "timer"},
    Name{done_name, "work_done"}, Name{resolved_name, "lookup"}, Name{release_name, "release"},
};

// By -status - 1.
constexpr std::array<std::string_view, 15> statuses = {
    "ERROR",      "GONE",           "WOULD_BLOCK", "TOO_LARGE", "CLOSING",
    "INVALID",    "NO_MEMORY",      "UNSUPPORTED", "LIMIT",     "NOT_FOUND",
    "WRONG_TYPE", "PROTOCOL_ERROR", "REFUSED",     "CANCELLED", "TIMED_OUT",
};
static_assert(statuses[-PORTICO_PROTOCOL_ERROR - 1] == "PROTOCOL_ERROR" &&
              statuses[-PORTICO_TIMED_OUT - 1] == "TIMED_OUT");

// One beyond the last if it is unknown.
std::size_t place_of(std::string_view callback) noexcept {
    const auto found = std::find_if(callbacks.begin(), callbacks.end(),
                                    [&](const Name& name) { return name.text == callback; });
    return static_cast<std::size_t>(found - callbacks.begin());
}

std::size_t place_of(portico_status status) noexcept {
    const auto place = static_cast<std::size_t>(-std::int64_t{status}) - 1;
    return place < statuses.size() ? place : 0;
}

}  // namespace

void FaultCounts::count_error(std::string_view callback, portico_status status) noexcept {
    if (const std::size_t place = place_of(callback); place < errors_.size()) {
        errors_[place][place_of(status)].fetch_add(1, std::memory_order_relaxed);
    }
}

void FaultCounts::count_stuck(std::string_view callback) noexcept {
    if (const std::size_t place = place_of(callback); place < stuck_.size()) {
        stuck_[place].fetch_add(1, std::memory_order_relaxed);
    }
}

std::vector<FaultCounts::Error> FaultCounts::errors() const {
    std::vector<Error> found;
    for (std::size_t callback = 0; callback < callbacks.size(); ++callback) {
        for (std::size_t status = 0; status < statuses.size(); ++status) {
            const std::uint64_t count = errors_[callback][status].load(std::memory_order_relaxed);
            if (count != 0) {
                found.push_back({callbacks[callback].label, statuses[status], count});
            }
        }
    }
    return found;
}

std::vector<FaultCounts::Stuck> FaultCounts::stuck() const {
    std::vector<Stuck> found;
    for (std::size_t callback = 0; callback < callbacks.size(); ++callback) {
        const std::uint64_t count = stuck_[callback].load(std::memory_order_relaxed);
        if (count != 0) {
            found.push_back({callbacks[callback].label, count});
        }
    }
    return found;
}

}  // namespace portico::plugin
