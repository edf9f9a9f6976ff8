// What a verification says to the plugin, and what it expects: the client's scripts, with closes.
//
//     { "framing": "delimiter:\\r\\n",
//       "steps": [ { "expect_pattern": "220 *" }, { "send": "EHLO load" },
//                  { "expect": "250 OK" }, { "pause": "100ms" }, { "close": "finish" } ] }
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"

namespace portico::verify {

struct Script {
    enum class Kind : std::uint8_t {
        send,
        expect,          // the next reply, byte for byte
        expect_pattern,  // the next framed reply: '*' is any text, '?' any byte
        pause,
        finish,  // the peer ends its stream
        reset,
    };
    struct Step {
        Kind kind = Kind::send;
        std::string text;  // with its framing; of a pattern, without
        std::uint64_t pause_ns = 0;
    };

    std::vector<Step> steps;
    config::Framing reply_framing;  // for patterns
};

// "none", "delimiter", "delimiter:TEXT" (with escapes), "length_prefix:BYTES",
// "length_prefix:BYTES:little".
[[nodiscard]] base::Result<config::Framing> parse_framing(const std::string& text);

// `json` is UTF-8. Fails with a sentence that names the place.
[[nodiscard]] base::Result<Script> parse_script(std::string_view json);

// For a plugin without a script: a few messages, in a listener's framing.
[[nodiscard]] Script default_script(const config::Framing& framing);

// What a script sends, from its beginning to its first close, cut where it pauses.
struct Burst {
    std::uint64_t pause_ns = 0;  // before it
    std::string bytes;
};
[[nodiscard]] std::vector<Burst> bursts_of(const Script& script);
// The ends of its sends, counted in bytes of all bursts.
[[nodiscard]] std::vector<std::size_t> send_ends_of(const Script& script);

// The reply that `text` begins with, with its framing; empty if it is not complete.
[[nodiscard]] std::string_view first_reply(const config::Framing& framing, std::string_view text);
// The payload of a framed reply.
[[nodiscard]] std::string_view payload_of(const config::Framing& framing, std::string_view reply);
[[nodiscard]] bool fits(std::string_view text, std::string_view pattern) noexcept;

// Bytes as text for a report: control characters are escaped, and it is cut.
[[nodiscard]] std::string shown(std::string_view bytes);

}  // namespace portico::verify
