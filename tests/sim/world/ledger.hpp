// The record of each connection from both of its ends, and the invariants that a run checks.
//
// There are three kinds of entry. All are kept to the end of the run, to tell those that are over
// from those that never existed:
//
//     Attempt   one connect of a peer: what it sends, what it has received, how it ended
//     Line      a connection as the plugin knows it, from on_open on; found by the peer's port,
//               which differs for each attempt
//     Posted    one function given to post or post_instance
//
// The plugins' callbacks (plugins.cpp), the calls of host functions (calls.cpp) and the peers
// (peers.cpp) report each event. Each step is checked here as it happens, and finish() checks what
// must be true at the end. Any violation ends the run.
//
// Concurrency: one thread of the run has the baton, and nothing in here gives it away, so nothing
// is locked. But a host function may give it away in the middle: a call's result counts from its
// return, and until then either answer may be right.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/network.hpp"
#include "sim/world/plan.hpp"

#include "portico/portico.h"

namespace portico::sim {

class WorldGroups;
struct Service;
struct Line;

// A message of a mischievous plugin names its sender and has a number. So the peer can check that
// the messages of one thread are not lost, doubled or out of order, even if several threads send at
// once.
struct MessageHeader {
    static constexpr std::uint8_t magic_byte = 0xA5;
    static constexpr std::uint8_t broadcast_byte = 0xB7;  // the same, of a broadcast
    static constexpr std::size_t bytes = 8;
    static constexpr std::size_t senders_max = 64;

    std::uint8_t magic = magic_byte;
    std::uint8_t sender = 0;
    std::uint16_t size = 0;  // header included
    std::uint32_t number = 0;

    [[nodiscard]] static std::byte payload(std::uint32_t sender, std::uint32_t number,
                                           std::size_t at) noexcept {
        return static_cast<std::byte>(sender * 17 + number * 31 + at);
    }
};
static_assert(sizeof(MessageHeader) == MessageHeader::bytes);

struct Attempt {
    struct Message {
        std::size_t end = 0;  // in content
        std::size_t payload_offset = 0;
        std::size_t payload_size = 0;
    };

    std::uint32_t number = 0;
    const Service* service = nullptr;
    SimPeer* peer = nullptr;  // null if it is over
    std::uint16_t port = 0;
    std::uint32_t listen_index = 0;  // of the address that it connects to
    std::uint64_t connected_ns = 0;  // when its system had reported that; 0: not yet
    Line* line = nullptr;            // null before on_open

    std::vector<std::byte> content;  // everything that it would send
    std::vector<Message> messages;   // with framing: the whole ones
    bool has_too_long = false;       // after the messages comes one that is not allowed
    std::size_t sent = 0;            // how much content the peer's system has taken
    std::uint64_t last_sent_ns = 0;
    bool is_finished = false;  // the end of its stream is sent
    bool is_eager = false;     // it reads everything at once, from the first byte on
    bool has_left = false;     // it closed or reset by itself, before the host's end
    bool saw_end = false;
    bool saw_reset = false;

    std::uint64_t received = 0;
    // For a mischievous service: the message that is being received, and the number of messages
    // from each sender.
    MessageHeader header;
    std::size_t of_message = 0;
    std::array<std::uint32_t, MessageHeader::senders_max> seen{};

    // The number of sent bytes that an echo answers: only whole messages count.
    [[nodiscard]] std::size_t answerable() const noexcept;
};

struct Line {
    std::uint32_t number = 0;
    portico_connection handle = 0;
    Service* service = nullptr;  // null: the handle was guessed, and on_open has not come yet
    Attempt* attempt = nullptr;  // null if the host could not name the peer

    std::uint32_t worker = 0;  // the worker that called on_open

    // Reported by its callbacks.
    bool is_accepted = false;  // on_open accepted it
    bool is_refused = false;   // on_open refuses it
    // The thread of that on_open has begun another callback. Until then other threads may be faster
    // than the host, which has still to end the connection.
    bool is_refusal_done = false;
    bool is_closed = false;
    std::uint32_t running = 0;
    bool is_end_told = false;
    bool is_drain_told = false;     // of the stop
    bool is_operator_told = false;  // of an operator's drain
    bool has_failed = false;        // a callback returned an error, or consumed more than there was
    portico_status failed_with = PORTICO_OK;  // the first such status
    bool left_unconsumed = false;
    std::uint64_t consumed = 0;  // of the attempt's content
    std::uint64_t left = 0;      // of the previous offer
    bool has_come_last = false;  // an offer was marked as the last
    std::uint64_t opened_ns = 0;
    std::size_t messages = 0;
    std::uint64_t echoed = 0;  // echo: how much of the content send has accepted

    // Facts that the calls of all threads make certain. A hold and a pause are certain if no resume
    // may have come since.
    bool is_held = false;
    bool is_waiting = false;  // held, and only a resume ends that
    bool has_held = false;    // its last answer was a hold, which may have ended unseen
    bool is_paused = false;
    bool is_close_sure = false;  // a close has returned OK
    bool is_abort_sure = false;
    bool is_finish_sure = false;
    std::uint32_t finishes_begun = 0;
    std::uint32_t closes_begun = 0;
    std::uint32_t aborts_begun = 0;
    std::uint32_t resumes_begun = 0;
    std::uint32_t resumes_running = 0;
    // so many have surely taken effect: a function posted after them has run
    std::uint32_t resumes_done = 0;
    // other than sends: each counts as a queued byte while it is on its way
    std::uint32_t other_calls = 0;

    // Its sends.
    std::uint64_t accepted_bytes = 0;
    std::uint32_t sends_begun = 0;
    std::uint32_t sends_running = 0;
    std::size_t largest_send = 0;
    std::uint32_t writables = 0;
    std::uint32_t refusals = 0;
    bool owes_writable = false;
    // since when nothing has delayed the owed on_writable; 0: something does
    std::uint64_t writable_since_ns = 0;
    // a refusal whose on_writable may have come before the call returned
    bool may_owe_writable = false;
    std::array<std::uint32_t, MessageHeader::senders_max> accepted{};
    std::array<bool, MessageHeader::senders_max> is_sending{};

    // Posts that were accepted and have not run, and owned sends that are not released.
    std::uint32_t posts_waiting = 0;
    std::uint32_t releases_waiting = 0;
    bool sends_owned = false;
    bool sends_reserved = false;

    // Bounds the mischief in its callbacks, so that a run ends.
    std::uint32_t mischief_left = 80;

    [[nodiscard]] bool is_open() const noexcept { return is_accepted && !is_closed; }
    // True if it may be a connection of this service: a handle may be guessed before on_open names
    // it.
    [[nodiscard]] bool may_be_of(const Service& its) const noexcept {
        return service == nullptr || service == &its;
    }
    // True if every host function must answer that it is gone.
    [[nodiscard]] bool is_surely_gone() const noexcept { return is_closed || is_refusal_done; }
};

struct Posted {
    std::uint32_t number = 0;
    Service* service = nullptr;
    Line* line = nullptr;              // null: posted to the instance
    std::uint32_t resumes_before = 0;  // of the line, when it was posted
    bool resumes = false;              // it resumes the line, besides its service's habits
    bool is_accepted = false;
    bool is_refused = false;
    bool has_run = false;
};

class Ledger {
public:
    Ledger(Scheduler& scheduler, const Plan& plan) : scheduler_(scheduler), plan_(plan) {}
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    [[noreturn]] void violated(const std::string& what) noexcept { scheduler_.fail(what); }
    [[noreturn]] void violated(const Line& line, const std::string& what) noexcept;

    // Null: nobody broadcasts.
    void use_groups(WorldGroups* groups) noexcept { groups_ = groups; }

    // ---- the peers' side

    [[nodiscard]] Attempt& add_attempt(const Service& service);
    // The attempt now has a port of its own, by which on_open finds it.
    void connected_from(Attempt& attempt, std::uint16_t port) {
        attempt.port = port;
        by_port_[port] = &attempt;
    }
    // Bytes have come to the peer: they must be those that the echo, or the plugin's accepted
    // sends, produced.
    void received(Attempt& attempt, std::span<const std::byte> bytes);
    // The host's stream has ended in order, and all of it was received.
    void ended(Attempt& attempt);

    // ---- the plugins' side

    // Covers a callback of a line, or a posted function (of a line, or of the instance: null), from
    // beginning to end.
    class Callback {
    public:
        Callback(Ledger& ledger, Service& service, Line* line, const char* text,
                 std::uint64_t number = 0);
        ~Callback();
        Callback(const Callback&) = delete;
        Callback& operator=(const Callback&) = delete;

    private:
        Service& service_;
        Line* const line_;
    };

    [[nodiscard]] Line& open(Service& service, portico_connection handle,
                             const portico_opened& opened);
    // The line of a guessed handle, for a call that uses it anyway: the guess may be right.
    [[nodiscard]] Line& guess(portico_connection handle);
    // The handle of the newest connection with an on_open; 0 before the first.
    [[nodiscard]] portico_connection newest_handle() const noexcept { return newest_handle_; }
    // On the thread of its on_open.
    static void refused(Line& line) noexcept;
    void offered(Line& line, std::span<const std::byte> data, const portico_frame& frame);
    void taken(Line& line, std::size_t size, std::size_t consumed, bool is_held);
    void failed(Line& line, portico_status status) noexcept;
    void writable(Line& line);
    void end_told(Line& line, const portico_ended& ended);
    void stop_told(Service& service, const portico_draining& draining);
    void drain_told(Line& line, const portico_draining& draining);
    void closed(Line& line, const portico_closed& closed);
    void ran(Posted& posted, const void* state, portico_status status);

    // ---- posts

    [[nodiscard]] Posted& add_post(Service& service, Line* line);
    void post_answered(Posted& posted, portico_status status);

    // ---- this thread

    // A number for the messages that this thread sends, from 0.
    [[nodiscard]] std::uint32_t sender() noexcept;
    // True while a host function runs: then no callback may begin on this thread.
    [[nodiscard]] static bool& in_host_call() noexcept;
    // The line whose callback or posted function runs on this thread; null if there is none.
    [[nodiscard]] static const Line* inside() noexcept;

    // ---- the world

    void stopping(std::uint64_t now_ns) noexcept { stopping_since_ns_ = now_ns; }
    [[nodiscard]] bool is_stopping() const noexcept { return stopping_since_ns_ != 0; }
    [[nodiscard]] const Plan& plan() const noexcept { return plan_; }
    // A worker, and whether it is in a long callback.
    struct Pace {
        bool is_busy = false;
        std::uint64_t idle_since_ns = 0;
    };
    [[nodiscard]] Pace& pace_of(std::uint32_t worker) { return paces_[worker]; }
    // Null if there is none. Prefers newer ones, because they are alive. Some are another
    // service's.
    [[nodiscard]] Line* draw_line(Random& random) const;
    [[nodiscard]] const std::vector<std::unique_ptr<Line>>& lines() const noexcept {
        return lines_;
    }
    [[nodiscard]] const std::vector<std::unique_ptr<Attempt>>& attempts() const noexcept {
        return attempts_;
    }
    // All connections are over, and every posted function has run.
    void finish();

private:
    [[nodiscard]] Line& add_line(portico_connection handle);
    void received_echo(Attempt& attempt, std::span<const std::byte> bytes);
    void received_messages(Attempt& attempt, std::span<const std::byte> bytes);
    void check_flags(Line& line, std::size_t size, const portico_frame& frame);
    void check_draining(const portico_draining& draining);
    void check_stop_was_told(const Line& line);
    void check_reason(const Line& line, std::uint32_t reason);
    void check_figures(const Line& line, const portico_closed& closed);
    void check_cut(const Line& line);
    void check_stillness(const Line& line, std::uint32_t reason);
    [[nodiscard]] bool may_have_lost(const Line& line) const noexcept;
    [[nodiscard]] bool was_hindered(const Line& line) const noexcept;
    [[nodiscard]] bool has_ended_gracefully(const Line& line) const noexcept;

    Scheduler& scheduler_;
    const Plan& plan_;
    WorldGroups* groups_ = nullptr;
    std::vector<std::unique_ptr<Attempt>> attempts_;
    std::vector<std::unique_ptr<Line>> lines_;
    std::vector<std::unique_ptr<Posted>> posts_;
    std::vector<std::uint32_t> reasons_;  // why the lines ended
    std::map<std::uint16_t, Attempt*> by_port_;
    std::map<portico_connection, Line*> by_handle_;
    std::map<std::uint32_t, Pace> paces_;
    portico_connection newest_handle_ = 0;
    std::uint32_t senders_ = 0;
    std::uint64_t stopping_since_ns_ = 0;
};

}  // namespace portico::sim
