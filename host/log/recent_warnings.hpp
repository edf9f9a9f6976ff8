// The last warnings and errors of the log, for an operator who asks what is wrong.
#pragma once

#include <cstddef>
#include <mutex>
#include <string_view>
#include <vector>

#include "log/function_sink.hpp"
#include "log/line_format.hpp"

namespace portico::log {

class RecentWarnings {
public:
    static constexpr std::size_t lines_max = 32;

    // [any thread] Both throw std::bad_alloc.
    void add(const LineHead& head, std::string_view text);
    [[nodiscard]] std::vector<Line> lines() const;  // oldest first

private:
    mutable std::mutex mutex_;
    std::vector<Line> lines_;  // under mutex_; oldest first
};

}  // namespace portico::log
