#include "log/recent_warnings.hpp"

#include <utility>

namespace portico::log {

void RecentWarnings::add(const LineHead& head, std::string_view text) {
    Line line = line_of(head, text);
    const std::scoped_lock lock(mutex_);
    if (lines_.size() == lines_max) {
        lines_.erase(lines_.begin());
    }
    lines_.push_back(std::move(line));
}

std::vector<Line> RecentWarnings::lines() const {
    const std::scoped_lock lock(mutex_);
    return lines_;
}

}  // namespace portico::log
