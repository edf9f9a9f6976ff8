#include "config/suggest.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace portico::config {

namespace {

// No known key is this long, and the distance takes quadratic time.
constexpr std::size_t longest_typed = 64;

std::string folded(std::string_view text) {
    std::string result;
    for (const char letter : text) {
        if (letter != '-' && letter != '_' && letter != ' ') {
            result += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a')
                                                     : letter;
        }
    }
    return result;
}

// The number of insertions, deletions, replacements and swaps of neighbours that turn one text into
// the other.
std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> before_previous(to.size() + 1);
    std::vector<std::size_t> previous(to.size() + 1);
    std::vector<std::size_t> current(to.size() + 1);
    for (std::size_t column = 0; column <= to.size(); ++column) {
        previous[column] = column;
    }
    for (std::size_t row = 1; row <= from.size(); ++row) {
        current[0] = row;
        for (std::size_t column = 1; column <= to.size(); ++column) {
            const std::size_t replace = previous[column - 1] +
                                        (from[row - 1] == to[column - 1] ? 0u : 1u);
            current[column] = std::min({previous[column] + 1, current[column - 1] + 1, replace});
            if (row > 1 && column > 1 && from[row - 1] == to[column - 2] &&
                from[row - 2] == to[column - 1]) {
                current[column] = std::min(current[column], before_previous[column - 2] + 1);
            }
        }
        before_previous.swap(previous);
        previous.swap(current);
    }
    return previous[to.size()];
}

}  // namespace

std::string_view nearest(std::string_view typed, std::span<const std::string_view> known) {
    if (typed.size() > longest_typed) {
        return {};
    }
    const std::string key = folded(typed);
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(1, key.size() / 3) + 1;
    for (const std::string_view candidate : known) {
        const std::size_t distance = edit_distance(key, folded(candidate));
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace portico::config
