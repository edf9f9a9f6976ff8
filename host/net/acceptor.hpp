// The acceptor of one listener: it keeps accepts posted on one port, for each of the listener's
// addresses, and gives each connection to the group of workers that has the fewest.
//
// All accepts belong to one group. Its thread should run no callbacks, so that a client never waits
// for a busy worker. At the listener's connection limit, which its addresses share, an accepted
// client is held, and later ones wait in the system's backlog. If the system is out of descriptors
// or memory, accepting pauses for 100 ms.
//
// One accept is a Slot, which is in one state at a time:
//
//     not_begun -> beginning -> accepting -> (its client was served) -> accepting ...
//                      ^          |------> backing_off (100 ms after an error) -> accepting
//                      |          |------> holding (its client waits for a place)
//                      |________________________/ a connection ended      any state -> stopped
//
// Placing (acceptor_placement.cpp). With one home a connection is opened there at once. With
// several it goes to the list of arrivals of the home with the fewest connections, and that home's
// thread opens it. The acceptor cannot know which callback will take long, so it looks at a home
// again 10 ms after something arrived there. What is still on the list then goes to another home,
// and a home whose thread has not come back for that long gets nothing new. A home takes an arrival
// off its list just before it calls on_open: if that takes long, the others are still on the list.
//
// Concurrency: mutex_ guards everything, since accepting is not the steady path. Accepts and timers
// are submitted and cancelled under it, on a thread of the accepting group, so a cancel never meets
// a submit of the same operation. Other threads wake a slot by a post.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/warning_limit.hpp"
#include "io/operation.hpp"
#include "net/connection_table.hpp"
#include "net/protocol.hpp"
#include "net/traffic.hpp"
#include "net/worker.hpp"

namespace portico::net {

// When a socket with these limits gives up a peer that has vanished.
[[nodiscard]] io::PeerTimeouts timeouts_of(const config::Limits& limits) noexcept;

class Acceptor {
public:
    // `accepting`: the group on whose port accepts complete. `homes`: where connections live, at
    // least one; several only if each has one thread. `shared_strand`: the strand of all its
    // connections, at home in the only home; or null. `context`: given to each connection; its
    // `released`, `owner` and `traffic` are set here. All outlive the acceptor.
    Acceptor(ConnectionTable& table, WorkerGroup& accepting, const std::vector<WorkerGroup*>& homes,
             Strand* shared_strand, ConnectionContext& context);
    ~Acceptor();
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    // Binds and listens on one more address, and returns the actual one (port 0 takes a free port).
    // `listen_index`: of the entry of "listen" that the address comes from, for on_open. Before
    // start(), on the thread that starts the server. Peers wait in the backlog until start(). The
    // kind of an error is an io::Error.
    [[nodiscard]] base::Result<io::Address> listen(const io::Address& address,
                                                   std::uint64_t retry_until_ns = 0,
                                                   std::uint32_t listen_index = 0);

    // Posts the first accepts. `last_released` is called, on a worker thread, each time the last
    // open connection has ended.
    void start(std::function<void()> last_released);
    // Asks accepting to end. `stopped` is called once, on any thread, when no accept is left, the
    // listening sockets are closed, and every accepted client was opened or turned away. (It is
    // called at once if start() was never called, or all that is so already.) A second call may
    // come while the first one is under way.
    void stop(std::function<void()> stopped);
    // After a stop() that is over: listens on the same addresses again and accepts. `resumed` is
    // called once, on a thread of the accepting group, with the mistakes; if there is one, nothing
    // has changed. A stop() or cancel_resume() that comes meanwhile goes first, and is a mistake.
    // False: there was no stop, or it is not over; then nothing is called.
    using Resumed = std::function<void(const std::vector<std::string>& mistakes)>;
    [[nodiscard]] bool resume(Resumed resumed);
    // Cancels a resume() that is on its way. False: there is none.
    bool cancel_resume() noexcept;

    enum class State : std::uint8_t {
        accepting,  // or not started
        stopping,
        stopped,  // a resume() may be on its way
    };
    [[nodiscard]] State state() noexcept;

    [[nodiscard]] Protocol& protocol() const noexcept { return *context_.protocol; }

    // A place within the limit for a connection that this acceptor does not accept. False: all are
    // taken. From any thread, as long as it may accept.
    [[nodiscard]] bool take_place() noexcept;
    void give_place() noexcept;

    // Connections that are open, or have a place already.
    [[nodiscard]] std::uint32_t open_connections() const noexcept {
        return open_.load(std::memory_order_acquire);
    }
    // The number of connections that were ever accepted.
    [[nodiscard]] std::uint64_t accepted_connections() const noexcept {
        return accepted_.load(std::memory_order_relaxed);
    }

    // What its connections have moved.
    [[nodiscard]] const Traffic& traffic() const noexcept { return traffic_; }

private:
    enum class SlotState : std::uint8_t {
        not_begun,
        beginning,
        accepting,
        holding,
        backing_off,
        stopped
    };
    struct ListenSocket;
    struct Slot {
        Acceptor* acceptor = nullptr;
        ListenSocket* listen_socket = nullptr;
        SlotState state = SlotState::not_begun;
        struct Accept : io::AcceptOperation {
            Slot* slot = nullptr;
        } accept;
        struct Backoff : io::TimerOperation {
            Slot* slot = nullptr;
        } backoff;
        struct Begin : io::PostOperation {
            Slot* slot = nullptr;
        } begin;
    };
    // One address.
    struct ListenSocket {
        Acceptor* acceptor = nullptr;
        std::uint32_t listen_index = 0;
        io::Address local;
        io::Socket socket;
        std::vector<std::unique_ptr<Slot>> slots;
        struct Stop : io::PostOperation {
            ListenSocket* listen_socket = nullptr;
        } stop;
        bool stop_seen = false;
        bool closed = false;
    };
    // A group that connections live in.
    struct Home {
        Acceptor* acceptor = nullptr;
        WorkerGroup* group = nullptr;
        std::uint32_t connections = 0;  // arrivals too
        base::Fifo<ConnectionNode> arrivals;
        // when an arrival was last taken while others waited, or when the first one came
        std::uint64_t taken_ns = 0;
        struct Doorbell : io::PostOperation {
            Home* home = nullptr;
        } doorbell;
        bool doorbell_posted = false;
        bool is_opening = false;  // its thread is opening arrivals
        // The worker's round that was under way at the last look, and when it was first seen.
        std::uint64_t round = 0;
        std::uint64_t round_seen_ns = 0;
    };
    struct Check : io::TimerOperation {
        Acceptor* acceptor = nullptr;
    };
    struct Resume : io::PostOperation {
        Acceptor* acceptor = nullptr;
        Resumed resumed;
    };

    // Events, each on a thread of the accepting group.
    void begun(Slot& slot);
    void accepted(Slot& slot);
    void backed_off(Slot& slot);
    void stop_listening(ListenSocket& listen_socket);
    void check_homes();
    void listen_again();
    // On the home's thread.
    void arrived(Home& home);
    // On any worker's thread.
    void connection_released(const WorkerGroup& group) noexcept;

    // Handles the slot's completed accept. The mutex is locked before and after. True if its client
    // was served and the slot must accept the next one.
    [[nodiscard]] bool admit(Slot& slot, std::unique_lock<std::mutex>& lock);
    // Gives the slot's client, which has a place, to a home. False if memory was out and the client
    // was turned away.
    [[nodiscard]] bool serve(Slot& slot);
    void place(Connection& connection);

    // Under mutex_.
    [[nodiscard]] Home& choose_home(std::uint64_t now) noexcept;
    [[nodiscard]] bool has_stalled(Home& home, std::uint64_t now) noexcept;
    void arrive(Home& home, Connection& connection, std::uint64_t now) noexcept;
    void post_doorbell(Home& home) noexcept;
    void check_later() noexcept;
    void give_place_on() noexcept;
    void accept_again(Slot& slot);
    void back_off(Slot& slot);
    void turn_away(Slot& slot) noexcept;
    void add_slots(ListenSocket& listen_socket, std::size_t wanted);
    void post_more(ListenSocket& listen_socket);
    [[nodiscard]] std::vector<std::string> open_again();
    void finish_event(std::unique_lock<std::mutex>& lock);
    template <class Text>
    void warn(Text&& text) noexcept;

    ConnectionTable& table_;
    WorkerGroup& accepting_;
    Strand* const shared_strand_;
    ConnectionContext& context_;
    std::function<void()> last_released_;  // set by start()
    base::WarningLimit warnings_;
    Traffic traffic_;

    std::mutex mutex_;
    std::vector<std::unique_ptr<Home>> homes_;
    std::vector<std::unique_ptr<ListenSocket>> listen_sockets_;
    std::vector<Slot*> holding_;  // oldest first; never has to grow
    std::size_t slots_ = 0;       // of all listening sockets
    // taken by connections, by clients that are about to become one, and by take_place(); at most
    // the limit
    std::uint32_t places_ = 0;
    Check check_;
    bool checking_ = false;
    bool started_ = false;
    bool stopping_ = false;
    std::function<void()> on_stopped_;
    std::function<void()> on_also_stopped_;  // of a second stop() during the first
    Resume resume_;
    bool resuming_ = false;  // resume_ is on its way
    bool resume_cancelled_ = false;
    // Raised before a connection opens, lowered (release) when it is released. A server that reads
    // 0 (acquire) sees what those connections did.
    std::atomic<std::uint32_t> open_{0};
    std::atomic<std::uint64_t> accepted_{0};  // a statistic
};

}  // namespace portico::net
