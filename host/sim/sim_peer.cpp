// The simulated outside: clients that the world controls.
#include <utility>

#include "sim/network_internals.hpp"

namespace portico::sim {

struct SimPeer::Inside final : Watcher {
    explicit Inside(SimPeer& its_owner) : owner(its_owner) {}

    // Informs the owner soon, once for all that is new by then. It does not do so here, because
    // this may be in the middle of the owner's own call.
    void on_news(std::uint32_t its_handle) noexcept override {
        if (is_told || !owner.on_change) {
            return;
        }
        is_told = true;
        Network::Internals& network = owner.network_.internals();
        network.scheduler.at(network.scheduler.now(), [&network, its_handle] {
            // Handles are not reused: an open one still belongs to the owner.
            if (Watcher* watcher = network.handles[its_handle].watcher) {
                static_cast<Inside*>(watcher)->tell();
            }
        });
    }

    void tell() {
        is_told = false;
        owner.on_change();
    }

    [[nodiscard]] Network::Internals& network() const noexcept {
        return owner.network_.internals();
    }
    [[nodiscard]] Network::Internals::End& end() const noexcept {
        return network().end(network().handles[handle].index);
    }
    [[nodiscard]] bool is_open() const noexcept {
        return handle != Network::Internals::none &&
               end().state == Network::Internals::End::State::open;
    }

    SimPeer& owner;
    std::uint32_t handle = Network::Internals::none;
    bool is_told = false;
};

SimPeer::SimPeer(Network& network) : network_(network), inside_(std::make_unique<Inside>(*this)) {}

SimPeer::~SimPeer() {
    close();
}

void SimPeer::connect(const io::Address& to, std::uint32_t receive_buffer,
                      std::uint32_t send_buffer) {
    Network::Internals& network = network_.internals();
    const Scheduler::Section section(network.scheduler);
    if (inside_->handle != Network::Internals::none) {
        network.scheduler.fail("a peer connects that is not idle");
    }
    inside_->is_told = false;
    static_cast<void>(network.open_for_connect(to.family, {}, true, inside_->handle));
    network.handles[inside_->handle].watcher = inside_.get();
    Network::Internals::End& end = inside_->end();
    end.receive_room = receive_buffer != 0 ? receive_buffer : end.receive_room;
    end.send_room = send_buffer != 0 ? send_buffer : end.send_room;
    network.connect(inside_->handle, to);
}

std::size_t SimPeer::send(std::span<const std::byte> bytes) {
    Network::Internals& network = network_.internals();
    const Scheduler::Section section(network.scheduler);
    if (!inside_->is_open() || inside_->end().is_finished) {
        return 0;
    }
    return network.write(inside_->end(), bytes.data(), bytes.size());
}

std::size_t SimPeer::receive(std::span<std::byte> into) {
    Network::Internals& network = network_.internals();
    const Scheduler::Section section(network.scheduler);
    if (inside_->handle == Network::Internals::none) {
        return 0;
    }
    return network.read(inside_->end(), into.data(), into.size());
}

bool SimPeer::at_end() const noexcept {
    return inside_->is_open() && inside_->end().is_input_ended &&
           inside_->end().incoming.size() == 0;
}

std::size_t SimPeer::receivable() const noexcept {
    return inside_->handle == Network::Internals::none ? 0 : inside_->end().incoming.size();
}

std::size_t SimPeer::room() const noexcept {
    return inside_->is_open() && !inside_->end().is_finished
               ? Network::Internals::room(inside_->end())
               : 0;
}

std::size_t SimPeer::unacknowledged() const noexcept {
    return inside_->handle == Network::Internals::none ? 0 : inside_->end().outgoing.size();
}

std::uint64_t SimPeer::written_by_host() const noexcept {
    if (inside_->handle == Network::Internals::none ||
        inside_->end().other == Network::Internals::none) {
        return 0;
    }
    return network_.internals().end(inside_->end().other).written;
}

void SimPeer::finish_sending() {
    Network::Internals& network = network_.internals();
    const Scheduler::Section section(network.scheduler);
    if (inside_->is_open()) {
        network.finish(inside_->end());
    }
}

void SimPeer::close() {
    if (inside_->handle != Network::Internals::none) {
        const Scheduler::Section section(network_.internals().scheduler);
        network_.internals().close(std::exchange(inside_->handle, Network::Internals::none));
    }
}

void SimPeer::reset() {
    if (inside_->handle != Network::Internals::none) {
        const Scheduler::Section section(network_.internals().scheduler);
        inside_->end().resets_on_close = true;
        network_.internals().close(std::exchange(inside_->handle, Network::Internals::none));
    }
}

SimPeer::State SimPeer::state() const noexcept {
    if (inside_->handle == Network::Internals::none) {
        return State::idle;
    }
    switch (inside_->end().state) {
        case Network::Internals::End::State::fresh:
        case Network::Internals::End::State::connecting: return State::connecting;
        case Network::Internals::End::State::open: return State::open;
        case Network::Internals::End::State::failed: return State::refused;
        case Network::Internals::End::State::dead: return State::reset;
    }
    return State::idle;
}

io::Address SimPeer::local_address() const noexcept {
    return inside_->handle == Network::Internals::none ? io::Address{} : inside_->end().local;
}

}  // namespace portico::sim
