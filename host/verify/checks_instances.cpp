// Checks of settings, and of what stands side by side: connections, instances, generations.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "verify/check.hpp"

namespace portico::verify {

namespace {

using Json = nlohmann::json;

// ---- settings

// Values for a setting that was asked for in this way: right ones, and wrong ones.
std::vector<Json> values_for(const SettingRead& read) {
    switch (read.kind) {
        case SettingRead::Kind::boolean: return {true, false, "x", 1};
        case SettingRead::Kind::integer: {
            std::vector<Json> values = {read.least, read.most, "x", 0.5};
            if (read.least > INT64_MIN) {
                values.emplace_back(read.least - 1);
            }
            if (read.most < INT64_MAX) {
                values.emplace_back(read.most + 1);
            }
            return values;
        }
        case SettingRead::Kind::number: return {0, -1, 1.5, 1e300, "x"};
        // What a string means is the plugin's; it may be a file's name.
        case SettingRead::Kind::string: return {"", 1, false};
        case SettingRead::Kind::other: break;
    }
    return {1, "x", Json::array(), Json::object(), nullptr};
}

// How validate and create took some settings, and what they asked for.
struct Settled {
    std::vector<std::string> of_validate;
    std::vector<std::string> of_create;
    std::map<std::string, SettingRead> asked;
};

Settled ask(Checking& checking, const std::string& settings) {
    World::Options options = whole_play(checking.subject()).options;
    options.listener.settings.json = settings;
    World world(*checking.subject().plugin, options);
    checking.ran();
    Settled answers;
    answers.of_validate = world.validate();
    answers.of_create = world.create();
    answers.asked = world.watch().settings();
    world.stop(0);
    checking.take(world.watch());
    return answers;
}

// Compares, and returns what was asked for.
std::map<std::string, SettingRead> compare(Checking& checking, const std::string& settings) {
    const Settled answers = ask(checking, settings);
    if (answers.of_validate.empty() != answers.of_create.empty()) {
        const bool takes = answers.of_validate.empty();
        checking.found("validate-differs",
                       "with the settings " + settings + " validate " +
                           (takes ? "answers PORTICO_OK, and create refuses: "
                                  : "refuses, and create answers PORTICO_OK: ") +
                           (takes ? answers.of_create : answers.of_validate).front());
    }
    return answers.asked;
}

// ---- two at once

// Lets the peers say their pieces in turn.
void say_in_turn(World& world, const std::vector<std::pair<Peer*, std::vector<Play::Piece>>>& all) {
    std::size_t most = 0;
    for (const auto& [peer, pieces] : all) {
        most = std::max(most, pieces.size());
    }
    for (std::size_t i = 0; i < most; ++i) {
        for (const auto& [peer, pieces] : all) {
            if (i < pieces.size()) {
                static_cast<void>(say(world, *peer, {pieces[i]}));
            }
        }
    }
}

// Cuts in the middle of each send, so that both are inside a message at once.
std::vector<std::size_t> middles_of(const Subject& subject) {
    std::vector<std::size_t> cuts;
    std::size_t begin = 0;
    for (const std::size_t end : send_ends_of(subject.script)) {
        cuts.push_back(begin + (end - begin + 1) / 2);
        begin = end;
    }
    return cuts;
}

enum class Beside : std::uint8_t { connections, instances };

void play_beside(Checking& checking, const std::vector<std::size_t>& cuts, Beside beside,
                 bool second_lags) {
    Play play = cut_play(checking.subject(), cuts);
    World world(*checking.subject().plugin, play.options);
    checking.ran();
    bool is_created = world.create().empty();
    if (beside == Beside::instances) {
        is_created = world.create().empty() && is_created;
    }
    if (!is_created) {
        checking.found("second-instance",
                       "a second instance cannot be created while the first one lives");
        return;
    }
    Peer& one = world.connect_to(0);
    Peer& other = world.connect_to(beside == Beside::instances ? 1 : 0);
    std::vector<Play::Piece> pieces = play.pieces;
    if (second_lags) {
        pieces.insert(pieces.begin(), Play::Piece{});
    }
    say_in_turn(world, {{&one, play.pieces}, {&other, pieces}});
    one.finish();
    other.finish();
    end_world(world);
    checking.take(world.watch());
    Outcome outcome;
    const std::string_view name = beside == Beside::instances ? "shared-by-instances"
                                                              : "shared-state";
    for (const Peer* peer : {&one, &other}) {
        outcome.output = peer->received();
        checking.compare(outcome,
                         beside == Beside::instances
                             ? "two instances serve one connection each, in turn"
                             : "two connections send the same input in turn",
                         {name, name, name});
    }
}

void play_all_beside(Checking& checking, Beside beside) {
    if (!checking.reference().mistakes.empty()) {
        return;
    }
    const std::size_t bytes = input_bytes(checking.subject());
    std::vector<std::size_t> each_byte;
    for (std::size_t at = 1; at < bytes; ++at) {
        each_byte.push_back(at);
    }
    for (const std::vector<std::size_t>& cuts :
         {send_ends_of(checking.subject().script), middles_of(checking.subject()), each_byte}) {
        for (const bool second_lags : {false, true}) {
            if (!checking.is_over()) {
                play_beside(checking, cuts, beside, second_lags);
            }
        }
    }
}

bool talks_to_others(Checking& checking) {
    return checking.reference().calls[static_cast<std::size_t>(Function::broadcast)] != 0;
}

}  // namespace

void check_settings(Checking& checking) {
    const std::string given = checking.subject().listener.settings.json;
    if (checking.subject().plugin->validate == nullptr) {
        checking.skip("the plugin has no validate");
        return;
    }
    std::map<std::string, SettingRead> asked = compare(checking, given);
    asked.merge(compare(checking, "{}"));
    Json unknown = Json::parse(given);
    unknown["portico_verify_unknown"] = 1;
    static_cast<void>(compare(checking, unknown.dump()));
    for (const auto& [key, read] : asked) {
        if (key.empty() || key.find_first_of("/~") != std::string::npos) {
            continue;
        }
        Json without = Json::parse(given);
        without.erase(key);
        static_cast<void>(compare(checking, without.dump()));
        for (const Json& value : values_for(read)) {
            Json settings = Json::parse(given);
            settings[key] = value;
            static_cast<void>(compare(checking, settings.dump()));
        }
    }
}

void check_connections(Checking& checking) {
    if (talks_to_others(checking)) {
        checking.skip("the plugin broadcasts, so connections may see each other");
        return;
    }
    play_all_beside(checking, Beside::connections);
}

void check_instances(Checking& checking) {
    play_all_beside(checking, Beside::instances);
}

namespace {

// An older connection says its first `place` bytes before the new generation, the rest after.
void play_generations(Checking& checking, std::size_t place) {
    constexpr Checking::Names names{"differs-after-reload", "differs-after-reload",
                                    "differs-after-reload"};
    const Play begin = cut_play(checking.subject(), {}, place);
    Play rest = cut_play(checking.subject(), {place});
    rest.pieces.erase(rest.pieces.begin(),
                      rest.pieces.begin() + static_cast<std::ptrdiff_t>(begin.pieces.size()));
    World world(*checking.subject().plugin, begin.options);
    checking.ran();
    static_cast<void>(world.create());
    Peer& older = world.connect_to(0);
    world.run_for(millisecond);
    static_cast<void>(say(world, older, begin.pieces));
    Outcome before;
    before.output = older.received();
    if (!world.create(true).empty()) {
        checking.found("second-instance",
                       "a new generation cannot be created while the older one serves");
        return;
    }
    Peer& newer = world.connect_to(1);
    world.run_for(millisecond);
    world.retire_oldest();
    static_cast<void>(say(world, newer, whole_play(checking.subject()).pieces));
    static_cast<void>(say(world, older, rest.pieces));
    older.finish();
    newer.finish();
    end_world(world);
    checking.take(world.watch());
    const std::string how = "a new generation begins after " + std::to_string(place) +
                            " bytes of an older connection";
    Outcome outcome;
    outcome.output = newer.received();
    checking.compare(outcome, how + ", and the newer one is compared", names);
    outcome.output = older.received();
    if (checking.subject().plugin->callbacks->on_drain == nullptr) {
        checking.compare(outcome, how + ", and the older one is compared", names);
    } else {
        // It may say goodbye, and close.
        checking.compare_begin(before.output, how, "differs-after-reload");
    }
}

}  // namespace

void check_generations(Checking& checking) {
    std::vector<std::size_t> places = middles_of(checking.subject());
    places.push_back(0);
    places.push_back(input_bytes(checking.subject()));
    static_cast<void>(checking.reference());
    for (const std::size_t place : places) {
        if (!checking.is_over()) {
            play_generations(checking, place);
        }
    }
}

}  // namespace portico::verify
