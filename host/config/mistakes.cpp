#include "config/mistakes.hpp"

#include <iterator>

namespace portico::config {

std::string text_of(const Place& place) {
    return place.path + " on line " + std::to_string(place.line);
}

void Mistakes::add(int line, std::string_view path, std::string_view text) {
    ++count_;
    if (!wants(line)) {
        return;
    }
    entries_.emplace(line, std::string(path) + ": " + std::string(text));
    if (entries_.size() > mistakes_reported_max) {
        entries_.erase(std::prev(entries_.end()));
    }
}

std::vector<std::string> Mistakes::report(std::string_view file) const {
    std::vector<std::string> lines;
    lines.reserve(entries_.size() + 1);
    for (const auto& [line, text] : entries_) {
        lines.push_back(std::string(file) + ":" + std::to_string(line) + ": " + text);
    }
    if (count_ > entries_.size()) {
        lines.push_back(std::string(file) + ": " + more_mistakes(count_ - entries_.size()));
    }
    return lines;
}

std::string more_mistakes(std::size_t count) {
    return std::to_string(count) +
           (count == 1 ? " more mistake not shown" : " more mistakes not shown");
}

}  // namespace portico::config
