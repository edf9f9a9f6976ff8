// The commands, without the server around them: words in, a reply out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "now.hpp"
#include "store.hpp"

namespace redis_like {

enum class After : std::uint8_t {
    nothing,
    sweep,  // a key got a deadline
    close,  // QUIT
};

// Appends the reply of one command (at least one word) to `reply`.
After execute(Store &store, const std::vector<std::string_view> &words, Now &now,
              std::string &reply);

}  // namespace redis_like
