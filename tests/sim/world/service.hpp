// A listener with its plugin instance, as in host/server, and the world's notes on it.
#pragma once

#include <array>
#include <deque>
#include <memory>

#include "net/acceptor.hpp"
#include "net/connector.hpp"
#include "plugin/instance.hpp"
#include "sim/world/count.hpp"
#include "sim/world/ledger.hpp"

namespace portico::sim {

class Plugin;

struct Service {
    const ServicePlan* plan = nullptr;
    std::uint32_t number = 0;
    config::Listener listener;
    net::ConnectionContext context;
    std::vector<io::Address> addresses;
    std::unique_ptr<Plugin> plugin;  // outlives the instance
    std::unique_ptr<plugin::Instance> instance;
    std::unique_ptr<net::Acceptor> acceptor;
    std::unique_ptr<net::Connector> connector;

    // Set by create.
    const portico_host* host = nullptr;
    portico_instance* handle = nullptr;
    bool is_created = false;  // create has returned
    bool is_stop_told = false;
    bool is_destroyed = false;
    // the groups of its connections; there are several if each has one thread
    std::uint32_t homes = 1;
    std::uint64_t last_full_ns = 0;  // when it was last seen at its limit, or drained

    // By an operator.
    std::uint32_t drains = 0;  // so many were begun
    bool is_drained = false;
    std::uint64_t drained_ns = 0;  // when that was last ordered
    std::uint32_t undos = 0;       // under way

    // What on_close has said of the connections that on_open accepted.
    struct Closed {
        std::uint64_t received_bytes = 0;
        std::uint64_t sent_bytes = 0;
        std::uint64_t unsent_bytes = 0;
        std::array<std::uint64_t, net::close_reasons> reasons{};
    } closed;
    Count count;                // of callbacks, posted functions, and calls of threads
    std::uint32_t running = 0;  // callbacks and posted functions that run now
    std::uint32_t instance_posts_running = 0;
    std::uint32_t lines_open = 0;    // accepted by on_open and not closed
    std::deque<Line*> wants_resume;  // held lines that a foreign thread is to resume

    [[nodiscard]] bool is_echo() const noexcept {
        return plan->character == ServicePlan::Character::echo;
    }
    [[nodiscard]] bool is_serial() const noexcept {
        return (plan->flags & PORTICO_PLUGIN_SERIAL) != 0;
    }
    [[nodiscard]] bool is_blocking() const noexcept {
        return (plan->flags & PORTICO_PLUGIN_BLOCKING) != 0;
    }
    [[nodiscard]] bool is_framed() const noexcept {
        return plan->framing.type != config::Framing::Type::none;
    }
};

}  // namespace portico::sim
