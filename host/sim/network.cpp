#include <algorithm>
#include <cerrno>
#include <utility>

#include "sim/network_internals.hpp"
#include "sim/sim_sockets.hpp"

namespace portico::sim {

namespace {

Network* current_network = nullptr;

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

std::string Network::Internals::listen(const io::Address& address, int backlog, Index& handle,
                                       bool is_peers) {
    if (!is_peers && !is_local(address)) {
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
    handle = add_handle(Handle::Type::listener, static_cast<Index>(listeners.size() - 1), is_peers);
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
    const Index handle = add_handle(Handle::Type::end, accepted, handles[listener_handle].is_peers);
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

}  // namespace portico::sim
