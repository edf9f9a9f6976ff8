// The small languages of the command line (numbers, durations, sizes, escapes) and the safe
// printing of foreign bytes. Failures are sentences for a person.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portico::client {

// Accepts decimal digits and nothing else. Empty if there are other characters, none, or too many
// digits for 64 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_unsigned(std::string_view text) noexcept;

// A number with or without decimals: value / scale; scale is the smallest power of ten that fits.
struct Decimal {
    std::uint64_t value = 0;
    std::uint64_t scale = 1;
};
// "12", "0.5": digits, and up to `decimals_max` more after a point that has digits on both sides.
[[nodiscard]] std::optional<Decimal> parse_decimal(std::string_view text,
                                                   std::size_t decimals_max) noexcept;

// "10", "10s", "2.5s", "500ms", "1m": nanoseconds, whole milliseconds from 1 ms to 30 days.
[[nodiscard]] base::Result<std::uint64_t> parse_duration_ns(std::string_view text);

struct SizeRange {
    std::uint64_t min = 0;
    std::uint64_t max = 0;
};
// "64", "1-60000", "64K", "1K-1M" (K is 1,024 bytes, M is 1,048,576): bytes, at most size_max.
inline constexpr std::uint64_t size_max = 1'073'741'824;
[[nodiscard]] base::Result<SizeRange> parse_size_range(std::string_view text);

// Replaces \n \r \t \\ \xHH; any other backslash is a mistake.
[[nodiscard]] base::Result<std::string> unescape(std::string_view text);

// The bytes as text that is safe on a terminal: valid UTF-8 stays; control characters and bytes
// that are not UTF-8 become \n \r \t \xHH.
[[nodiscard]] std::string printable(std::span<const std::byte> bytes);

// "48 65 6c", for differences.
[[nodiscard]] std::string hex(std::span<const std::byte> bytes);

[[nodiscard]] inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace portico::client
