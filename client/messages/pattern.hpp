// The pattern of a reply: bytes, a question mark for any one byte, an asterisk for any number of
// any bytes. Matches bytes that come in pieces; its whole state is one number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portico::client {

class Pattern {
public:
    // The progress of a match: bit i is set if the first i bytes of the pattern (not counting
    // asterisks) match what was read. All possible matches are followed at once.
    using Places = std::uint64_t;
    static constexpr std::size_t bytes_max = 63;
    static constexpr Places start = 1;

    // Accepts the escapes of unescape(), and \* and \? for the signs themselves. Fails with a
    // sentence, also if there are more than bytes_max bytes and question marks. `end`: bytes that
    // must follow the text.
    [[nodiscard]] static base::Result<Pattern> parse(std::string_view text,
                                                     std::string_view end = {});

    [[nodiscard]] Places after(Places places, std::span<const std::byte> bytes) const noexcept {
        for (const std::byte byte : bytes) {
            places = (places & accepts_[std::to_integer<std::size_t>(byte)]) << 1 |
                     (places & asterisks_);
        }
        return places;
    }
    [[nodiscard]] bool is_whole(Places places) const noexcept { return (places >> size_ & 1) != 0; }
    // The text as it was given.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    Pattern() = default;

    std::string text_;
    std::size_t size_ = 0;               // bytes and question marks
    std::array<Places, 256> accepts_{};  // by byte: the places at which it may come next
    Places asterisks_ = 0;               // the places that any byte leaves unchanged
};

}  // namespace portico::client
