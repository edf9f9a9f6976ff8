// A dialogue that every connection repeats: messages to send, expected replies, and pauses.
//
//     { "framing": "delimiter:\\r\\n", "reply_framing": "delimiter:\\r\\n",
//       "steps": [ { "expect_pattern": "220 *" }, { "send": "EHLO load\\{connection}" },
//                  { "expect": "250 OK" }, { "pause": "100ms" } ] }
//
// It becomes a list of exchanges: something to send and its reply, either of which may be nothing.
// An exchange is a message of the run: all that is counted and measured for messages applies to
// exchanges.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "messages/framing.hpp"
#include "messages/message.hpp"
#include "messages/pattern.hpp"

namespace portico::client {

struct Script {
    Framing framing;  // of what is sent; the messages include it
    Framing reply_framing;
    // By exchange: `messages` and `replies` repeat them for all numbers, and the vectors have an
    // entry for each.
    std::unique_ptr<MessageSource> messages;
    // texts, with their framing; empty if there is a pattern or no reply
    std::unique_ptr<MessageSource> replies;
    std::vector<std::optional<Pattern>> patterns;
    std::vector<std::uint64_t> pauses_ns;  // the pause before its message

    [[nodiscard]] std::uint64_t exchanges() const noexcept { return pauses_ns.size(); }
    [[nodiscard]] std::uint64_t pause_ns(std::uint64_t number) const noexcept {
        return pauses_ns[static_cast<std::size_t>((number - 1) % pauses_ns.size())];
    }
    [[nodiscard]] bool has_reply(MessageId message) const noexcept {
        return patterns[static_cast<std::size_t>((message.number - 1) % patterns.size())]
                   .has_value() ||
               replies->size(message) != 0;
    }
};

// `json` is UTF-8. Fails with a sentence that names the place. `seed` is for random text.
[[nodiscard]] base::Result<Script> parse_script(std::string_view json, std::uint64_t seed);

}  // namespace portico::client
