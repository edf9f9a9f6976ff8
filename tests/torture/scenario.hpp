// What the torture tests share: the loop that lets each call fail in turn, what must be as it was
// afterwards, and the lines that a server wrote meanwhile.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "torture/allocations.hpp"

namespace portico::test {

// Memory and descriptors of the process.
struct Holdings {
    std::int64_t allocations = 0;
    std::size_t descriptors = 0;
};
[[nodiscard]] Holdings holdings();
[[nodiscard]] std::string to_string(const Holdings& holdings);

// Whether the process has that many threads, soon: the system still lists one for a moment that has
// been joined.
[[nodiscard]] bool has_threads(std::size_t count);

// Catches what the process writes to standard error, from its construction on. The descriptor stays
// what it was for everybody else.
class CaughtErrors {
public:
    CaughtErrors();
    ~CaughtErrors();
    CaughtErrors(const CaughtErrors&) = delete;
    CaughtErrors& operator=(const CaughtErrors&) = delete;

    // What came so far.
    [[nodiscard]] std::string text() const;

private:
    int caught_;
    int before_;
};

[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);
[[nodiscard]] std::size_t count_of(std::string_view text, std::string_view part);

// Says that memory (or a thread) was not to be had, in whoever's words.
[[nodiscard]] bool is_about_memory(std::string_view line);

// Runs `scenario(n)` for n = 1, 2, ... until it answers false: then no call failed, which is to say
// that there is none left. Checks after each run that the process holds what it held before. How
// many calls failed.
std::size_t torture(const std::function<bool(std::uint64_t n)>& scenario);

}  // namespace portico::test
