#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "load/exact_waits.hpp"

namespace portico::client {

void ask_for_exact_waits() noexcept {
#ifdef PR_SET_TIMERSLACK
    ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
#endif
}

}  // namespace portico::client
