#include "verify/servers.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace portico::verify {

namespace {

using Internals = sim::Network::Internals;

constexpr int backlog = 4'096;

}  // namespace

Servers::Servers(sim::Network& network, Manner manner) : network_(network), manner_(manner) {}

Servers::~Servers() {
    const sim::Scheduler::Section section(network_.scheduler());
    for (const Index handle : connections_) {
        network_.internals().close(handle);
    }
    for (const Index handle : listeners_) {
        network_.internals().close(handle);
    }
}

io::Address Servers::add() {
    io::Address address;
    address.family = io::Address::Family::v4;
    address.bytes = {127, 0, 0, 1};
    {
        const sim::Scheduler::Section section(network_.scheduler());
        address.port = network_.internals().free_port();
    }
    serve(address);
    return address;
}

void Servers::serve(const io::Address& address) {
    if (manner_ == Manner::refuse) {
        return;
    }
    Index listener = Internals::none;
    {
        const sim::Scheduler::Section section(network_.scheduler());
        const int room = manner_ == Manner::silent ? 0 : backlog;
        if (!network_.internals().listen(address, room, listener, true).empty()) {
            return;  // somebody does
        }
        network_.internals().handles[listener].watcher = this;
        listeners_.push_back(listener);
    }
    if (manner_ == Manner::silent) {
        fillers_.push_back(std::make_unique<sim::SimPeer>(network_));
        fillers_.back()->connect(address);
    }
}

void Servers::on_news(std::uint32_t) noexcept {
    // This may be in the middle of a call of its own.
    if (is_due_ || manner_ == Manner::silent) {
        return;
    }
    is_due_ = true;
    sim::Scheduler& scheduler = network_.scheduler();
    scheduler.at(scheduler.now(), [this] {
        is_due_ = false;
        act();
    });
}

void Servers::act() {
    Internals& inside = network_.internals();
    for (const Index listener : listeners_) {
        for (;;) {
            const Index accepted = inside.accept(listener);
            if (accepted == Internals::none) {
                break;
            }
            inside.handles[accepted].watcher = this;
            connections_.push_back(accepted);
        }
    }
    std::erase_if(connections_, [this](Index handle) { return !serve_connection(handle); });
}

bool Servers::serve_connection(Index handle) {
    Internals& inside = network_.internals();
    Internals::End& end = inside.end_of(handle, "a server's turn");
    if (end.state == Internals::End::State::open && end.incoming.size() != 0 &&
        manner_ == Manner::reset) {
        inside.reset(end);
    }
    std::array<std::byte, 4'096> bytes{};
    while (end.state == Internals::End::State::open) {
        // It takes no more than it can give back.
        const std::size_t count = inside.read(end, bytes.data(),
                                              std::min(bytes.size(), Internals::room(end)));
        if (count == 0) {
            break;
        }
        inside.write(end, bytes.data(), count);
    }
    if (end.state == Internals::End::State::open &&
        (!end.is_input_ended || end.incoming.size() != 0)) {
        return true;
    }
    inside.close(handle);  // what it has written goes out before
    return false;
}

}  // namespace portico::verify
