// The simulated TCP: listeners with a backlog, connections of two byte streams with bounded
// buffers, latency, end of stream, reset.
//
//     SimPeer (the world's side)  <-- segments, latency --> host end, reached through io::Socket
//                                 and SimPort
//
// The process has one network at a time. As long as it exists, io::Socket (sim_sockets.hpp) holds a
// handle of it in its NativeSocket. Handles are checked: a closed or foreign one fails the run
// instead of returning an error code. Handles are not reused within a run.
//
// It keeps these properties of TCP:
//  - Written bytes go into the sender's buffer (bounded: a full one takes no more), travel in
//    segments in order, and take room in the receiver's buffer. If there is no room they stay with
//    the sender, so that back-pressure reaches the writer. Bytes are "unacknowledged"
//    (Socket::unacknowledged_bytes) until the receiver's system has them.
//  - The end of a stream (shutdown_send, close) follows the bytes. A close with unread input, or
//    with reset_on_close, is a reset, which overtakes the bytes. If bytes arrive for a closed end,
//    the answer is a reset.
//  - A connect completes when its listener's backlog has room and the handshake is through, before
//    anybody accepts. If nobody listens it is refused; if the backlog is full it waits.
//
// Every public call takes a Scheduler::Section, so outside of events it is a switch point.
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
class SimSockets;

class Network {
public:
    // `faults` is the run's mix; the network keeps a reference, so that the world can change it.
    Network(Scheduler& scheduler, Random random, const FaultMix& faults);
    // Every handle must be closed, and every SimPeer gone or closed: anything left is a leak and
    // fails the run.
    ~Network();
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    // The existing network; null if there is none.
    [[nodiscard]] static Network* current() noexcept;

    // The number of open handles of io::Socket (and of accepted ones that nobody has adopted), to
    // check for leaks at the end of a run.
    [[nodiscard]] std::size_t open_handles() const noexcept;

    // Resets a connection in the network, as a router or firewall that lost its state does: both
    // ends see a reset. Takes either end's local address (Socket::local_address,
    // SimPeer::local_address). False if no such connection exists (any more).
    bool reset_connection(const io::Address& local);

    // The results of a socket owner's calls of progress: for how long nothing had moved at each.
    struct Looks {
        std::uint64_t longest_still_ns = 0;  // at any of its looks
        std::uint64_t last_still_ns = 0;     // at the last one
        // the same only for its sends: for how long nothing was acknowledged
        std::uint64_t last_unheeded_ns = 0;
    };
    // The looks of the owner whose peer has this port; nothing before there is one.
    [[nodiscard]] Looks looks_at_peer(std::uint16_t port) const noexcept;

    [[nodiscard]] Scheduler& scheduler() noexcept;

    struct Internals;  // network_internals.hpp: for sim_port.cpp, sim_sockets.cpp and the peers
    [[nodiscard]] Internals& internals() noexcept { return *internals_; }

private:
    std::unique_ptr<Internals> internals_;
    std::unique_ptr<SimSockets> sockets_;
};

// A client (or anything else outside the host) that the world controls. No call waits; poll, or use
// on_change, to see progress.
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
        reset,    // broken by the host, the network, or reset()
    };

    explicit SimPeer(Network& network);
    // Closes.
    ~SimPeer();
    SimPeer(const SimPeer&) = delete;
    SimPeer& operator=(const SimPeer&) = delete;

    // Called in an event after something has changed on its own: connected, refused or reset, bytes
    // or the end have come, there is room to send again. (Scheduler::at lists what may be done
    // there; every call of SimPeer is allowed.) Set it before connect().
    std::function<void()> on_change;

    // Only in state idle. state() shows the outcome. Buffers: the room of this end; 0 for the
    // mix's.
    void connect(const io::Address& to, std::uint32_t receive_buffer = 0,
                 std::uint32_t send_buffer = 0);

    // Takes as many bytes as there is room for, and returns how many. 0 if there is none, the state
    // is not open, or finish_sending() was called.
    std::size_t send(std::span<const std::byte> bytes);
    // Bytes that have come; 0 if there are none (yet).
    std::size_t receive(std::span<std::byte> into);
    // The host has ended its stream and all of it was received. Never true after a reset, which is
    // reported instead.
    [[nodiscard]] bool at_end() const noexcept;
    // The bytes that receive() would return now, and the room that send() would find.
    [[nodiscard]] std::size_t receivable() const noexcept;
    [[nodiscard]] std::size_t room() const noexcept;
    // Bytes that this peer has sent and that have not reached the host's system yet.
    [[nodiscard]] std::size_t unacknowledged() const noexcept;
    // Bytes that the other end has written in this connection: all that its sends have given to its
    // system so far.
    [[nodiscard]] std::uint64_t written_by_host() const noexcept;

    // Ends this peer's stream after the bytes that were sent.
    void finish_sending();
    // Ends it in order (with a reset if something is unread, as TCP does), or with a reset at once.
    // Then the state is idle; connect() may follow.
    void close();
    void reset();

    [[nodiscard]] State state() const noexcept;
    // The address of this peer's end, which the host's accept reports as the peer. family none
    // before connect().
    [[nodiscard]] io::Address local_address() const noexcept;

private:
    struct Inside;
    Network& network_;
    std::unique_ptr<Inside> inside_;
};

}  // namespace portico::sim
