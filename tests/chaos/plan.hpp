// A round's plan, drawn from its seed: the configuration of the host, and its peers, with their
// times and behaviour.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stream.hpp"

namespace portico::chaos {

enum class Plugin : std::uint8_t { echo, ack, ack_once, slow, large, holds, stays };

struct ListenerPlan {
    std::string name;
    Plugin plugin = Plugin::echo;
    Framing framing = Framing::none;
    std::uint32_t connections = 10'000;
    std::uint32_t send_queue_bytes = 1'048'576;
    std::uint32_t idle_ms = 0;
    std::uint32_t half_close_ms = 30'000;
    std::uint32_t close_ms = 5'000;
    std::uint32_t callback_ms = 0;  // slow
    std::uint32_t reply_bytes = 0;  // ack
    std::uint32_t unit_bytes = 0;   // large
    bool is_v6 = false;
};

// For buffers and the segment size 0 means the system's default, and for rates it means no limit.
struct PeerPlan {
    static constexpr std::uint32_t never = UINT32_MAX;
    enum class Last : std::uint8_t {
        half_close,  // ends its side after its bytes, and reads to the end
        leave,       // closes after the answer
        stay,        // until the release
        reset,       // by a reset, after last_ms
        close,       // after last_ms, whatever is unread
    };
    enum class Release : std::uint8_t { finish, reset, close };

    int receive_buffer = 0, send_buffer = 0, segment = 0;
    std::uint64_t bytes = 0;                  // to send in all
    std::uint32_t message_bytes_max = 5'000;  // of framed ones; 1: each byte is one
    std::uint32_t write_bytes = 65'536, write_every_ms = 0;
    std::uint32_t burst_writes = 0, silence_ms = 0;  // a silence after so many writes
    bool asks_and_waits = false;                     // for the answer, before each further write
    bool ends_its_side = false;                      // for those that stay: after its bytes
    std::uint32_t read_bytes = 65'536, read_after_ms = 0, read_rate = 0;
    std::uint32_t hurry_after_ms = never;  // from then on it reads at full speed
    Last last = Last::half_close;
    std::uint32_t last_ms = 0;
    Release release = Release::finish;
    std::uint32_t over_within_ms = never;  // counted from its connect
    // keeps its socket after the host has ended, until the release
    bool abandons = false;

    // Otherwise bytes may stand still in its direction, and nobody can say since when.
    [[nodiscard]] bool reads_promptly() const { return read_after_ms == 0 && read_rate == 0; }
};

enum class Phase : std::uint8_t { before, traffic, stop };

// Peers of one kind.
struct Act {
    const char* what = "";
    Phase phase = Phase::traffic;
    std::size_t listener = 0;
    std::uint32_t count = 1;
    std::uint32_t start_ms = 0, spread_ms = 0;  // they come within `spread_ms` from the start on
    PeerPlan peer;
};

// The host is stopped (SIGSTOP) so long after the traffic began, and continued later.
struct Suspension {
    std::uint32_t after_ms = 0, for_ms = 0;
};

struct Plan {
    std::uint64_t seed = 0;
    std::string backend, ports;
    bool on_windows = false;
    std::uint32_t threads = 2, receive_buffer_bytes = 65'536, receive_buffers = 4'096,
                  drain_ms = 2'000;
    std::vector<ListenerPlan> listeners;  // the first is "beside"
    std::vector<Act> acts;
    std::vector<Suspension> suspensions;
    std::uint32_t slow_ms = 0;  // how long the callbacks that may wait at once hold up a worker
    bool has_long_callbacks = false;
    std::string plant;  // replaces "echo"; empty: none
    bool is_short = false;
};

[[nodiscard]] Plan draw_plan(std::uint64_t seed, const std::string& backend,
                             const std::string& ports);
[[nodiscard]] std::string text_of(const Plan& plan);
// Byte i of ack's reply.
[[nodiscard]] char ack_byte(std::uint64_t index);
[[nodiscard]] std::string ack_reply(std::uint32_t bytes);
// The host's configuration file.
[[nodiscard]] std::string configuration_of(const Plan& plan, const std::string& plugin_directory);
[[nodiscard]] std::string text_of(const PeerPlan& plan);

}  // namespace portico::chaos
