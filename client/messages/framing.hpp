// The separation of messages and replies in the stream: none, a delimiter after each, a length
// before each, or one size for all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portico::client {

struct Framing {
    enum class Type : std::uint8_t { none, delimiter, length_prefix, fixed, idle };
    enum class ByteOrder : std::uint8_t { big, little };

    Type type = Type::none;
    std::string delimiter = "\n";  // 1 to 16 bytes
    // 1, 2 or 4; holds the payload's length without the prefix itself
    std::uint32_t prefix_bytes = 4;
    ByteOrder order = ByteOrder::big;
    std::uint64_t fixed_bytes = 1;  // 1 to size_max: the size of every payload; adds no bytes

    // a frame ends when nothing has come for this time; adds no bytes
    std::uint64_t idle_ns = 0;

    // True if a framed message is just its payload.
    [[nodiscard]] bool adds_nothing() const noexcept {
        return type != Type::delimiter && type != Type::length_prefix;
    }
    // The shortest and the longest payload that a frame can carry.
    [[nodiscard]] std::uint64_t payload_min() const noexcept;
    [[nodiscard]] std::uint64_t payload_max() const noexcept;

    friend bool operator==(const Framing&, const Framing&) = default;
};

// "none", "delimiter", "delimiter:TEXT" (with escapes), "length_prefix:BYTES",
// "length_prefix:BYTES:big|little", "fixed:BYTES" (64, 64K), "idle:TIME" (20ms).
[[nodiscard]] base::Result<Framing> parse_framing(std::string_view text);

// Finds the ends of frames in a stream that comes in pieces. Keeps a few numbers, never bytes. Not
// for Type::none. With Type::idle the bytes alone do not show where a frame ends.
class FrameScanner {
public:
    struct Piece {
        std::size_t size = 0;   // how many of the bytes belong to the current frame
        bool complete = false;  // whether the frame ends with them
    };
    // The current frame's part at the start of `bytes` (not empty). Call again with the rest.
    [[nodiscard]] Piece scan(const Framing& framing, std::span<const std::byte> bytes) noexcept;

private:
    [[nodiscard]] Piece scan_delimiter(std::string_view delimiter,
                                       std::span<const std::byte> bytes) noexcept;
    [[nodiscard]] Piece scan_length(const Framing& framing,
                                    std::span<const std::byte> bytes) noexcept;
    [[nodiscard]] Piece scan_fixed(std::uint64_t frame_bytes,
                                   std::span<const std::byte> bytes) noexcept;
    // Takes the available part of `payload_left_`, after the first `used` bytes.
    [[nodiscard]] Piece take_payload(std::size_t used, std::span<const std::byte> bytes) noexcept;

    std::uint32_t matched_ = 0;       // bytes of the delimiter, or of the prefix, seen so far
    std::uint64_t payload_left_ = 0;  // once the prefix is complete; fixed: 0 between two frames
};

}  // namespace portico::client
