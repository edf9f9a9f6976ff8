// The library behind portico/testkit.hpp: a world for a test of a plugin's author.
#include "portico/testkit.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <sstream>

#include "config/json_source.hpp"
#include "plugin/loader.hpp"
#include "verify/script.hpp"
#include "verify/world.hpp"

using portico::verify::Peer;
using portico::verify::World;

struct portico_testkit_world {
    // A second one would wait for the first one's gate for ever.
    static inline bool exists = false;
    portico_testkit_world() { exists = true; }
    ~portico_testkit_world() {
        world.reset();
        exists = false;
    }

    std::unique_ptr<World> world;
    std::vector<Peer*> peers;
    std::vector<std::string> findings;
    bool is_stopped = false;
};

namespace {

namespace base = portico::base;
namespace config = portico::config;

void set_if(std::uint32_t& limit, std::uint32_t wanted) {
    limit = wanted != 0 ? wanted : limit;
}

base::Result<config::Listener> listener_of(const portico_testkit_options& options,
                                           const std::string& name) {
    config::Listener listener;
    listener.name = "test";
    listener.plugin = name;
    const config::Parsed settings = config::parse_json(options.settings);
    if (!settings.error.text.empty() || settings.root.kind != config::Node::Kind::object) {
        return base::Failure{"the settings are no JSON object: " + settings.error.text};
    }
    listener.settings.json = config::to_json_text(settings.root);
    base::Result<config::Framing> framing = portico::verify::parse_framing(options.framing);
    if (!framing) {
        return base::Failure{framing.error()};
    }
    listener.framing = *framing;
    std::istringstream upstreams(options.upstreams);
    for (config::Upstream upstream; upstreams >> upstream.name;) {
        listener.upstreams.push_back(upstream);
    }
    set_if(listener.framing.max_bytes, options.max_message_bytes);
    set_if(listener.limits.send_queue_bytes, options.send_queue_bytes);
    set_if(listener.limits.max_send_bytes, options.max_send_bytes);
    set_if(listener.limits.unconsumed_bytes, options.unconsumed_bytes);
    set_if(listener.limits.idle_timeout_ms, options.idle_timeout_ms);
    set_if(listener.limits.half_close_timeout_ms, options.half_close_timeout_ms);
    return listener;
}

// Null, with the reason.
std::unique_ptr<portico_testkit_world> make(portico_plugin_query_function query,
                                            const portico_testkit_options& options,
                                            std::string& why) {
    base::Result<const portico_plugin*> plugin = portico::plugin::check_module(
        query(PORTICO_ABI_MAJOR), "", options.plugin);
    if (!plugin) {
        why = plugin.error();
        return nullptr;
    }
    const portico_plugin& table = **plugin;
    base::Result<config::Listener> listener = listener_of(
        options, std::string(table.name, static_cast<std::size_t>(table.name_size)));
    why = listener ? portico::plugin::framing_fault(table, listener->framing) : listener.error();
    if (!why.empty()) {
        return nullptr;
    }
    World::Options world_options;
    world_options.seed = options.seed;
    world_options.listener = *listener;
    world_options.watch.guards_offers = options.guards_offers != 0;
    if (portico_testkit_world::exists) {
        why = "there is a world already: a process has one at a time";
        return nullptr;
    }
    auto made = std::make_unique<portico_testkit_world>();
    made->world = std::make_unique<World>(table, world_options);
    if (const std::vector<std::string> mistakes = made->world->create(); !mistakes.empty()) {
        why = mistakes.front();
        return nullptr;
    }
    return made;
}

void collect_findings(portico_testkit_world& of) {
    of.findings.clear();
    for (const portico::verify::Finding& finding : of.world->watch().findings()) {
        of.findings.push_back(finding.name + ": " + finding.text);
    }
}

}  // namespace

portico_testkit_world* portico_testkit_create(portico_plugin_query_function query,
                                              const portico_testkit_options* options, char* error,
                                              std::uint64_t error_capacity) {
    std::string why;
    try {
        if (auto made = make(query, *options, why)) {
            return made.release();
        }
    } catch (const std::exception& thrown) {
        why = thrown.what();
    }
    const std::size_t size = std::min<std::size_t>(why.size(),
                                                   static_cast<std::size_t>(error_capacity) - 1);
    std::memcpy(error, why.data(), size);
    error[size] = '\0';
    return nullptr;
}

void portico_testkit_destroy(portico_testkit_world* world) {
    delete world;
}

std::uint32_t portico_testkit_connect(portico_testkit_world* world, std::uint32_t receive_room) {
    world->peers.push_back(&world->world->connect(receive_room));
    return static_cast<std::uint32_t>(world->peers.size() - 1);
}

void portico_testkit_send(portico_testkit_world* world, std::uint32_t peer, const char* data,
                          std::uint64_t size) {
    world->peers.at(peer)->send({data, static_cast<std::size_t>(size)});
}

void portico_testkit_end_peer(portico_testkit_world* world, std::uint32_t peer, std::uint32_t how) {
    Peer& its = *world->peers.at(peer);
    if (how == 0) {
        its.finish();
    } else {
        its.reset();
    }
}

void portico_testkit_reads(portico_testkit_world* world, std::uint32_t peer, std::uint32_t does) {
    world->peers.at(peer)->reads(does != 0);
}

const char* portico_testkit_received(portico_testkit_world* world, std::uint32_t peer,
                                     std::uint64_t* size) {
    const std::string& received = world->peers.at(peer)->received();
    *size = received.size();
    return received.data();
}

std::uint32_t portico_testkit_state(portico_testkit_world* world, std::uint32_t peer) {
    using portico::testkit::peer_state;
    switch (world->peers.at(peer)->end()) {
        case Peer::End::none: break;
        case Peer::End::refused: return static_cast<std::uint32_t>(peer_state::refused);
        case Peer::End::finished: return static_cast<std::uint32_t>(peer_state::finished);
        case Peer::End::reset: return static_cast<std::uint32_t>(peer_state::reset);
    }
    return static_cast<std::uint32_t>(peer_state::open);
}

void portico_testkit_run(portico_testkit_world* world, std::uint64_t duration_ns) {
    world->world->run_for(duration_ns);
}

std::uint64_t portico_testkit_now(portico_testkit_world* world) {
    return world->world->now();
}

void portico_testkit_drain(portico_testkit_world* world) {
    world->world->drain();
}

std::int32_t portico_testkit_reload(portico_testkit_world* world) {
    if (!world->world->create(true).empty()) {
        return 0;
    }
    world->world->retire_oldest();
    return 1;
}

void portico_testkit_stop(portico_testkit_world* world, std::uint32_t drain_ms) {
    if (!std::exchange(world->is_stopped, true)) {
        world->world->watch().judge_quiet();
        world->world->stop(drain_ms);
        world->world->watch().judge_ends();
    }
}

const char* portico_testkit_text(portico_testkit_world* world, std::uint32_t what,
                                 std::uint64_t index) {
    if (what == 0 && index == 0) {
        collect_findings(*world);
    }
    const std::vector<std::string>& texts = what == 0 ? world->findings : world->world->log();
    return index < texts.size() ? texts[static_cast<std::size_t>(index)].c_str() : nullptr;
}
