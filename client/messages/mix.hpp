// Numbers that look random and can be made again: one function without state.
#pragma once

#include <cstdint>

namespace portico::client {

// The finaliser of splitmix64 (Steele, Lea and Flood): every bit of the input changes every bit of
// the output.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value) noexcept {
    value += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

}  // namespace portico::client
