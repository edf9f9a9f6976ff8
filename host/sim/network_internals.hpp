// The inside of the simulated network, for the port, the sockets and the peers. Use everything here
// inside a section of the scheduler.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "sim/network.hpp"
#include "sim/sim_port.hpp"

namespace portico::sim {

// A first-in, first-out queue of bytes that grows as it is used.
class ByteQueue {
public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    void push(const std::byte* bytes, std::size_t count);
    // The oldest bytes.
    void pop(std::byte* into, std::size_t count) noexcept;
    void move_to(ByteQueue& other, std::size_t count);
    void clear() noexcept { size_ = 0; }

private:
    void reserve(std::size_t bytes);

    std::vector<std::byte> ring_;  // a power of two
    std::size_t begin_ = 0;
    std::size_t size_ = 0;
};

[[nodiscard]] inline bool is_any(const io::Address& address) noexcept {
    return std::all_of(address.bytes.begin(), address.bytes.end(),
                       [](std::uint8_t byte) { return byte == 0; });
}

// Informed of what happens at an end or a listener: a port, or a peer.
class Watcher {
public:
    // Something can be received, sent or accepted, or is over: operations that wait may try again.
    // Called in events and inside sections.
    virtual void on_news(std::uint32_t handle) noexcept = 0;

protected:
    ~Watcher() = default;
};

struct Network::Internals {
    using Index = std::uint32_t;
    static constexpr Index none = UINT32_MAX;
    static constexpr io::NativeSocket first_native = 1'000;

    using Looks = Network::Looks;

    // One end of a connection, or a socket that may become one.
    struct End {
        enum class State : std::uint8_t {
            fresh,  // open_for_connect
            connecting,
            open,
            failed,  // the connect failed: `error` is the reason
            dead,    // reset: every call fails from now on
        };

        State state = State::fresh;
        io::Error error = io::Error::none;  // failed, dead
        // somebody may still use it: a Socket, a peer, a backlog
        bool has_handle = true;
        bool is_finished = false;     // its stream is complete: the end follows the bytes
        bool is_end_sent = false;     // the end is on its way, or has arrived
        bool is_input_ended = false;  // the other end's end of stream is there
        bool resets_on_close = false;
        Index other = none;  // none before the connection, and after the other has gone
        Index handle = none;
        io::Address local;
        io::Address remote;
        std::uint32_t send_room = 0;  // capacity of `outgoing`, and of `incoming`
        std::uint32_t receive_room = 0;
        ByteQueue outgoing;         // written here, not yet at the other end
        ByteQueue incoming;         // there, not yet received
        std::uint64_t written = 0;  // in all
        std::uint64_t arrived = 0;  // in all
        // when a byte last came or was acknowledged; before that, when the connection began
        std::uint64_t moved_ns = 0;
        std::uint64_t acknowledged_ns = 0;  // only for bytes from here
        std::size_t travelling = 0;         // the front part of outgoing that is on the way
        std::uint64_t last_arrival_ns = 0;  // of segments from here: none overtakes another
        Looks looks;                        // those of this end's owner
    };

    struct Listener {
        io::Address local;
        std::size_t backlog = 0;
        std::uint32_t handles = 0;  // it listens as long as it has some
        std::deque<Index> queue;    // ends whose handshake is through
        std::deque<Index> waiting;  // connecting ends that found the backlog full
        std::vector<Index> open_handles;
    };

    struct Handle {
        enum class Type : std::uint8_t { closed, end, listener };
        Type type = Type::closed;
        bool is_peers = false;  // a SimPeer's, not a Socket's
        Index index = none;     // of the end, of the listener
        Watcher* watcher = nullptr;
        const void* port = nullptr;  // the port that it joined
    };

    Internals(Scheduler& its_scheduler, Random its_random, const FaultMix& its_faults)
        : scheduler(its_scheduler), random(its_random), faults(its_faults) {}

    // ---- handles

    [[nodiscard]] static io::NativeSocket native_of(Index handle) noexcept {
        return first_native + static_cast<io::NativeSocket>(handle);
    }
    // Fails the run if it is not open. `what` begins a sentence: "a receive".
    [[nodiscard]] Index handle_of(io::NativeSocket native, const char* what) noexcept;
    [[nodiscard]] End& end_of(Index handle, const char* what) noexcept;
    [[nodiscard]] End& end(Index index) noexcept { return *ends[index]; }
    [[nodiscard]] Listener& listener_of(Index handle, const char* what) noexcept;
    [[nodiscard]] Index add_handle(Handle::Type type, Index index, bool is_peers);

    // ---- what sockets and peers do

    // "", or the reason for the failure.
    [[nodiscard]] std::string open_for_connect(io::Address::Family family, const io::Address& local,
                                               bool is_peers, Index& handle);
    // A peer's may be at any address, and so are those that are accepted there.
    [[nodiscard]] std::string listen(const io::Address& address, int backlog, Index& handle,
                                     bool is_peers = false);
    void connect(Index handle, const io::Address& remote);
    // An end from the backlog, with a handle; none if there is none.
    [[nodiscard]] Index accept(Index listener_handle);
    // Returns the bytes taken, 0 if there is no room. The end must be open.
    std::size_t write(End& from, const std::byte* bytes, std::size_t count);
    std::size_t read(End& at, std::byte* into, std::size_t count);
    [[nodiscard]] static std::size_t room(const End& at) noexcept {
        return at.outgoing.size() >= at.send_room ? 0 : at.send_room - at.outgoing.size();
    }
    void finish(End& from);
    void reset(End& from);
    void close(Index handle);

    // ---- what travels

    [[nodiscard]] Index add_end();
    [[nodiscard]] std::uint64_t latency() noexcept;
    [[nodiscard]] std::uint16_t free_port() noexcept { return next_port++; }
    // `index`: the end that sends.
    void pump(Index index);
    void deliver(Index index, std::uint32_t bytes);
    void deliver_end(Index index);
    // Ends an end's connection; takes effect at this end at once.
    void kill(Index index, io::Error error);
    void send_reset(const End& from);
    void syn_arrives(Index client);
    void establish(Index client, Listener& listener);
    void fail_connect(Index client, io::Error error);
    void fail_connect_later(Index client, io::Error error);
    void news(Index end_index) noexcept;
    void news_at(Listener& listener) noexcept;
    [[nodiscard]] Index find_listener(const io::Address& address) noexcept;

    Scheduler& scheduler;
    Random random;
    const FaultMix& faults;
    std::vector<std::unique_ptr<End>> ends;
    std::vector<std::unique_ptr<Listener>> listeners;
    std::vector<Handle> handles;
    std::vector<SimPort::Internals*> ports;  // null: gone
    std::size_t open_host_handles = 0;
    std::size_t open_peer_handles = 0;
    std::uint16_t next_port = 20'000;
};

}  // namespace portico::sim
