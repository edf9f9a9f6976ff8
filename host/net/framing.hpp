// Framing: cuts a connection's bytes into messages, by a delimiter or a length prefix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "config/config.hpp"

namespace portico::net {

struct Frame {
    enum class Kind : std::uint8_t {
        incomplete,  // more bytes are needed
        complete,
        too_long,    // the payload is longer than max_bytes
    };
    Kind kind = Kind::incomplete;
    std::size_t size = 0;            // with length prefix or delimiter
    std::size_t payload_offset = 0;
    std::size_t payload_size = 0;
};

// The first frame of `bytes`. `scanned`: how many of them an earlier call has looked through without finding the delimiter; it is
// brought up to date, and belongs to these bytes (0 for others). Without framing everything that is there is one frame.
[[nodiscard]] Frame next_frame(const config::Framing& framing, std::span<const std::byte> bytes, std::size_t& scanned) noexcept;

}  // namespace portico::net
