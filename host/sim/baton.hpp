// How one thread of a simulated run lets another one go on.
#pragma once

#include <atomic>
#include <cstdint>

namespace portico::sim {

// What the giver wrote before pass() happens before what the taker does after take().
class Baton {
public:
    // The thread that owns the baton may go on.
    void pass() noexcept;
    // Waits for a pass(), and uses it up.
    void take() noexcept;

private:
    std::atomic<std::uint32_t> word_{0};  // 1: passed
};

}  // namespace portico::sim
