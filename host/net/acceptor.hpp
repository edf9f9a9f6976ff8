// The acceptor of one listener: keeps accepts posted, opens a connection for each, and stops accepting at the listener's connection limit or when
// the system is out of descriptors or memory; peers then wait in the backlog. It comes back when a connection ends, or after 100 ms.
//
// One accept is a Slot, which is in one state at a time:
//
//     parked -> posted -> accepting -> (handled) -> accepting ...
//                 ^          |------> resting (100 ms after an error) -> accepting
//                 \__ a connection ended           any state -> stopped
//
// Each slot but a parked or stopped one holds a place: places_ counts them and the connections that are open, and never passes the limit. A handled
// accept gives its place to the connection, and needs a new one to go on.
//
// Concurrency: mutex_ guards all of it; accepting is not the steady path. Accepts and timers are submitted and cancelled under it, on a thread of the
// group whose port the slot belongs to; so a cancel never meets a submit of the same operation. Parked slots are woken by a post.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.hpp"
#include "io/operation.hpp"
#include "net/connection_table.hpp"
#include "net/protocol.hpp"
#include "net/worker.hpp"

namespace portico::net {

class Acceptor {
public:
    // `groups`: where its connections live, at least one. `shared_strand`: the strand of all its connections, at home in groups[0], which is
    // then the only one; or null. `context`: what connections are given; its `released` and `owner` are set here. All outlive the acceptor.
    Acceptor(ConnectionTable& table, std::vector<WorkerGroup*> groups, Strand* shared_strand, ConnectionContext& context);
    ~Acceptor();
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    // Binds and listens on one more address. Before start(), on the thread that starts the server. Peers wait in the backlog until
    // start(). The address that it became (port 0 takes a free one).
    [[nodiscard]] base::Result<io::Address> listen(const io::Address& address, std::uint64_t retry_until_ns = 0);

    // Posts the first accepts. `last_released` is called, on a worker thread, each time when the last open connection is gone.
    void start(std::function<void()> last_released);
    // Asks for the end of accepting. `stopped` is called once, on any thread, when no accept is left and the listening socket is closed (or
    // at once, where listen() or start() was never called).
    void stop(std::function<void()> stopped);

    // Connections that are open.
    [[nodiscard]] std::uint32_t open_connections() const noexcept { return open_.load(std::memory_order_acquire); }
    // All that were ever accepted.
    [[nodiscard]] std::uint64_t accepted_connections() const noexcept { return accepted_.load(std::memory_order_relaxed); }

private:
    enum class SlotState : std::uint8_t { parked, posted, accepting, resting, stopped };
    struct Arm;
    struct Slot {
        Acceptor* acceptor = nullptr;
        Arm* arm = nullptr;
        SlotState state = SlotState::parked;
        struct Accept : io::AcceptOperation {
            Slot* slot = nullptr;
        } accept;
        struct Rest : io::TimerOperation {
            Slot* slot = nullptr;
        } rest;
        struct Begin : io::PostOperation {
            Slot* slot = nullptr;
        } begin;
    };
    // One address on one port.
    struct Arm {
        Acceptor* acceptor = nullptr;
        WorkerGroup* group = nullptr;
        io::Address local;
        io::Socket socket;
        std::vector<std::unique_ptr<Slot>> slots;
        struct Stop : io::PostOperation {
            Arm* arm = nullptr;
        } stop;
        bool stop_seen = false;
        bool closed = false;
    };

    void begun(Slot& slot);
    void accepted(Slot& slot);
    void rested(Slot& slot);
    void stop_arm(Arm& arm);
    void connection_released() noexcept;

    // Under mutex_.
    [[nodiscard]] Slot* next_parked() noexcept;
    void accept_again(Slot& slot);
    void rest(Slot& slot);
    void slot_stopped(Slot& slot);
    void finish_event(Arm& arm, std::unique_lock<std::mutex>& lock);
    template <class Text>
    void warn(Text&& text) noexcept;
    [[nodiscard]] WorkerGroup& next_home(Arm& arm) noexcept;

    ConnectionTable& table_;
    const std::vector<WorkerGroup*> groups_;
    Strand* const shared_strand_;
    ConnectionContext& context_;
    std::function<void()> last_released_;  // set by start()

    std::mutex mutex_;
    std::vector<std::unique_ptr<Arm>> arms_;
    std::size_t addresses_ = 0;  // how many listen() calls; arms_ holds the same number of arms for each, one after the other
    std::uint32_t places_ = 0;
    bool started_ = false;
    bool stopping_ = false;
    std::function<void()> on_stopped_;
    std::uint64_t last_warning_ns_ = 0;
    std::size_t next_group_ = 0;
    // Raised before a connection opens and lowered (release) when it is released; a server that reads 0 (acquire) sees what those connections did.
    std::atomic<std::uint32_t> open_{0};
    std::atomic<std::uint64_t> accepted_{0};  // a statistic
};

}  // namespace portico::net
