// The last words of a process that crashes in a check, and what they say to the one that started
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "verify/finding.hpp"
#include "verify/process.hpp"

namespace portico::verify {

// Writes them to standard error; in a signal handler. `callback`: the one that runs, or null.
// `is_offered`: the wrong address is of an offer, or just after it. `seed`: of the random world, or
// 0.
void write_last_words(const char* callback, bool is_offered, std::uint64_t seed) noexcept;

// What the end of such a process means, by its last words.
[[nodiscard]] Finding finding_of_end(const ProcessEnd& end, std::string_view output);
[[nodiscard]] std::optional<std::uint64_t> seed_of_output(std::string_view output);

}  // namespace portico::verify
