// The servers of the simulated world, for plugins that connect. At each address that a plugin asks
// for there is one: it sends back what it gets, and ends its stream when its client has ended its
// own.
//
// Concurrency: the servers act in events of the scheduler, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "io/address.hpp"
#include "sim/network_internals.hpp"

namespace portico::verify {

class Servers final : public sim::Watcher {
public:
    enum class Manner : std::uint8_t {
        echo,
        refuse,  // nobody listens
        silent,  // a connect gets no answer
        reset,   // a connection is reset when its first bytes come
    };

    Servers(sim::Network& network, Manner manner);
    ~Servers();
    Servers(const Servers&) = delete;
    Servers& operator=(const Servers&) = delete;

    // A new address, with a server.
    [[nodiscard]] io::Address add();
    // There is a server at this address, unless somebody else listens there.
    void serve(const io::Address& address);

    // ---- sim::Watcher
    void on_news(std::uint32_t handle) noexcept override;

private:
    using Index = sim::Network::Internals::Index;

    void act();
    // False: the connection has ended, and its handle is closed.
    [[nodiscard]] bool serve_connection(Index handle);

    sim::Network& network_;
    const Manner manner_;
    std::vector<Index> listeners_;
    std::vector<Index> connections_;
    std::vector<std::unique_ptr<sim::SimPeer>> fillers_;  // of backlogs: then nobody else gets in
    bool is_due_ = false;
};

}  // namespace portico::verify
