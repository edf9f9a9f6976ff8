// What is on its way in the simulated network: segments, ends of streams, resets, connects.
#include <algorithm>
#include <utility>

#include "sim/network_internals.hpp"

namespace portico::sim {

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

}  // namespace portico::sim
