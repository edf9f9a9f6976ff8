// Checks of how the input is cut, and of how fast the output is taken.
#include <algorithm>

#include "verify/check.hpp"

namespace portico::verify {

namespace {

constexpr std::size_t splits_max = 1'500;
constexpr std::size_t splits_with_threads = 60;

std::vector<std::size_t> each_byte(std::size_t bytes) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = 1; at < bytes; ++at) {
        cuts.push_back(at);
    }
    return cuts;
}

std::string text_of(const std::vector<std::size_t>& cuts) {
    std::string text;
    for (const std::size_t cut : cuts) {
        text += (text.empty() ? "" : " and ") + std::to_string(cut);
    }
    return "the input is cut after " + text + " bytes";
}

// Plays these cuts; all of them if they are few enough, else an even choice.
void play_cuts(Checking& checking, const std::vector<std::vector<std::size_t>>& all,
               std::size_t most) {
    const std::size_t step = std::max<std::size_t>(1, (all.size() + most - 1) / most);
    for (std::size_t i = 0; i < all.size() && !checking.is_over(); i += step) {
        const Outcome outcome = checking.play(cut_play(checking.subject(), all[i]));
        checking.compare(outcome, text_of(all[i]),
                         {"lost-at-split", "answered-twice", "differs-at-split"});
    }
    if (step > 1) {
        checking.note("one in " + std::to_string(step) + " of " + std::to_string(all.size()) +
                      " splits was played");
    }
}

}  // namespace

// ---- the script, step by step

void check_script(Checking& checking) {
    if (static_cast<void>(checking.reference()); checking.is_over()) {
        return;
    }
    const Script& script = checking.subject().script;
    Play play = whole_play(checking.subject());
    World world(*checking.subject().plugin, play.options);
    checking.ran();
    if (const std::vector<std::string> mistakes = world.create(); !mistakes.empty()) {
        checking.found("cannot-create", mistakes.front());
        return;
    }
    Peer& peer = world.connect();
    world.run_for(millisecond);
    std::size_t taken = 0;
    for (std::size_t i = 0; i < script.steps.size(); ++i) {
        const Script::Step& step = script.steps[i];
        const auto rest = [&] { return std::string_view(peer.received()).substr(taken); };
        const std::string place = "steps[" + std::to_string(i) + "]";
        if (step.kind == Script::Kind::send) {
            peer.send(step.text);
        } else if (step.kind == Script::Kind::pause) {
            world.run_for(step.pause_ns);
        } else if (step.kind == Script::Kind::finish) {
            peer.finish();
        } else if (step.kind == Script::Kind::reset) {
            peer.reset();
        } else if (step.kind == Script::Kind::expect) {
            static_cast<void>(
                world.run_until([&] { return rest().size() >= step.text.size(); }, 10 * second));
            if (!rest().starts_with(step.text)) {
                checking.found("wrong-reply", place + ": expected " + shown(step.text) + ", came " +
                                                  shown(rest()));
                break;
            }
            taken += step.text.size();
        } else {
            static_cast<void>(world.run_until(
                [&] { return !first_reply(script.reply_framing, rest()).empty(); }, 10 * second));
            const std::string_view reply = first_reply(script.reply_framing, rest());
            if (reply.empty() || !fits(payload_of(script.reply_framing, reply), step.text)) {
                checking.found("wrong-reply", place + ": expected a reply that fits " +
                                                  shown(step.text) + ", came " + shown(rest()));
                break;
            }
            taken += reply.size();
        }
        world.run_for(millisecond);
    }
    peer.finish();
    end_world(world);
    checking.take(world.watch());
}

// ---- cuts

void check_bytes(Checking& checking) {
    const std::size_t bytes = input_bytes(checking.subject());
    const Outcome outcome = checking.play(cut_play(checking.subject(), each_byte(bytes)));
    checking.compare(outcome, "the input comes one byte at a time",
                     {"lost-at-split", "answered-twice", "differs-at-split"});
}

void check_splits(Checking& checking) {
    const std::size_t bytes = input_bytes(checking.subject());
    const std::size_t most = checking.reference().has_threads ? splits_with_threads : splits_max;
    std::vector<std::vector<std::size_t>> two;
    std::vector<std::vector<std::size_t>> three;
    for (std::size_t first = 1; first < bytes; ++first) {
        two.push_back({first});
        for (std::size_t second_cut = first + 1; second_cut < bytes; ++second_cut) {
            three.push_back({first, second_cut});
        }
    }
    play_cuts(checking, two, most / 3);
    play_cuts(checking, three, most - most / 3);
}

// ---- memory beyond the offer

void check_bounds(Checking& checking) {
    const std::size_t bytes = input_bytes(checking.subject());
    const auto guarded = [&](Play play) {
        if (!checking.is_over()) {
            play.options.watch.guards_offers = true;
            static_cast<void>(checking.play(play));
        }
    };
    guarded(whole_play(checking.subject()));
    guarded(cut_play(checking.subject(), each_byte(bytes)));
    guarded(cut_play(checking.subject(), send_ends_of(checking.subject().script)));
    for (std::size_t cut = 1; cut < bytes; cut += 1 + bytes / 64) {
        guarded(cut_play(checking.subject(), {cut}));
    }
}

// ---- back-pressure

namespace {

// How much fits: into the send queue, and into each system on the way.
struct Room {
    std::uint32_t queue;
    std::uint32_t system;
    bool reads_late;
};

void play_slowly(Checking& checking, const std::vector<std::size_t>& cuts, const Room& room) {
    Play play = cut_play(checking.subject(), cuts);
    play.reads_late = room.reads_late;
    // By then all of the input has come through the small buffers, or waits for the reader.
    play.wait_ns = room.reads_late ? second : 0;
    play.receive_room = room.system;
    play.output_max = 2 * checking.reference().output.size() + 4'096;
    play.options.faults.buffer_bytes = room.system;
    limit_queues(play.options.listener, room.queue);
    checking.compare(checking.play(play),
                     std::string("the peer reads ") + (room.reads_late ? "late" : "slowly") +
                         ", and the send queue takes " + std::to_string(room.queue) + " bytes",
                     {"dropped-bytes", "sent-twice", "differs-when-slow"});
}

}  // namespace

void check_back_pressure(Checking& checking) {
    const std::vector<std::vector<std::size_t>> cuts = {
        {}, send_ends_of(checking.subject().script), each_byte(input_bytes(checking.subject()))};
    // From a queue that is full after each send to one that seldom is.
    for (const std::uint32_t queue : {2U, 64U, 1'024U}) {
        for (const std::uint32_t system : {1U, 7U, 64U, 1'024U}) {
            for (const std::vector<std::size_t>& cut : cuts) {
                for (const bool reads_late : {true, false}) {
                    if (!checking.is_over()) {
                        play_slowly(checking, cut, {queue, system, reads_late});
                    }
                }
            }
        }
    }
}

}  // namespace portico::verify
