#include "log/recent_warnings.hpp"

#include <chrono>
#include <utility>

#include "log/line_format.hpp"

namespace portico::log {

void RecentWarnings::add(base::LogLevel level, std::string_view listener, std::uint64_t connection,
                         std::string_view text) {
    Line line;
    line.level = level;
    line.time = std::chrono::system_clock::now();
    line.listener = listener;
    line.connection = connection;
    line.text = escaped(text);
    const std::scoped_lock lock(mutex_);
    if (lines_.size() == lines_max) {
        lines_.pop_front();
    }
    lines_.push_back(std::move(line));
}

std::vector<Line> RecentWarnings::lines() const {
    const std::scoped_lock lock(mutex_);
    return {lines_.begin(), lines_.end()};
}

}  // namespace portico::log
