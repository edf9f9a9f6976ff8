// A run, read from a file of --json (docs/reference/client_json.md). Files may come from anywhere,
// so each member is checked before it is used.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portico::client {

struct SavedFigure {
    std::string name;
    double value = 0;
    std::string unit;  // empty for a count
};

struct SavedHistogram {
    std::uint64_t count = 0;
    std::uint64_t max_ns = 0;
    // (value in nanoseconds, its count), by rising value; the counts add up to `count`
    std::vector<std::array<std::uint64_t, 2>> buckets;
};

struct SavedRun {
    // Replies, bytes received, failures, and the latency's median, 99th percentile and largest one
    // in nanoseconds.
    using Slot = std::array<double, 6>;

    std::string client;
    std::string began;
    std::string system;
    std::uint64_t processors = 0;  // 0: unknown
    std::vector<std::string> arguments;
    int exit_code = 0;
    bool interrupted = false;
    bool lagged = false;
    std::vector<SavedFigure> figures;
    std::vector<std::pair<std::string, std::uint64_t>> failures;  // reason, connections
    double slot_seconds = 0;                                      // at least a millisecond
    std::vector<Slot> slots;
    SavedHistogram latency;
    SavedHistogram service;  // empty without --rate
};

// Throws std::runtime_error with a sentence if the text is no such file. Only "series" is required:
// other missing members keep the defaults above.
[[nodiscard]] SavedRun parse_saved_run(std::string_view text);

}  // namespace portico::client
