// Messages made of others.
#pragma once

#include <memory>
#include <vector>

#include "messages/message.hpp"

namespace portico::client {

// Each message: the messages of all of these with its own connection and number, one behind the
// other. None: messages of no bytes.
[[nodiscard]] std::unique_ptr<MessageSource> make_joined_messages(
    std::vector<std::unique_ptr<MessageSource>> parts);

// The first message is the first one's, the second the second's, and so on, again and again; one at
// least.
[[nodiscard]] std::unique_ptr<MessageSource> make_messages_in_turn(
    std::vector<std::unique_ptr<MessageSource>> sources);

}  // namespace portico::client
