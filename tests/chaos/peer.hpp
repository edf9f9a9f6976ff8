// One peer: a non-blocking socket that behaves as its plan says, checks every byte, and judges the
// host's actions.
//
// The bytes that it sent determine what it is owed. Its listener's limits, and the time at which a
// byte last moved, determine what may end its connection. The kernel counts the bytes that have
// come, read or not (TCP_INFO), and the host sees these as acknowledged. Its sockets are watched
// edge-triggered: an event counts until a call would block.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "findings.hpp"
#include "plan.hpp"
#include "stream.hpp"
#include "system_sockets.hpp"
#include "watch.hpp"

namespace portico::chaos {

// The state that peers of one round share.
struct Scene {
    Scene(const Plan& the_plan, Findings& found) : plan(the_plan), findings(found) {}

    const Plan& plan;
    Findings& findings;
    const Watch* watch = nullptr;
    int epoll = -1;
    std::vector<std::uint16_t> ports;               // of the listeners
    Time stop_asked{};                              // by this suite; then any end is in order
    std::atomic<Time> long_callback_since{Time{}};  // one is under way, as far as this side knows
    std::atomic<Time> long_callback_ended{Time{}};
};

// A connection to a listener of the scene, begun but perhaps not made. If `result` of connect() is
// not 0, errno has the reason.
struct Connecting {
    int socket = -1;
    int result = -1;
};
// `prepare` may set options first.
template <class Prepare>
[[nodiscard]] Connecting connect_to(const Scene& scene, std::size_t listener, int flags,
                                    Prepare&& prepare) {
    const bool is_v6 = scene.plan.listeners[listener].is_v6;
    Connecting made{
        .socket = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)};
    if (made.socket < 0) {
        return made;
    }
    prepare(made.socket);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(scene.ports[listener]);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = v4.sin_port;
    v6.sin6_addr = in6addr_loopback;
    made.result = is_v6 ? ::connect(made.socket, reinterpret_cast<const sockaddr*>(&v6), sizeof v6)
                        : ::connect(made.socket, reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    return made;
}

class Peer {
public:
    Peer(Scene& scene, std::size_t act, std::size_t number);
    ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    // False if no socket is available.
    [[nodiscard]] bool connect(std::uint64_t tag);
    void on_events(std::uint32_t events);
    // Does what is due, and returns when to call it next.
    [[nodiscard]] Time step(Time now);
    // The round ends: a peer that stays does what its plan says, and all read as fast as they can.
    void release();
    [[nodiscard]] bool is_over() const { return is_over_; }
    [[nodiscard]] bool is_abandoned() const { return is_abandoned_; }
    [[nodiscard]] std::size_t listener() const { return act_.listener; }
    [[nodiscard]] std::uint64_t moved() const { return sent_ + received_ + arrived_; }
    // The most bytes that the host may keep for it.
    [[nodiscard]] std::uint64_t memory_bound() const;
    // Gives up: reports the things that it still waits for as a violation.
    void give_up(const char* why);
    void drop();
    [[nodiscard]] std::string text() const;

private:
    enum class End : std::uint8_t { none, orderly, reset };

    // `end`: the event that has ended the connection, if any. False: the connection has ended, so
    // the system reports nothing more, and the event that shows how is on its way.
    bool poll_progress(Time now, End end);
    void write(Time now);
    void read(Time now);
    void verify(const char* data, std::size_t size);
    void end_own_side(Time now);
    void act_at_last(Time now);
    void host_ended(End how, Time now);
    void judge(Time now);
    void look_for_lateness(Time now);
    [[nodiscard]] std::optional<SystemSocket> hosts_socket() const;
    [[nodiscard]] bool system_holds_bytes() const;
    [[nodiscard]] bool host_is_done();
    [[nodiscard]] bool is_too_late(Time from, Time now, Clock::duration limit);
    void finish(bool by_reset);
    [[nodiscard]] std::uint64_t owed();
    [[nodiscard]] bool has_all();
    [[nodiscard]] bool is_exact() const;
    [[nodiscard]] bool host_may_hold();
    void note_gap(Time now);
    [[nodiscard]] bool timeout_explains(Time at);
    [[nodiscard]] std::uint32_t rate(Time now) const;
    void complain(const char* kind, const std::string& text);

    Scene& scene_;
    const Act& act_;
    const PeerPlan& plan_;
    const ListenerPlan& listener_;
    const std::string name_;
    Stream sending_, expected_;
    int socket_ = -1;
    std::string pending_;  // produced, and not yet taken by the system

    bool is_connected_ = false, is_readable_ = false, is_writable_ = false, is_released_ = false;
    bool own_end_ = false, is_over_ = false, is_abandoned_ = false, was_judged_ = false,
         is_lost_ = false, is_void_ = false, is_wrong_ = false, host_is_done_ = false;
    End end_ = End::none;
    Time began_{}, end_at_{}, write_due_{}, read_due_{}, watch_due_{}, own_end_at_{};
    std::uint64_t sent_ = 0, received_ = 0, arrived_ = 0, acknowledged_ = 0, asked_units_ = 0;
    std::uint64_t writes_ = 0;
    // When bytes last came, at the earliest and at the latest, and when the host last had news from
    // this side that it was bound to see.
    Time polled_{}, arrived_least_{}, arrived_most_{}, heard_least_{}, heard_most_{}, orderly_at_{};
    // Times in which nothing moved: the longest one, and the last one that is over.
    Clock::duration longest_gap_{}, latest_gap_{};
    Time gap_ended_{};
    std::uint64_t most_owed_ = 0;
};

}  // namespace portico::chaos
