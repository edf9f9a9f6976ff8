#include "config/mistakes.hpp"

#include <algorithm>

namespace portico::config {

std::vector<std::string> Mistakes::report(std::string_view file) const {
    auto sorted = entries_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& left, const auto& right) { return left.first < right.first; });
    std::vector<std::string> lines;
    lines.reserve(sorted.size());
    for (const auto& [line, text] : sorted) {
        lines.push_back(std::string(file) + ":" + std::to_string(line) + ": " + text);
    }
    return lines;
}

}  // namespace portico::config
