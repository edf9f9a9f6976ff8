// One connection plays its part in a world of its own: sends that are cut somewhere, an end, and
// what came back.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "verify/script.hpp"
#include "verify/world.hpp"

namespace portico::verify {

// What is verified.
struct Subject {
    const portico_plugin* plugin = nullptr;
    config::Listener listener;
    Script script;
    std::uint64_t seed = 1;
    std::uint32_t seeds = 200;
    bool has_threads = false;  // that call the host
    // Of a random world: the actions that are left, by number; nothing: all.
    std::optional<std::vector<std::size_t>> kept;
};

struct Play {
    // What is sent, piece by piece; the plugin has handled one before the next one comes.
    struct Piece {
        std::uint64_t pause_ns = 0;  // before it
        std::string bytes;
    };
    enum class Ending : std::uint8_t {
        finish,  // the peer ends its stream, and waits for the plugin's end
        reset,
        drain,  // an operator drains the listener
        stop,   // the host stops
    };

    std::vector<Piece> pieces;
    std::uint64_t wait_ns = 0;  // before the ending
    Ending ending = Ending::finish;
    bool reads_late = false;                  // only after everything was sent
    std::uint32_t receive_room = 0;           // of the peer; 0: plenty
    std::size_t output_max = 16 * 1'048'576;  // more is not waited for
    World::Options options;
};

struct Outcome {
    std::vector<std::string> mistakes;  // of create; then nothing was played
    std::string output;
    Peer::End end = Peer::End::none;
    std::set<Finding> findings;
    std::vector<std::string> log;
    std::uint64_t digest = 0;
    bool has_threads = false;
    std::uint32_t callbacks = 0;
    std::array<std::uint32_t, function_count> calls{};
    Answers answers;
    std::set<std::uint32_t> timer_periods;
    bool has_lost_a_server = false;
};

// A play of the whole script, in as few pieces as it allows.
[[nodiscard]] Play whole_play(const Subject& subject);
// A play of the first `bytes` bytes of the script, cut at these places (counted from the script's
// begin, ascending).
[[nodiscard]] Play cut_play(const Subject& subject, const std::vector<std::size_t>& cuts,
                            std::size_t bytes = SIZE_MAX);
[[nodiscard]] std::size_t input_bytes(const Subject& subject);
// Send queues of so many bytes, of accepted and of outbound connections.
void limit_queues(config::Listener& listener, std::uint32_t bytes);

[[nodiscard]] Outcome run_play(const Subject& subject, const Play& play);

// Lets the peer say its pieces. False: the connection has ended before.
bool say(World& world, Peer& peer, const std::vector<Play::Piece>& pieces);
// Waits for the ends of the peers, which have finished, judges what is left, and stops the world.
// A peer that has got `output_max` bytes is not waited for.
void end_world(World& world, std::size_t output_max = SIZE_MAX);

}  // namespace portico::verify
