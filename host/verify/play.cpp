#include "verify/play.hpp"

#include <algorithm>

namespace portico::verify {

namespace {

// Longer than the limits.half_close_timeout_ms of any sensible configuration.
constexpr std::uint64_t patience_ns = 120 * second;
constexpr std::uint32_t drain_ms = 5'000;
constexpr std::uint64_t quiet_ns = 10 * second;

std::vector<Play::Piece> pieces_of(const Subject& subject) {
    std::vector<Play::Piece> pieces;
    for (const Burst& burst : bursts_of(subject.script)) {
        pieces.push_back({burst.pause_ns, burst.bytes});
    }
    return pieces;
}

}  // namespace

Play whole_play(const Subject& subject) {
    Play play;
    play.pieces = pieces_of(subject);
    play.options.seed = subject.seed;
    play.options.listener = subject.listener;
    play.options.waits_for_threads = subject.has_threads;
    return play;
}

Play cut_play(const Subject& subject, const std::vector<std::size_t>& cuts, std::size_t bytes) {
    Play play = whole_play(subject);
    std::vector<Play::Piece> cut;
    std::size_t begin = 0;  // of the piece, in the script
    for (const Play::Piece& piece : play.pieces) {
        const std::size_t end = std::min(begin + piece.bytes.size(), bytes);
        std::uint64_t pause_ns = piece.pause_ns;
        std::size_t at = begin;
        while (at < end) {
            const auto next = std::upper_bound(cuts.begin(), cuts.end(), at);
            const std::size_t to = next == cuts.end() ? end : std::min(*next, end);
            cut.push_back({pause_ns, piece.bytes.substr(at - begin, to - at)});
            pause_ns = 0;
            at = to;
        }
        begin += piece.bytes.size();
    }
    play.pieces = std::move(cut);
    return play;
}

std::size_t input_bytes(const Subject& subject) {
    std::size_t bytes = 0;
    for (const Burst& burst : bursts_of(subject.script)) {
        bytes += burst.bytes.size();
    }
    return bytes;
}

void limit_queues(config::Listener& listener, std::uint32_t bytes) {
    const auto limit = [bytes](config::Limits& limits) {
        limits.send_queue_bytes = bytes;
        limits.send_queue_low_bytes = bytes / 2;
    };
    limit(listener.limits);
    for (config::Upstream& upstream : listener.upstreams) {
        limit(upstream.limits);
    }
}

bool say(World& world, Peer& peer, const std::vector<Play::Piece>& pieces) {
    for (const Play::Piece& piece : pieces) {
        if (piece.pause_ns != 0) {
            world.run_for(piece.pause_ns);
        }
        if (peer.end() != Peer::End::none) {
            return false;
        }
        peer.send(piece.bytes);
        world.run_for(millisecond);
    }
    return true;
}

void end_world(World& world, std::size_t output_max) {
    for (const std::unique_ptr<Peer>& peer : world.peers()) {
        peer->reads(true);
    }
    const auto are_over = [&] {
        return std::all_of(world.peers().begin(), world.peers().end(), [&](const auto& peer) {
            return peer->end() != Peer::End::none || peer->received().size() >= output_max;
        });
    };
    static_cast<void>(world.run_until(are_over, patience_ns));
    bool is_cut = false;
    for (const std::unique_ptr<Peer>& peer : world.peers()) {
        if (peer->received().size() >= output_max) {
            peer->reads(false);  // there may be no end of it
            is_cut = true;
        }
    }
    if (!is_cut) {
        // The plugin's side of a peer that has ended may have work to do, or be about to learn.
        static_cast<void>(world.run_until([&] { return world.open_connections() == 0; }, quiet_ns));
        world.watch().judge_quiet();
    }
    world.stop(drain_ms);
    world.watch().judge_ends();
}

Outcome run_play(const Subject& subject, const Play& play) {
    World world(*subject.plugin, play.options);
    Outcome outcome;
    outcome.mistakes = world.create();
    if (!outcome.mistakes.empty()) {
        return outcome;
    }
    Peer& peer = world.connect(play.receive_room);
    world.run_for(millisecond);
    peer.reads(!play.reads_late);
    static_cast<void>(say(world, peer, play.pieces));
    if (play.wait_ns != 0) {
        world.run_for(play.wait_ns);
    }
    switch (play.ending) {
        case Play::Ending::finish:
            peer.finish();
            end_world(world, play.output_max);
            break;
        case Play::Ending::reset:
            peer.reset();
            world.run_for(second);
            world.stop(drain_ms);
            world.watch().judge_ends();
            break;
        case Play::Ending::drain:
            world.drain();
            peer.reads(true);
            world.run_for(10 * second);
            peer.finish();
            end_world(world, play.output_max);
            break;
        case Play::Ending::stop:
            peer.reads(true);
            world.stop(drain_ms);
            world.watch().judge_ends();
            break;
    }
    outcome.output = peer.received();
    outcome.end = peer.end();
    const Watch& watch = world.watch();
    outcome.findings = watch.findings();
    outcome.log = world.log();
    outcome.digest = watch.digest();
    outcome.has_threads = watch.has_threads();
    outcome.callbacks = watch.callbacks();
    for (std::size_t i = 0; i < function_count; ++i) {
        outcome.calls[i] = watch.calls(static_cast<Function>(i));
    }
    outcome.timer_periods = watch.timer_periods();
    outcome.answers = watch.answers();
    outcome.has_lost_a_server = watch.has_lost_a_server();
    return outcome;
}

}  // namespace portico::verify
