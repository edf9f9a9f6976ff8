// A dialogue that every connection holds, again and again: what to send, what has to come back, and
// when to wait.
//
//     { "framing": "delimiter:\\r\\n", "reply_framing": "delimiter:\\r\\n",
//       "steps": [ { "expect_pattern": "220 *" }, { "send": "EHLO load\\{connection}" },
//                  { "expect": "250 OK" }, { "pause": "100ms" } ] }
//
// It is made into exchanges: something to send and the reply to it, either of which may be nothing.
// An exchange is a message of the run, so all that is counted and measured of messages is of
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
    Framing framing;  // of what is sent; the messages have it already
    Framing reply_framing;
    // Of the exchanges in turn: messages and replies for all numbers, the others one for each
    // exchange.
    std::unique_ptr<MessageSource> messages;
    // texts, with their framing; of no bytes where there is a pattern or no reply
    std::unique_ptr<MessageSource> replies;
    std::vector<std::optional<Pattern>> patterns;
    std::vector<std::uint64_t> pauses_ns;  // before its message begins

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

// `json` is UTF-8. Fails with a sentence that names the place. `seed`: of random text.
[[nodiscard]] base::Result<Script> parse_script(std::string_view json, std::uint64_t seed);

}  // namespace portico::client
