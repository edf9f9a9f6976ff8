// Bad clients beside the measured ones, which should notice nothing of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace portico::client {

struct LoadPlan;

enum class Hostile : std::uint8_t {
    silent,       // connects and says nothing
    slow_reader,  // sends as fast as it may, and never reads
    slow_writer,  // sends a byte each ten milliseconds
    reset,        // resets the connection in the middle of a message
    half_close,   // sends a message, ends its side, and reads to the end
    oversized,    // sends a frame that never ends (without framing: bytes without end)
    garbage,      // sends random bytes, then ends its side
};
inline constexpr std::array<std::pair<std::string_view, Hostile>, 7> hostile_names{
    {{"silent", Hostile::silent},
     {"slow_reader", Hostile::slow_reader},
     {"slow_writer", Hostile::slow_writer},
     {"reset", Hostile::reset},
     {"half_close", Hostile::half_close},
     {"oversized", Hostile::oversized},
     {"garbage", Hostile::garbage}}};

// "reset:10,slow_reader:2": returns one mode for each connection, mode after mode in turn. Fails
// with a sentence.
[[nodiscard]] base::Result<std::vector<Hostile>> parse_hostile(std::string_view text);

// The bytes that they send; made once for a thread, read-only after that.
struct HostileBytes {
    explicit HostileBytes(const LoadPlan& plan);

    std::vector<std::byte> message;       // a correct one, or its first 64 KiB
    std::vector<std::byte> messages;      // as many of them as fit into 64 KiB, at least one
    std::vector<std::byte> endless;       // the beginning of a frame that never ends
    std::vector<std::byte> endless_more;  // its continuation, again and again
    std::vector<std::byte> garbage;
};

}  // namespace portico::client
