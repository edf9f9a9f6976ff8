// The peers of the simulated world: clients that follow a script drawn from the seed, one attempt
// to connect after the other. They send in pieces or byte by byte, pipeline or wait for each
// answer, read at once, slowly or not at all, end their stream and go on reading, close, reset,
// send nothing, leave before they have begun, and come again.
//
// All of that happens in events of the scheduler: a peer never waits.
#pragma once

#include "sim/world/service.hpp"

namespace portico::sim {

class ScriptedPeer {
public:
    // It may connect to the `services`, which must outlive it. It lives as long as the scheduler
    // has events: call stop() before the network ends.
    ScriptedPeer(Scheduler& scheduler, Network& network, Ledger& ledger,
                 const std::vector<std::unique_ptr<Service>>& services, Random random);
    ScriptedPeer(const ScriptedPeer&) = delete;
    ScriptedPeer& operator=(const ScriptedPeer&) = delete;

    // Starts its first attempt at a time drawn from `within_ns`.
    void begin(std::uint64_t within_ns);
    // The alternative to begin(): connects now to the service's first address, sends a little, and
    // stays.
    void begin_as_newcomer(const Service& service);
    // The chance in 65,536 that an attempt is a steady reader.
    void read_steadily(std::uint32_t chance) noexcept { steady_chance_ = chance; }
    // From now on it reads everything, and hurries.
    void settle();
    // Starts no further attempt; an open connection stays open until the host ends it.
    void end_with_this();
    // Starts one more attempt, very soon, if none is under way.
    void come_again();
    // Closes its connection for good.
    void stop();

    [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }
    [[nodiscard]] bool is_over() const noexcept {
        return attempt_ == nullptr && attempts_left_ == 0;
    }
    // The current attempt, or null between two.
    [[nodiscard]] const Attempt* attempt() const noexcept { return attempt_; }
    [[nodiscard]] bool is_open() const noexcept { return peer_.state() == SimPeer::State::open; }
    // It has sent everything that it had to send, or cannot go on.
    [[nodiscard]] bool has_said_all() const noexcept {
        return attempt_ != nullptr && attempt_->sent == goal_;
    }

private:
    enum class Reads : std::uint8_t { eagerly, slowly, late, steadily };
    enum class Ends : std::uint8_t { finishes, closes, resets, stays, finishes_and_stays };

    void connect();
    void connect_to(const Service& service, std::uint32_t listen_index, std::uint32_t room);
    void draw_content();
    void schedule(std::uint64_t delay_ns);
    void act();
    void on_change();
    void say_some();
    void read_a_portion();
    [[nodiscard]] bool reads_at_once() const noexcept {
        return reads_ == Reads::eagerly || (is_settling_ && reads_ != Reads::steadily);
    }
    void read(std::size_t bytes_max);
    void part();
    void leave(bool by_reset);

    Scheduler& scheduler_;
    Network& network_;
    Ledger& ledger_;
    const std::vector<std::unique_ptr<Service>>& services_;
    Random random_;
    SimPeer peer_;
    std::uint32_t attempts_left_;
    std::uint32_t steady_chance_ = 0;
    bool is_settling_ = false;
    bool comes_late_ = false;  // it comes while the host stops
    bool is_stopped_ = false;
    bool has_begun_ = false;  // its first attempt has begun
    bool is_acting_ = false;  // an act() is scheduled

    // The current attempt.
    Attempt* attempt_ = nullptr;
    Reads reads_ = Reads::eagerly;
    Ends ends_ = Ends::finishes;
    std::size_t goal_ = 0;  // how much of the content it will have sent when it leaves
    std::size_t piece_max_ = 1;
    std::uint64_t gap_ns_max_ = 0;
    bool is_patient_ = false;    // waits for the answer to each piece (from an echo)
    bool closes_at_end_ = true;  // as soon as the host has ended its stream
    std::size_t portion_ = 1;    // for a steady reader, each portion_gap_ns_
    std::uint64_t portion_gap_ns_ = 0;
    std::uint32_t patience_ = 0;  // how many looks it waits before it leaves
    std::vector<std::byte> room_;
};

}  // namespace portico::sim
