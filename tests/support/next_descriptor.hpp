// The lowest free descriptor (POSIX): the next call that needs one gets it. It is the same before
// and after anything that leaves nothing open.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include "support/catch.hpp"

namespace portico::test {

[[nodiscard]] inline int next_descriptor() {
    const int next = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    REQUIRE(next >= 0);
    ::close(next);
    return next;
}

}  // namespace portico::test
