// Makes calls to the system fail as a busy, old or guarded system would (Linux). A filter of the
// kernel (seccomp) answers in their place, for one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>

namespace portico::test {

struct RefusedCall {
    long number;  // SYS_...
    int error;    // the errno with which it fails
    struct Argument {
        unsigned index;
        std::uint32_t value;  // its low 32 bits
    };
    std::optional<Argument> only_with = std::nullopt;  // none: whatever the arguments
};

// Runs `action` to its end on a thread for which these calls fail, and those that it starts, but no
// others. Rethrows what it throws.
void without_calls(std::initializer_list<RefusedCall> calls, const std::function<void()>& action);

}  // namespace portico::test
