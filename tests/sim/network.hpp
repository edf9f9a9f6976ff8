// The simulated TCP: listeners with a backlog, connections of two byte streams with bounded
// buffers, latency, end of stream, reset.
//
//     SimPeer (the world's side)  <-- segments, latency --> host end, reached through io::Socket
//                                 and SimPort
//
// One network at a time exists in the process: io::Socket (substituted at link time by
// sim_socket.cpp) holds in its NativeSocket a handle of it. Handles are checked: a closed or
// foreign one is a failure of the run, not an error code. Handles are not used again within a run.
//
// What is kept of TCP:
//  - What is written goes into the sender's buffer (bounded: a full one takes no more), travels in
//  segments in order, and takes room in the
//    receiver's buffer; without room there it stays with the sender, so that back-pressure reaches the writer. Bytes are "unacknowledged"
//    (Socket::unacknowledged_bytes) until the receiver's system has them.
//  - The end of a stream (shutdown_send, close) follows the bytes. Close with unread input, or with
//  reset_on_close, is a reset, which overtakes
//    the bytes. Bytes that arrive for a closed end answer with a reset.
//  - A connect completes when its listener's backlog has room and the handshake is through, before
//  anybody accepts. Nobody listens: refused.
//    Full backlog: the connect waits.
//
// Every public call takes a Scheduler::Section, so it is a switch point outside of events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "io/address.hpp"
#include "io/error.hpp"
#include "io/socket.hpp"
#include "sim/fault_mix.hpp"
#include "sim/random.hpp"
#include "sim/scheduler.hpp"

namespace portico::sim {

class SimPort;
class SimPeer;

class Network {
public:
    // `faults` is the run's mix; the network keeps a reference, so that the world can change it.
    Network(Scheduler& scheduler, Random random, const FaultMix& faults);
    // Every handle must be closed, every SimPeer gone or closed: what is left is a leak and fails
    // the run.
    ~Network();
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    // The one that exists now; null without one.
    [[nodiscard]] static Network* current() noexcept;

    // Handles of io::Socket (and accepted ones nobody adopted yet) that are open now: the balance
    // at the end of a run.
    [[nodiscard]] std::size_t open_handles() const noexcept;

    // Resets a connection on its way, as a router or a firewall that lost its state does: both ends
    // see a reset. By either end's local address (Socket::local_address, SimPeer::local_address).
    // False when there is none (any more).
    bool reset_connection(const io::Address& local);

    // What the owner of a socket has found whenever it asked for its progress: for how long nothing
    // had moved by then.
    struct Looks {
        std::uint64_t longest_still_ns = 0;  // at any of its looks
        std::uint64_t last_still_ns = 0;     // at the last one
        // the same, of what it sends alone: for how long nothing was acknowledged
        std::uint64_t last_unheeded_ns = 0;
    };
    // By the owner of the end whose peer has this port; nothing before there is one.
    [[nodiscard]] Looks looks_at_peer(std::uint16_t port) const noexcept;

    [[nodiscard]] Scheduler& scheduler() noexcept;

    struct Internals;  // network_internals.hpp: for sim_port.cpp, sim_socket.cpp and the peers
    [[nodiscard]] Internals& internals() noexcept { return *internals_; }

private:
    std::unique_ptr<Internals> internals_;
};

// A client (or anything else outside the host) as the world drives it. No call waits; progress is
// seen by polling or by on_change.
//
//     sim::SimPeer peer(network);
//     peer.on_change = [&] { ... peer.receive(...), peer.send(...) ... };
//     peer.connect(address_of_the_listener);
class SimPeer {
public:
    enum class State : std::uint8_t {
        idle,  // before connect, and after close()
        connecting,
        open,
        refused,  // nobody listens, the network is unreachable, or a fault of the mix
        reset,    // by the host, the network, or reset()
    };

    explicit SimPeer(Network& network);
    // Closes.
    ~SimPeer();
    SimPeer(const SimPeer&) = delete;
    SimPeer& operator=(const SimPeer&) = delete;

    // Called after anything of this peer has changed by itself: connected, refused, reset, bytes or
    // the end have come, there is room to send again. In an event (Scheduler::at says what may be
    // done there; every call of SimPeer may). Set it before connect().
    std::function<void()> on_change;

    // Only in state idle. How the state goes on is told by state(). Buffers: room of this end, 0
    // for the mix's.
    void connect(const io::Address& to, std::uint32_t receive_buffer = 0,
                 std::uint32_t send_buffer = 0);

    // Takes as many bytes as there is room for, and says how many. 0 when there is none, or the
    // state is not open, or after finish_sending().
    std::size_t send(std::span<const std::byte> bytes);
    // Bytes that have come, 0 when there are none (yet).
    std::size_t receive(std::span<std::byte> into);
    // The host has ended its stream and all of it was received. Never after a reset, which is what
    // is read then.
    [[nodiscard]] bool at_end() const noexcept;
    // What receive() would bring now, what send() would take.
    [[nodiscard]] std::size_t receivable() const noexcept;
    [[nodiscard]] std::size_t room() const noexcept;
    // Bytes that this peer has sent and the host's system has not got yet.
    [[nodiscard]] std::size_t unacknowledged() const noexcept;
    // Bytes that the other end has written in this connection: all that its sends have brought to
    // its system so far.
    [[nodiscard]] std::uint64_t written_by_host() const noexcept;

    // The end of this peer's stream, behind what was sent.
    void finish_sending();
    // Ends it in order (a reset when something is unread, as TCP does), or with a reset at once.
    // The state is then idle; connect() may follow.
    void close();
    void reset();

    [[nodiscard]] State state() const noexcept;
    // Of this peer's end: what the host's accept reports as the peer. family none before connect().
    [[nodiscard]] io::Address local_address() const noexcept;

private:
    struct Inside;
    Network& network_;
    std::unique_ptr<Inside> inside_;
};

}  // namespace portico::sim
