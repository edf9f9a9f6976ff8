#include "io/processors.hpp"

#include <algorithm>

namespace portico::io {

std::uint32_t processors_of_cpu_rate(std::uint32_t rate, std::uint32_t processors) noexcept {
    constexpr std::uint64_t whole = 10'000;
    const std::uint64_t paid_for = (std::uint64_t{rate} * processors + whole - 1) / whole;
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(paid_for, 1, std::max(1U, processors)));
}

}  // namespace portico::io
