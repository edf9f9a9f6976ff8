// The seeds of the random runs: the same in each test run, unless the command line sets others.
#pragma once

#include <cstdint>

namespace portico::interleave {

struct Seeds {
    std::uint64_t first = 1;
    std::uint64_t count = 0;  // 0: the test's own number
    bool count_chosen = false;

    [[nodiscard]] std::uint64_t count_or(std::uint64_t usual) const noexcept {
        return count != 0 ? count : usual;
    }
};

[[nodiscard]] Seeds& seeds();

}  // namespace portico::interleave
