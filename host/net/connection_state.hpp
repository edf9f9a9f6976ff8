// What a connection's state is made of, and what the calls into it answer.
//
//     free -> opening (-> connecting) -> open -> flushing -> lingering -> joining -> over -> free
//                 \____________\___________\_________\___________\_______/^
//
//   opening    its first mail will attach it to its port and call on_open, or begin to connect
//   connecting only if it is outbound: sends queue up until it is connected, and then on_open
//   open       bytes come and go
//   flushing   a graceful close: what is queued goes out, what comes is discarded
//   lingering  our end of stream is sent; the peer's is awaited, what comes is discarded
//   joining    every operation is cancelled or done; waits until none is in flight and every
//              accepted call has arrived
//   over       socket closed, on_close called; the slot goes back at the end of the strand's turn
#pragma once

#include <bit>
#include <cstdint>

namespace portico::net {

enum class SendResult : std::uint8_t { queued, would_block, too_large, finished, gone, no_memory };
enum class CallResult : std::uint8_t { accepted, gone, no_memory };
enum class CloseHow : std::uint8_t { graceful, abort };

// Connection has them as its own, and so have the files that are its friends.
struct ConnectionState {
    enum class Stage : std::uint8_t {
        free,
        opening,
        connecting,
        open,
        flushing,
        lingering,
        joining,
        over
    };

    enum class Hold : std::uint8_t {
        none,
        until_turn,  // a resume came while on_data ran: the strand's next turn ends it
        until_writable,
        until_resume,
    };
    // What still comes from the peer. A drain without on_drain offers what has arrived and closes
    // then: drain_asked -> last, or last_ended.
    enum class Input : std::uint8_t {
        open,
        drain_asked,  // the receive in flight, if any, comes back
        last,         // until drain_target_ bytes have been read
        ended,        // the end of the peer's stream has been read
        last_ended,   // the same, in a drain
    };

    // The conditions that keep an open connection from simply reading on. They are bytes and not
    // bits: usually none holds, and one comparison shows it.
    struct Conditions {
        bool paused = false;
        Hold hold = Hold::none;
        bool offer_due = false;  // the stash must be offered (again)
        bool writable_due = false;
        Input input = Input::open;
        bool close_wanted = false;
        bool finish_wanted = false;
        bool aborting = false;

        [[nodiscard]] bool any() const noexcept { return std::bit_cast<std::uint64_t>(*this) != 0; }
        [[nodiscard]] bool stop_reading() const noexcept {
            return any() && (paused || hold != Hold::none || close_wanted || aborting);
        }
    };

    enum class CallKind : std::uint8_t {
        send,
        finish,
        close,
        abort,
        pause,
        resume,
        post,
        drain,
        cut
    };

    // The events that may have happened, as bits of events_.
    enum Event : std::uint8_t {
        event_opened = 1,
        event_received = 2,
        event_sent = 4,
        event_timer = 8,
        event_continue = 16,  // what was postponed to this turn
        event_timers = 32     // some of the protocol's timers are due
    };
};

}  // namespace portico::net
