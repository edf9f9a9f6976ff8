// Collects the mistakes of one configuration, to report them together: the first ones, and the
// number of the others. Nobody reads more, and a file may have hundreds of thousands.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace portico::config {

inline constexpr std::size_t mistakes_reported_max = 50;

// Where something stands in the file.
struct Place {
    std::string path;  // "listeners[0]"
    int line = 0;
};
// "listeners[0] on line 2"
[[nodiscard]] std::string text_of(const Place& place);

class Mistakes {
public:
    // True if one more on this line would be reported, as far as is known now. If not, its text
    // need not be made: call count_one().
    [[nodiscard]] bool wants(int line) const noexcept {
        return entries_.size() < mistakes_reported_max || line < entries_.rbegin()->first;
    }
    void add(int line, std::string_view path, std::string_view text);
    void count_one() noexcept { ++count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

    // "FILE:LINE: PATH: text", in the order of the lines. The last line says how many more there
    // are.
    [[nodiscard]] std::vector<std::string> report(std::string_view file) const;

private:
    std::multimap<int, std::string> entries_;  // by line, then in their order
    std::size_t count_ = 0;
};

// "3 more mistakes not shown"
[[nodiscard]] std::string more_mistakes(std::size_t count);

}  // namespace portico::config
