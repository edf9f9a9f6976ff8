// Messages that are made from other messages.
#pragma once

#include <memory>
#include <vector>

#include "messages/message.hpp"

namespace portico::client {

// Each message joins the messages that these sources have for its connection and number. If there
// are no sources, messages are empty.
[[nodiscard]] std::unique_ptr<MessageSource> make_joined_messages(
    std::vector<std::unique_ptr<MessageSource>> parts);

// The first message comes from the first source, the second from the second, and so on, again and
// again. At least one source.
[[nodiscard]] std::unique_ptr<MessageSource> make_messages_in_turn(
    std::vector<std::unique_ptr<MessageSource>> sources);

}  // namespace portico::client
