// Numbers in the lines of the log.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>

#include "base/clock.hpp"

namespace portico::log {

template <class Number>
void append_number(std::string& out, Number number, int base = 10) {
    char text[24];
    out.append(text, std::to_chars(text, text + sizeof text, number, base).ptr);
}

// Milliseconds with three decimals: "0.250".
inline void append_milliseconds(std::string& out, std::uint64_t nanoseconds) {
    constexpr std::uint64_t per_thousandth = base::nanoseconds_per_millisecond / 1'000;
    const std::uint64_t thousandths = nanoseconds / per_thousandth;
    append_number(out, thousandths / 1'000);
    const std::uint64_t rest = thousandths % 1'000;
    out += '.';
    out += static_cast<char>('0' + rest / 100);
    out += static_cast<char>('0' + rest / 10 % 10);
    out += static_cast<char>('0' + rest % 10);
}

}  // namespace portico::log
