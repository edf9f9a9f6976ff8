// The HTTP side of one connection of the admin endpoint: bytes in, bytes out, one request at a
// time. It knows no socket, so that tests and the fuzzer drive it directly.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "admin/http_reader.hpp"
#include "admin/router.hpp"

namespace portico::admin {

class Conversation {
public:
    // It outlives the conversation.
    explicit Conversation(Router& router) : router_(router) {}

    struct Step {
        std::size_t used = 0;  // of the bytes; the others are offered again
        std::string output;    // to be sent; empty: more bytes are needed, or there are none
        bool closes = false;   // the connection ends after that
    };

    // Goes on until there is something to send, or the bytes are used up.
    [[nodiscard]] Step step(std::string_view bytes);

    // A request has begun and is not complete.
    [[nodiscard]] bool is_inside() const noexcept { return reader_.is_inside(); }

    // What to send, before closing, to a client that has taken too long.
    [[nodiscard]] static std::string too_slow();

private:
    [[nodiscard]] Step answer(std::size_t used, const Response& response, bool closes) const;

    Router& router_;
    HttpReader reader_;
};

}  // namespace portico::admin
