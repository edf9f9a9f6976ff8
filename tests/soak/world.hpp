// What the load generators share: where the host listens, when to end, and the results.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace portico::soak {

using Random = std::mt19937_64;

// From `least` to `most`.
[[nodiscard]] inline std::uint64_t between(Random& random, std::uint64_t least,
                                           std::uint64_t most) {
    return least + random() % (most - least + 1);
}

// A listener of the host's: its name is the key of World::ports.
inline constexpr const char* listener_names[] = {"echo", "narrow",   "lines",    "messages",
                                                 "ack",  "blocking", "impatient"};
inline constexpr std::uint32_t narrow_connections = 40;     // the limit of "narrow"
inline constexpr std::uint32_t frame_bytes_max = 65'536;    // of "lines" and "messages"
inline constexpr std::uint32_t impatient_timeout_ms = 300;  // of "impatient", for silence

struct World {
    std::string client;  // the program
    std::string work;    // a folder for files
    std::map<std::string, std::uint16_t> ports;

    std::atomic<bool> let_go{false};  // the load ends: finish what was begun
    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> replies{0};  // verified
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<std::uint64_t> lost{0};
    std::atomic<std::uint64_t> hostile_acts{0};
    std::atomic<std::uint64_t> kills{0};

    // What must not be: printed at once, and the soak fails.
    void complain(const std::string& text);
    [[nodiscard]] std::uint64_t complaints();

private:
    std::mutex mutex_;
    std::uint64_t complaints_ = 0;  // under mutex_
};

// Each works until world.let_go, as its random numbers say. `number` makes its file names unique.
void run_honest_clients(World& world, Random random, std::size_t number);
void run_killed_clients(World& world, Random random, std::size_t number);
void run_hostile_peers(World& world, Random random);

// Fills the queues of more connections than the load has at once, so that the host makes all the
// buffers that it will ever need. Holds them until `is_over` says so.
void surge(World& world, const std::function<bool()>& is_over);

}  // namespace portico::soak
