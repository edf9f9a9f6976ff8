// Checks of memory: that runs out, and that is not given back.
#include <algorithm>
#include <utility>

#include "verify/check.hpp"

namespace portico::verify {

namespace {

constexpr std::uint32_t refusals_max = 24;  // for each function
constexpr std::uint32_t connections_of_a_round = 24;
constexpr std::int64_t least_leak = 8;                     // bytes, for each connection
constexpr std::uint64_t lookup_patience_ns = 10 * second;  // more than the default timeout

// What may follow from a call that failed: the connection may be closed, aborted or left alone. So
// only crashes and wrong calls count.
bool counts_here(const Finding& finding) {
    return finding.name != "endless-hold" && finding.name != "end-never-closes" &&
           finding.name != "drain-never-closes";
}

// Serves that many connections, one after the other. False: it cannot.
bool serve(World& world, const std::vector<Play::Piece>& pieces, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        Peer& peer = world.connect();
        world.run_for(millisecond);
        static_cast<void>(say(world, peer, pieces));
        // Some end in order, others do not.
        if (i % 3 == 0) {
            peer.reset();
        } else {
            peer.finish();
        }
        if (!world.run_until([&] { return world.open_connections() == 0; }, 120 * second)) {
            return false;
        }
        peer.close();
    }
    return true;
}

}  // namespace

namespace {

struct Refusal {
    portico_status status;
    const char* name;
    bool (*is_answer_of)(Function function);
};

constexpr Refusal refusals[] = {
    {PORTICO_NO_MEMORY, "PORTICO_NO_MEMORY",
     [](Function function) { return function < Function::cancel_timer; }},
    {PORTICO_LIMIT, "PORTICO_LIMIT",
     [](Function function) {
         return function == Function::post || function == Function::post_instance ||
                function == Function::start_timer || function == Function::join ||
                function == Function::run || function == Function::connect ||
                function == Function::resolve;
     }},
    // A peer or another thread may end a connection at any time.
    {PORTICO_GONE, "PORTICO_GONE",
     [](Function function) { return function < Function::cancel_timer; }},
};

void play_failure(Checking& checking, const Play& play, const std::string& failure) {
    checking.ran();
    const Outcome outcome = run_play(checking.subject(), play);
    checking.take(outcome.answers);
    for (const Finding& finding : outcome.findings) {
        if (counts_here(finding)) {
            checking.found(finding.name, failure + ": " + finding.text);
        }
    }
}

void refuse(Checking& checking, Function function, std::uint32_t call, const Refusal& refusal) {
    Play play = whole_play(checking.subject());
    play.options.watch.refused = function;
    play.options.watch.refused_call = call;
    play.options.watch.refusal = refusal.status;
    play_failure(
        checking, play,
        "call " + std::to_string(call) + " of " + to_string(function) + " answers " + refusal.name);
}

// The servers that the plugin connects to, and the names that it looks up, fail in each way.
void fail_servers(Checking& checking) {
    static constexpr std::pair<Servers::Manner, const char*> manners[] = {
        {Servers::Manner::refuse, "its servers refuse each connection"},
        {Servers::Manner::silent, "its servers do not answer"},
        {Servers::Manner::reset, "its servers reset each connection"}};
    for (const auto& [manner, text] : manners) {
        Play play = whole_play(checking.subject());
        play.options.servers = manner;
        play_failure(checking, play, text);
    }
}

void fail_lookups(Checking& checking) {
    for (const portico_status status :
         {PORTICO_NOT_FOUND, PORTICO_TIMED_OUT, PORTICO_ERROR, PORTICO_NO_MEMORY}) {
        Play play = whole_play(checking.subject());
        play.options.watch.lookups = status;
        play.wait_ns = lookup_patience_ns;
        play_failure(checking, play, "each lookup of a name comes to " + status_name(status));
    }
}

}  // namespace

void check_failures(Checking& checking) {
    const std::array<std::uint32_t, function_count> calls = checking.reference().calls;
    for (std::size_t i = 0; i < function_count; ++i) {
        const auto function = static_cast<Function>(i);
        for (const Refusal& refusal : refusals) {
            const std::uint32_t most = refusal.is_answer_of(function)
                                           ? std::min(calls[i], refusals_max)
                                           : 0;
            for (std::uint32_t call = 1; call <= most && !checking.is_over(); ++call) {
                refuse(checking, function, call, refusal);
            }
        }
    }
    if (calls[static_cast<std::size_t>(Function::connect)] != 0 && !checking.is_over()) {
        fail_servers(checking);
    }
    if (calls[static_cast<std::size_t>(Function::resolve)] != 0 && !checking.is_over()) {
        fail_lookups(checking);
    }
}

void check_leaks(Checking& checking) {
    if (bytes_in_use() == 0) {
        checking.skip("this system's C library does not say what is in use");
        return;
    }
    if (!checking.reference().mistakes.empty()) {
        return;
    }
    if (checking.reference().has_threads) {
        checking.skip("threads of the plugin take memory too, whenever they like");
        return;
    }
    Play play = whole_play(checking.subject());
    play.options.watch.counts_memory = true;
    World world(*checking.subject().plugin, play.options);
    checking.ran();
    static_cast<void>(world.create());
    std::array<std::int64_t, 4> bytes{};
    for (std::int64_t& at_end : bytes) {
        if (!serve(world, play.pieces, connections_of_a_round)) {
            checking.skip("a connection does not end");
            return;
        }
        at_end = world.watch().plugin_bytes();
    }
    world.stop(0);
    // The first round is for what is made once.
    std::int64_t least = INT64_MAX;
    for (std::size_t i = 1; i < bytes.size(); ++i) {
        least = std::min(least, bytes[i] - bytes[i - 1]);
    }
    if (least >= connections_of_a_round * least_leak) {
        checking.found("leak", "each connection leaves about " +
                                   std::to_string(least / connections_of_a_round) +
                                   " bytes behind, which the plugin has not given back");
    }
}

}  // namespace portico::verify
