// Framing: cuts a connection's bytes into messages, by a delimiter or a length prefix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/inline.hpp"
#include "config/config.hpp"

namespace portico::net {

struct Frame {
    enum class Kind : std::uint8_t {
        incomplete,  // more bytes are needed
        complete,
        too_long,  // the payload is longer than max_bytes
    };
    Kind kind = Kind::incomplete;
    std::size_t size = 0;  // includes length prefix or delimiter
    std::size_t payload_offset = 0;
    std::size_t payload_size = 0;
};

// next_frame() for a delimiter of one byte.
[[nodiscard]] PORTICO_ALWAYS_INLINE Frame delimited_by_byte(const config::Framing& framing,
                                                            std::span<const std::byte> bytes,
                                                            std::size_t& scanned) noexcept {
    const std::byte* from = bytes.data() + scanned;
    const void* found = bytes.size() != scanned
                            ? std::memchr(from, framing.delimiter.front(), bytes.size() - scanned)
                            : nullptr;
    if (found == nullptr) {
        scanned = bytes.size();
        return {bytes.size() > framing.max_bytes ? Frame::Kind::too_long : Frame::Kind::incomplete,
                0, 0, 0};
    }
    scanned = 0;
    const auto payload = static_cast<std::size_t>(static_cast<const std::byte*>(found) -
                                                  bytes.data());
    if (payload > framing.max_bytes) {
        return {Frame::Kind::too_long, 0, 0, 0};
    }
    return {Frame::Kind::complete, payload + 1, 0, payload};
}
// next_frame() for all other framings.
[[nodiscard]] Frame next_frame_slow_path(const config::Framing& framing,
                                         std::span<const std::byte> bytes,
                                         std::size_t& scanned) noexcept;

// The first frame of `bytes`. `scanned`: the number of these bytes that earlier calls searched
// without finding the delimiter, 0 at first; it is updated. Without framing all bytes are one
// frame.
[[nodiscard]] PORTICO_ALWAYS_INLINE Frame next_frame(const config::Framing& framing,
                                                     std::span<const std::byte> bytes,
                                                     std::size_t& scanned) noexcept {
    if (framing.type == config::Framing::Type::delimiter && framing.delimiter.size() == 1) {
        return delimited_by_byte(framing, bytes, scanned);
    }
    return next_frame_slow_path(framing, bytes, scanned);
}

}  // namespace portico::net
