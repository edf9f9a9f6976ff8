// A message's text with places that are filled in for each message: \{connection}, \{message},
// \{time}, \{random:N} and \{random:MIN-MAX}. A backslash before a brace has no other meaning in a
// text, so no text that is sent as it is changes because of this.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "messages/message.hpp"
#include "messages/text.hpp"

namespace portico::client {

struct MessagePiece {
    enum class Kind : std::uint8_t {
        text,        // as it is
        connection,  // the connection's number, from 1
        message,     // the message's, from 1 on each connection
        time,        // when it began to leave: milliseconds since 1970 in UTC, 13 digits
        random,      // letters and digits, drawn from the seed
    };

    Kind kind = Kind::text;
    std::string text;
    SizeRange sizes;  // random: 1 to random_max

    static constexpr std::uint64_t random_max = 65'536;
};

// Parses `text` with the escapes of unescape() and the places. Returns one piece for a text without
// places, none for an empty one. Fails with a sentence.
[[nodiscard]] base::Result<std::vector<MessagePiece>> parse_template(std::string_view text);

[[nodiscard]] std::unique_ptr<MessageSource> make_template_messages(
    std::uint64_t seed, std::vector<MessagePiece> pieces);

}  // namespace portico::client
