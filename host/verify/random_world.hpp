// Random worlds: several peers at once, their input in random pieces, on a network with random
// faults. A seed is one world, to the last step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "verify/play.hpp"

namespace portico::verify {

// What one of the peers does next.
struct Action {
    enum class Kind : std::uint8_t { send, wait, stop_reading, read, finish, reset };
    Kind kind = Kind::send;
    std::uint32_t peer = 0;
    std::size_t begin = 0;  // send: these bytes of the script
    std::size_t end = 0;
    std::uint64_t wait_ns = 0;
};

// The actions of a seed, in their order.
[[nodiscard]] std::vector<Action> actions_of(const Subject& subject, std::uint64_t seed);
// An action as a line for a person.
[[nodiscard]] std::string text_of(const Subject& subject, const Action& action);

// The seed that runs now, for the last words of a crash; 0: none.
[[nodiscard]] std::uint64_t seed_now() noexcept;

}  // namespace portico::verify
