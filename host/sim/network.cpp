#include <algorithm>
#include <cerrno>
#include <utility>

#include "sim/network_internals.hpp"
#include "sim/sim_sockets.hpp"

namespace portico::sim {

namespace {

Network* current_network = nullptr;

bool is_any(const io::Address& address) noexcept {
    return std::all_of(address.bytes.begin(), address.bytes.end(),
                       [](std::uint8_t byte) { return byte == 0; });
}

io::Address loopback(io::Address::Family family) noexcept {
    io::Address address;
    address.family = family;
    if (family == io::Address::Family::v6) {
        address.bytes[15] = 1;
    } else {
        address.bytes[0] = 127;
        address.bytes[3] = 1;
    }
    return address;
}

bool is_local(const io::Address& address) noexcept {
    io::Address home = loopback(address.family);
    return is_any(address) || address.bytes == home.bytes ||
           (address.family == io::Address::Family::v4 && address.bytes[0] == 127);
}

std::string reason(const char* what, const io::Address& address, int code) {
    return std::string(what) + " " + io::to_string(address) + ": " + io::native_error_text(code);
}

}  // namespace

// ---- ByteQueue

void ByteQueue::reserve(std::size_t bytes) {
    if (bytes <= ring_.size()) {
        return;
    }
    std::size_t size = std::max<std::size_t>(ring_.size(), 256);
    while (size < bytes) {
        size *= 2;
    }
    std::vector<std::byte> larger(size);
    const std::size_t held = size_;
    pop(larger.data(), held);
    ring_ = std::move(larger);
    begin_ = 0;
    size_ = held;
}

void ByteQueue::push(const std::byte* bytes, std::size_t count) {
    reserve(size_ + count);
    if (count == 0) {
        return;
    }
    const std::size_t at = (begin_ + size_) & (ring_.size() - 1);
    const std::size_t first = std::min(count, ring_.size() - at);
    std::memcpy(ring_.data() + at, bytes, first);
    std::memcpy(ring_.data(), bytes + first, count - first);
    size_ += count;
}

void ByteQueue::pop(std::byte* into, std::size_t count) noexcept {
    if (count == 0) {
        return;
    }
    const std::size_t first = std::min(count, ring_.size() - begin_);
    std::memcpy(into, ring_.data() + begin_, first);
    std::memcpy(into + first, ring_.data(), count - first);
    begin_ = (begin_ + count) & (ring_.size() - 1);
    size_ -= count;
}

void ByteQueue::move_to(ByteQueue& other, std::size_t count) {
    while (count > 0) {
        const std::size_t part = std::min(count, ring_.size() - begin_);
        other.push(ring_.data() + begin_, part);
        begin_ = (begin_ + part) & (ring_.size() - 1);
        size_ -= part;
        count -= part;
    }
}

// ---- handles

Network::Internals::Index Network::Internals::handle_of(io::NativeSocket native,
                                                        const char* what) noexcept {
    const auto handle = static_cast<std::size_t>(native - first_native);
    if (native < first_native || handle >= handles.size() ||
        handles[handle].type == Handle::Type::closed) {
        scheduler.fail(std::string(what) +
                       " of a socket that is not open: " + std::to_string(native));
    }
    return static_cast<Index>(handle);
}

Network::Internals::End& Network::Internals::end_of(Index handle, const char* what) noexcept {
    if (handles[handle].type != Handle::Type::end) {
        scheduler.fail(std::string(what) +
                       " of a socket that is no connection: " + std::to_string(native_of(handle)));
    }
    return *ends[handles[handle].index];
}

Network::Internals::Listener& Network::Internals::listener_of(Index handle,
                                                              const char* what) noexcept {
    if (handles[handle].type != Handle::Type::listener) {
        scheduler.fail(std::string(what) +
                       " of a socket that does not listen: " + std::to_string(native_of(handle)));
    }
    return *listeners[handles[handle].index];
}

Network::Internals::Index Network::Internals::add_handle(Handle::Type type, Index index,
                                                         bool is_peers) {
    Handle handle;
    handle.type = type;
    handle.is_peers = is_peers;
    handle.index = index;
    handles.push_back(handle);
    ++(is_peers ? open_peer_handles : open_host_handles);
    return static_cast<Index>(handles.size() - 1);
}

Network::Internals::Index Network::Internals::add_end() {
    auto made = std::make_unique<End>();
    made->send_room = faults.buffer_bytes;
    made->receive_room = faults.buffer_bytes;
    ends.push_back(std::move(made));
    return static_cast<Index>(ends.size() - 1);
}

// ---- what sockets and peers do

std::string Network::Internals::open_for_connect(io::Address::Family family,
                                                 const io::Address& local, bool is_peers,
                                                 Index& handle) {
    if (local.family != io::Address::Family::none && !is_local(local)) {
        return reason("cannot bind to", local, EADDRNOTAVAIL);
    }
    const Index made = add_end();
    handle = add_handle(Handle::Type::end, made, is_peers);
    End& its = end(made);
    its.handle = handle;
    its.local = loopback(family);
    if (local.family != io::Address::Family::none) {
        its.local = local;
        its.local.port = local.port != 0 ? local.port : free_port();
    }
    return {};
}

std::string Network::Internals::listen(const io::Address& address, int backlog, Index& handle) {
    if (!is_local(address)) {
        return reason("cannot listen on", address, EADDRNOTAVAIL);
    }
    if (address.port != 0) {
        for (const std::unique_ptr<Listener>& other : listeners) {
            if (other->handles != 0 && other->local.port == address.port &&
                other->local.family == address.family &&
                (other->local.bytes == address.bytes || is_any(other->local) || is_any(address))) {
                return reason("cannot listen on", address, EADDRINUSE);
            }
        }
    }
    auto made = std::make_unique<Listener>();
    made->local = address;
    made->local.port = address.port != 0 ? address.port : free_port();
    made->backlog = static_cast<std::size_t>(std::max(backlog, 0));
    made->handles = 1;
    listeners.push_back(std::move(made));
    handle = add_handle(Handle::Type::listener, static_cast<Index>(listeners.size() - 1), false);
    listeners.back()->open_handles.push_back(handle);
    scheduler.trace("socket {}: listens on port {}", native_of(handle),
                    listeners.back()->local.port);
    return {};
}

void Network::Internals::connect(Index handle, const io::Address& remote) {
    const Index client = handles[handle].index;
    End& its = end_of(handle, "a connect");
    if (its.state != End::State::fresh) {
        scheduler.fail("a second connect of socket " + std::to_string(native_of(handle)));
    }
    its.state = End::State::connecting;
    its.remote = remote;
    if (its.local.port == 0) {
        its.local.port = free_port();
    }
    scheduler.trace("socket {}: connects from port {} to {}", native_of(handle), its.local.port,
                    remote.port);
    if (random.chance(faults.refused)) {
        fail_connect_later(client, io::Error::refused);
    } else if (random.chance(faults.unreachable)) {
        fail_connect_later(client, io::Error::unreachable);
    } else {
        scheduler.after(latency(), [this, client] { syn_arrives(client); });
    }
}

Network::Internals::Index Network::Internals::accept(Index listener_handle) {
    Listener& its = listener_of(listener_handle, "an accept");
    if (its.queue.empty()) {
        return none;
    }
    const Index accepted = its.queue.front();
    its.queue.pop_front();
    while (!its.waiting.empty()) {
        const Index client = its.waiting.front();
        its.waiting.pop_front();
        if (end(client).state == End::State::connecting) {
            establish(client, its);
            break;
        }
    }
    if (random.chance(faults.accept_aborted)) {
        scheduler.trace("the next connection that is accepted has been reset");
        send_reset(end(accepted));
        kill(accepted, io::Error::reset);
    }
    const Index handle = add_handle(Handle::Type::end, accepted, false);
    end(accepted).handle = handle;
    return handle;
}

std::size_t Network::Internals::write(End& from, const std::byte* bytes, std::size_t count) {
    const std::size_t taken = std::min(count, room(from));
    if (taken != 0) {
        from.outgoing.push(bytes, taken);
        from.written += taken;
        pump(handles[from.handle].index);
    }
    return taken;
}

std::size_t Network::Internals::read(End& at, std::byte* into, std::size_t count) {
    const std::size_t taken = std::min(count, at.incoming.size());
    at.incoming.pop(into, taken);
    // As in TCP, the sender learns of free room only when there is a good deal of it.
    if (at.state == End::State::open && at.other != none &&
        (at.incoming.size() == 0 || at.incoming.size() <= at.receive_room / 2)) {
        pump(at.other);
    }
    return taken;
}

void Network::Internals::finish(End& from) {
    if (!from.is_finished) {
        from.is_finished = true;
        pump(handles[from.handle].index);
    }
}

void Network::Internals::reset(End& from) {
    send_reset(from);
    kill(handles[from.handle].index, io::Error::reset);
}

void Network::Internals::close(Index handle) {
    Handle& its = handles[handle];
    its.watcher = nullptr;
    --(its.is_peers ? open_peer_handles : open_host_handles);
    if (std::exchange(its.type, Handle::Type::closed) == Handle::Type::listener) {
        Listener& listener = *listeners[its.index];
        listener.open_handles.erase(
            std::find(listener.open_handles.begin(), listener.open_handles.end(), handle));
        if (--listener.handles != 0) {
            return;
        }
        scheduler.trace("port {}: nobody listens any more", listener.local.port);
        for (const Index queued : std::exchange(listener.queue, {})) {
            send_reset(end(queued));
            kill(queued, io::Error::reset);
        }
        for (const Index waiting : std::exchange(listener.waiting, {})) {
            if (end(waiting).state == End::State::connecting) {
                fail_connect_later(waiting, io::Error::refused);
            }
        }
        return;
    }
    End& gone = end(its.index);
    gone.handle = none;
    gone.has_handle = false;
    switch (gone.state) {
        case End::State::open:
            if (gone.resets_on_close || gone.incoming.size() != 0) {
                scheduler.trace("socket {}: closes with a reset, {} bytes unread",
                                native_of(handle), gone.incoming.size());
                send_reset(gone);
                kill(its.index, io::Error::reset);
            } else {
                scheduler.trace("socket {}: closes, {} bytes are still to go", native_of(handle),
                                gone.outgoing.size());
                if (!std::exchange(gone.is_finished, true)) {
                    pump(its.index);
                }
            }
            break;
        case End::State::connecting:
            scheduler.trace("socket {}: closes on its way to connect", native_of(handle));
            send_reset(gone);
            kill(its.index, io::Error::reset);
            break;
        case End::State::fresh:
        case End::State::failed:
        case End::State::dead: scheduler.trace("socket {}: closes", native_of(handle)); break;
    }
}

// ---- what travels

std::uint64_t Network::Internals::latency() noexcept {
    return 1 + random.skewed(faults.latency_ns_max == 0 ? 0 : faults.latency_ns_max - 1);
}

void Network::Internals::pump(Index index) {
    End& from = end(index);
    if (from.state != End::State::open || from.other == none) {
        return;
    }
    const End& to = end(from.other);
    while (from.outgoing.size() > from.travelling) {
        std::size_t bytes = from.outgoing.size() - from.travelling;
        if (to.has_handle) {  // bytes for a closed end meet no limit: the answer is a reset
            const std::size_t held = to.incoming.size() + from.travelling;
            if (held >= to.receive_room) {
                break;
            }
            bytes = std::min(bytes, to.receive_room - held);
        }
        if (faults.segment_bytes_max != 0) {
            bytes = std::min<std::size_t>(bytes, 1 + random.below(faults.segment_bytes_max));
        }
        from.travelling += bytes;
        from.last_arrival_ns = std::max(from.last_arrival_ns, scheduler.now() + latency());
        if (random.chance(faults.reset_connection)) {
            scheduler.at(from.last_arrival_ns, [this, index] {
                if (end(index).state == End::State::open) {
                    scheduler.trace("the network resets the connection of port {}",
                                    end(index).local.port);
                    kill(end(index).other, io::Error::reset);
                    kill(index, io::Error::reset);
                }
            });
            return;
        }
        const auto count = static_cast<std::uint32_t>(bytes);
        scheduler.at(from.last_arrival_ns, [this, index, count] { deliver(index, count); });
    }
    if (from.is_finished && !from.is_end_sent && from.outgoing.size() == from.travelling) {
        from.is_end_sent = true;
        from.last_arrival_ns = std::max(from.last_arrival_ns, scheduler.now() + latency());
        scheduler.at(from.last_arrival_ns, [this, index] { deliver_end(index); });
    }
}

void Network::Internals::deliver(Index index, std::uint32_t bytes) {
    End& from = end(index);
    if (from.state != End::State::open) {
        return;
    }
    End& to = end(from.other);
    if (to.state == End::State::dead || !to.has_handle) {
        // Nobody is there: the answer is a reset, and the unsent bytes of this end are lost.
        send_reset(to);
        kill(from.other, io::Error::reset);
        return;
    }
    from.travelling -= bytes;
    from.outgoing.move_to(to.incoming, bytes);
    to.arrived += bytes;
    to.moved_ns = from.moved_ns = from.acknowledged_ns = scheduler.now();
    scheduler.trace("port {} -> {}: {} bytes arrive", from.local.port, from.remote.port, bytes);
    const Index there = from.other;
    news(there);
    news(index);
}

void Network::Internals::deliver_end(Index index) {
    const End& from = end(index);
    if (from.state != End::State::open) {
        return;
    }
    End& to = end(from.other);
    if (to.state == End::State::open) {
        to.is_input_ended = true;
        scheduler.trace("port {} -> {}: the end of the stream arrives", from.local.port,
                        from.remote.port);
        news(from.other);
    }
}

void Network::Internals::kill(Index index, io::Error error) {
    End& its = end(index);
    if (its.state == End::State::dead) {
        return;
    }
    its.state = End::State::dead;
    its.error = error;
    its.outgoing.clear();
    its.travelling = 0;
    if (random.chance(faults.reset_discards)) {
        its.incoming.clear();
    }
    news(index);
}

void Network::Internals::send_reset(const End& from) {
    if (from.other == none) {
        return;
    }
    const Index other = from.other;
    scheduler.after(latency(), [this, other] {
        const End& its = end(other);
        if (its.state == End::State::open || its.state == End::State::connecting) {
            scheduler.trace("port {}: a reset arrives from port {}", its.local.port,
                            its.remote.port);
            kill(other, io::Error::reset);
        }
    });
}

void Network::Internals::syn_arrives(Index client) {
    End& its = end(client);
    if (its.state != End::State::connecting) {
        return;
    }
    const Index found = find_listener(its.remote);
    if (found == none) {
        fail_connect_later(client, io::Error::refused);
        return;
    }
    Listener& listener = *listeners[found];
    // Linux counts one more than the backlog says
    if (listener.queue.size() > listener.backlog) {
        listener.waiting.push_back(client);
        return;
    }
    establish(client, listener);
}

void Network::Internals::establish(Index client, Listener& listener) {
    const Index server = add_end();
    End& far = end(client);
    End& near = end(server);
    near.state = End::State::open;
    near.moved_ns = near.acknowledged_ns = scheduler.now();
    near.local = far.remote;
    near.remote = far.local;
    near.other = client;
    far.other = server;
    // nothing arrives at the client before it is connected
    near.last_arrival_ns = scheduler.now() + latency();
    scheduler.at(near.last_arrival_ns, [this, client] {
        End& connected = end(client);
        if (connected.state == End::State::connecting) {
            connected.state = End::State::open;
            scheduler.trace("port {}: is connected to port {}", connected.local.port,
                            connected.remote.port);
            news(client);
        }
    });
    listener.queue.push_back(server);
    news_at(listener);
}

void Network::Internals::fail_connect_later(Index client, io::Error error) {
    scheduler.after(latency(), [this, client, error] { fail_connect(client, error); });
}

void Network::Internals::fail_connect(Index client, io::Error error) {
    End& its = end(client);
    if (its.state != End::State::connecting) {
        return;
    }
    its.state = End::State::failed;
    its.error = error;
    scheduler.trace(error == io::Error::refused ? "port {}: its connect to port {} is refused"
                                                : "port {}: its connect to port {} fails",
                    its.local.port, its.remote.port);
    news(client);
}

void Network::Internals::news(Index end_index) noexcept {
    const Index handle = end(end_index).handle;
    if (handle != none && handles[handle].watcher != nullptr) {
        handles[handle].watcher->on_news(handle);
    }
    scheduler.changed();
}

void Network::Internals::news_at(Listener& listener) noexcept {
    // One of the waiting accepts gets the connection; the seed draws which one hears of it first.
    const std::size_t count = listener.open_handles.size();
    const std::size_t first = count > 1 ? static_cast<std::size_t>(random.below(count)) : 0;
    for (std::size_t i = 0; i < count; ++i) {
        const Index handle = listener.open_handles[(first + i) % count];
        if (handles[handle].watcher != nullptr) {
            handles[handle].watcher->on_news(handle);
        }
    }
    scheduler.changed();
}

Network::Internals::Index Network::Internals::find_listener(const io::Address& address) noexcept {
    for (std::size_t i = 0; i < listeners.size(); ++i) {
        const Listener& its = *listeners[i];
        if (its.handles != 0 && its.local.port == address.port &&
            its.local.family == address.family &&
            (its.local.bytes == address.bytes || is_any(its.local))) {
            return static_cast<Index>(i);
        }
    }
    return none;
}

// ---- Network

Network::Network(Scheduler& scheduler, Random random, const FaultMix& faults)
    : internals_(std::make_unique<Internals>(scheduler, random, faults)),
      sockets_(std::make_unique<SimSockets>(*internals_)) {
    if (current_network != nullptr) {
        scheduler.fail("a second network");
    }
    current_network = this;
    io::SimulatedSockets::install(sockets_.get());
}

Network::~Network() {
    if (internals_->open_host_handles != 0 || internals_->open_peer_handles != 0) {
        for (std::size_t i = 0; i < internals_->handles.size(); ++i) {
            const Internals::Handle& handle = internals_->handles[i];
            if (handle.type != Internals::Handle::Type::closed) {
                internals_->scheduler.trace(handle.is_peers ? "socket {} of a peer was never closed"
                                                            : "socket {} was never closed",
                                            Internals::native_of(static_cast<Internals::Index>(i)));
            }
        }
        internals_->scheduler.fail(
            "sockets were left open: " + std::to_string(internals_->open_host_handles) +
            " of the host, " + std::to_string(internals_->open_peer_handles) + " of peers");
    }
    io::SimulatedSockets::install(nullptr);
    current_network = nullptr;
}

Network* Network::current() noexcept {
    return current_network;
}

Scheduler& Network::scheduler() noexcept {
    return internals_->scheduler;
}

std::size_t Network::open_handles() const noexcept {
    return internals_->open_host_handles;
}

Network::Looks Network::looks_at_peer(std::uint16_t port) const noexcept {
    for (const std::unique_ptr<Internals::End>& end : internals_->ends) {
        if (end->remote.port == port) {
            return end->looks;
        }
    }
    return {};
}

bool Network::reset_connection(const io::Address& local) {
    const Scheduler::Section section(internals_->scheduler);
    for (std::size_t i = 0; i < internals_->ends.size(); ++i) {
        const Internals::End& its = *internals_->ends[i];
        if (its.state == Internals::End::State::open && (its.local == local)) {
            internals_->scheduler.trace("the network resets the connection of port {}", local.port);
            internals_->kill(its.other, io::Error::reset);
            internals_->kill(static_cast<Internals::Index>(i), io::Error::reset);
            return true;
        }
    }
    return false;
}

// ---- SimPeer

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
