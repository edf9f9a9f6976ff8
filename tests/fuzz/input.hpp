// A fuzzer's bytes, read from the front as the values that a target asks for. After its end an
// input goes on with zeros, so every input is valid, and a shorter one is simpler.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace portico::fuzz {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) noexcept : at_(data), end_(data + size) {}

    [[nodiscard]] bool empty() const noexcept { return at_ == end_; }
    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - at_); }

    std::uint8_t byte() noexcept { return at_ == end_ ? std::uint8_t{0} : *at_++; }
    bool flag() noexcept { return (byte() & 1) != 0; }
    // Little-endian.
    template <class Integer>
    Integer number() noexcept {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < sizeof(Integer); ++i) {
            value |= std::uint64_t{byte()} << (8 * i);
        }
        return static_cast<Integer>(value);
    }
    // From `least` to `most`, which are less than 65,536 apart.
    std::uint32_t from_to(std::uint32_t least, std::uint32_t most) noexcept {
        const std::uint32_t span = most - least + 1;
        return least + (span <= 256 ? byte() : number<std::uint16_t>()) % span;
    }
    // At most that many bytes.
    std::string text(std::size_t size_max) {
        const std::size_t size = std::min(size_max, this->size());
        std::string text(reinterpret_cast<const char*>(at_), size);
        at_ += size;
        return text;
    }
    std::string rest() { return text(size()); }

private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

}  // namespace portico::fuzz
