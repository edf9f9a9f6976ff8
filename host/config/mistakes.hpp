// The mistakes of one configuration, collected so that all of them can be reported at once.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portico::config {

class Mistakes {
public:
    void add(int line, std::string_view path, std::string_view text) {
        entries_.emplace_back(line, std::string(path) + ": " + std::string(text));
    }
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

    // "FILE:LINE: PATH: text", in the order of the lines.
    [[nodiscard]] std::vector<std::string> report(std::string_view file) const;

private:
    std::vector<std::pair<int, std::string>> entries_;
};

}  // namespace portico::config
