#include "verify/random_world.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "sim/random.hpp"
#include "verify/check.hpp"

namespace portico::verify {

namespace {

constexpr std::uint32_t peers_max = 4;
constexpr std::uint64_t wait_ns_max = 50 * millisecond;
constexpr std::uint64_t long_ns = 10 * second;  // hardly a world takes longer
constexpr std::uint32_t seeds_with_threads = 20;

std::uint64_t running_seed = 0;

std::string input_of(const Subject& subject) {
    std::string input;
    for (const Burst& burst : bursts_of(subject.script)) {
        input += burst.bytes;
    }
    return input;
}

// What a peer does, from its connect to its end.
std::vector<Action> draw_peer(sim::Random random, std::uint32_t number, std::size_t bytes) {
    std::vector<Action> actions;
    const auto add = [&](Action::Kind kind) -> Action& {
        actions.push_back({});
        actions.back().kind = kind;
        actions.back().peer = number;
        return actions.back();
    };
    std::size_t sent = 0;
    // A quarter of the peers end early.
    const std::size_t all = random.one_in(4) ? static_cast<std::size_t>(random.below(bytes + 1))
                                             : bytes;
    while (sent < all) {
        switch (random.below(8)) {
            case 0: add(Action::Kind::wait).wait_ns = random.skewed(wait_ns_max); break;
            case 1: add(Action::Kind::stop_reading); break;
            case 2: add(Action::Kind::read); break;
            default: {
                Action& send = add(Action::Kind::send);
                send.begin = sent;
                sent = std::min<std::size_t>(
                    all, sent + 1 + static_cast<std::size_t>(random.skewed(all - sent)));
                send.end = sent;
            }
        }
    }
    add(random.one_in(5) ? Action::Kind::reset : Action::Kind::finish);
    return actions;
}

// The network's faults, without those that a plugin never sees.
sim::FaultMix draw_faults(sim::Random& random) {
    sim::FaultMix faults = sim::FaultMix::draw(random);
    faults.accept_aborted = 0;
    faults.accept_no_descriptors = 0;
    faults.accept_no_memory = 0;
    faults.attach_fails = 0;
    faults.refused = 0;
    faults.unreachable = 0;
    faults.clock_jump = 0;
    faults.timer_late_ns = std::min(faults.timer_late_ns, millisecond);
    faults.operation_delay_ns_max = std::min(faults.operation_delay_ns_max, millisecond);
    if (!random.one_in(4)) {
        faults.receive_no_buffers = 0;
        faults.send_no_buffers = 0;
        faults.reset_connection = 0;
    }
    return faults;
}

// A peer of a world, and what it has done.
struct Part {
    Peer* peer = nullptr;
    std::string input;
    bool has_reset = false;
};

struct RandomRun {
    std::vector<Part> parts;
    std::set<Finding> findings;
    Answers answers;
    std::uint64_t digest = 0;
    std::vector<std::string> outputs;
    std::vector<Peer::End> ends;
    bool is_created = false;
    bool has_threads = false;
    bool has_lost_a_server = false;
};

World::Options draw_options(const Subject& subject, std::uint64_t seed) {
    sim::Random random = sim::Random(seed).fork("world");
    World::Options options;
    options.seed = seed;
    options.listener = subject.listener;
    options.waits_for_threads = subject.has_threads;
    options.faults = draw_faults(random);
    if (random.one_in(2)) {
        const std::uint32_t queue = 2U << random.below(16);
        limit_queues(options.listener, queue);
    }
    options.receive_buffer_bytes = 512U << random.below(8);
    return options;
}

void act(World& world, const Action& action, const std::string& input, Part& part) {
    if (part.peer == nullptr) {
        part.peer = &world.connect();
    }
    switch (action.kind) {
        case Action::Kind::send: {
            const std::string bytes = input.substr(action.begin, action.end - action.begin);
            part.peer->send(bytes);
            part.input += bytes;
            break;
        }
        case Action::Kind::wait: world.run_for(action.wait_ns); break;
        case Action::Kind::stop_reading: part.peer->reads(false); break;
        case Action::Kind::read: part.peer->reads(true); break;
        case Action::Kind::finish: part.peer->finish(); break;
        case Action::Kind::reset:
            part.peer->reset();
            part.has_reset = true;
            break;
    }
}

RandomRun run_seed(const Subject& subject, std::uint64_t seed, std::size_t output_max) {
    running_seed = seed;
    World world(*subject.plugin, draw_options(subject, seed));
    RandomRun run;
    run.is_created = world.create().empty();
    if (!run.is_created) {
        return run;
    }
    const std::string input = input_of(subject);
    const std::vector<Action> actions = actions_of(subject, seed);
    sim::Random pace = sim::Random(seed).fork("pace");
    run.parts.resize(peers_max);
    for (std::size_t i = 0; i < actions.size(); ++i) {
        const bool is_kept = !subject.kept || std::find(subject.kept->begin(), subject.kept->end(),
                                                        i) != subject.kept->end();
        const std::uint64_t pause = pace.one_in(2) ? 0 : pace.skewed(2 * millisecond);
        if (is_kept) {
            act(world, actions[i], input, run.parts[actions[i].peer]);
            if (pause != 0) {
                world.run_for(pause);
            }
        }
    }
    // A shrunk world may have lost the end of a peer.
    for (Part& part : run.parts) {
        if (part.peer != nullptr && !part.has_reset) {
            part.peer->finish();
        }
    }
    world.faults() = world.faults().quiet();
    end_world(world, output_max);
    run.findings = world.watch().findings();
    run.answers = world.watch().answers();
    run.digest = world.watch().digest();
    run.has_threads = world.watch().has_threads();
    run.has_lost_a_server = world.watch().has_lost_a_server();
    for (const Part& part : run.parts) {
        run.outputs.push_back(part.peer != nullptr ? part.peer->received() : std::string());
        run.ends.push_back(part.peer != nullptr ? part.peer->end() : Peer::End::none);
    }
    running_seed = 0;
    return run;
}

// The outputs of inputs in one piece, each played once.
class References {
public:
    explicit References(Checking& checking) : checking_(checking) {}

    const std::string& of(const std::string& input) {
        const auto [found, is_new] = outputs_.try_emplace(input);
        if (is_new) {
            Play play = whole_play(checking_.subject());
            play.pieces = {{0, input}};
            found->second = checking_.play(play).output;
        }
        return found->second;
    }

private:
    Checking& checking_;
    std::map<std::string, std::string> outputs_;
};

bool has_pauses(const Subject& subject) {
    return std::any_of(subject.script.steps.begin(), subject.script.steps.end(),
                       [](const Script::Step& step) { return step.kind == Script::Kind::pause; });
}

void judge_outputs(Checking& checking, References& references, const RandomRun& run,
                   const std::string& how) {
    for (std::size_t i = 0; i < run.parts.size(); ++i) {
        const Part& part = run.parts[i];
        if (part.peer == nullptr) {
            continue;
        }
        const std::string& expected = references.of(part.input);
        const std::string& output = run.outputs[i];
        const bool is_whole = !part.has_reset && run.ends[i] == Peer::End::finished;
        if (is_whole ? output == expected : expected.starts_with(output)) {
            continue;
        }
        checking.found("differs-in-random-world",
                       how + ": peer " + std::to_string(i + 1) + " sends " + shown(part.input) +
                           ", gets " + shown(output) + ", and alone and in one piece " +
                           shown(expected));
    }
}

}  // namespace

std::uint64_t seed_now() noexcept {
    return running_seed;
}

std::vector<Action> actions_of(const Subject& subject, std::uint64_t seed) {
    sim::Random random = sim::Random(seed).fork("actions");
    const std::size_t bytes = input_bytes(subject);
    std::vector<std::vector<Action>> peers;
    std::size_t left = 0;
    for (std::uint64_t i = 0, count = 1 + random.below(peers_max); i < count; ++i) {
        peers.push_back(draw_peer(random.fork("peer", i), static_cast<std::uint32_t>(i), bytes));
        left += peers.back().size();
    }
    std::vector<Action> actions;
    std::vector<std::size_t> taken(peers.size());
    for (; left > 0; --left) {
        std::size_t peer = static_cast<std::size_t>(random.below(peers.size()));
        while (taken[peer] == peers[peer].size()) {
            peer = (peer + 1) % peers.size();
        }
        actions.push_back(peers[peer][taken[peer]++]);
    }
    return actions;
}

std::string text_of(const Subject& subject, const Action& action) {
    std::string who = "peer " + std::to_string(action.peer + 1);
    switch (action.kind) {
        case Action::Kind::send:
            return who + " sends " +
                   shown(input_of(subject).substr(action.begin, action.end - action.begin));
        case Action::Kind::wait:
            return who + " waits " + std::to_string(action.wait_ns / 1'000) + " us";
        case Action::Kind::stop_reading: return who + " stops reading";
        case Action::Kind::read: return who + " reads";
        case Action::Kind::finish: return who + " ends its stream";
        case Action::Kind::reset: return who + " resets";
    }
    return who;
}

void check_random(Checking& checking) {
    const Subject& subject = checking.subject();
    const Outcome& reference = checking.reference();
    if (!checking.findings().empty()) {
        checking.skip("the plain run fails already");
        return;
    }
    const bool compares = checking.is_deterministic() && checking.is_same_after(long_ns) &&
                          !has_pauses(subject) &&
                          reference.calls[static_cast<std::size_t>(Function::broadcast)] == 0;
    if (!compares) {
        checking.note("outputs are not compared, only invariants are");
    }
    References references(checking);
    const std::size_t output_max = 2 * reference.output.size() + 4'096;
    std::uint32_t not_deterministic = 0;
    const std::uint32_t seeds = reference.has_threads ? std::min(subject.seeds, seeds_with_threads)
                                                      : subject.seeds;
    for (std::uint32_t i = 0; i < seeds; ++i) {
        const std::uint64_t seed = subject.seed + i;
        checking.ran();
        const RandomRun run = run_seed(subject, seed, output_max);
        const RandomRun again = run_seed(subject, seed, output_max);
        not_deterministic += run.digest != again.digest ? 1 : 0;
        checking.take(run.answers);
        const std::string how = "seed " + std::to_string(seed);
        for (const std::set<Finding>* findings : {&run.findings, &again.findings}) {
            for (const Finding& finding : *findings) {
                checking.found(finding.name, how + ": " + finding.text);
            }
        }
        // What a plugin says about a server that is lost is its own affair.
        if (compares && !run.has_lost_a_server) {
            judge_outputs(checking, references, run, how);
        }
        if (!checking.findings().empty()) {
            checking.fail_seed(seed);
            break;
        }
    }
    if (not_deterministic != 0) {
        checking.note("not deterministic: " + std::to_string(not_deterministic) +
                      " seeds ran differently the second time; they are judged by invariants");
    }
}

}  // namespace portico::verify
