// Opens a TCP connection to one of the plan's addresses, for every kind of connection of a run.
//
// A name may have several addresses, and the server may listen on, or be reachable at, only one of
// them. Until one is known to be good they are tried as RFC 8305 says: the next one as soon as the
// one before has failed, or beside it if that has not answered for 250 ms. The first address that
// connects is taken, and all further connections of the thread go there.
//
//     idle -> connecting -+-> connected
//      ^                  +-> failed
//      +--- cancel(), then close_socket() ---- (from any state, once every operation is back)
//
// If the server's port is in the local range, the system may give it to the socket itself: TCP then
// connects it to itself (a simultaneous open), although nobody listens there. That counts as a
// refused connect.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "load/owned.hpp"
#include "load/session_context.hpp"

namespace portico::client {

// True if the other end of a connection to `remote` is the same socket.
[[nodiscard]] bool is_connected_to_itself(const io::Socket& socket,
                                          const io::Address& remote) noexcept;

class Connector {
public:
    // Calls `changed` with `owner` when the outcome is known, and again after cancel() once the
    // last operation is back.
    Connector(SessionContext& context, void* owner, void (*changed)(void*)) noexcept;
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;

    // Only from idle. Counts in context.connecting until the outcome is known.
    void begin(std::uint64_t timeout_ns) noexcept;
    // Cancels what is in flight; a connection stays open until close_socket().
    void cancel() noexcept;
    // Closes; afterwards begin() may be called again. Nothing may be pending.
    void close_socket() noexcept;

    [[nodiscard]] bool is_connected() const noexcept { return state_ == State::connected; }
    [[nodiscard]] bool is_pending() const noexcept {
        return attempts_pending_ != 0 || timer_.pending;
    }
    // The connection's socket. Its address does not change until close_socket().
    [[nodiscard]] io::Socket& socket() noexcept { return *socket_; }
    // Why it failed: a sentence.
    [[nodiscard]] std::string reason() const;

private:
    enum class State : std::uint8_t { idle, connecting, connected, failed };

    struct Attempt {
        Attempt() noexcept { prepare<&Attempt::on_connect>(operation, *this); }
        void on_connect() noexcept { connector->on_connect(*this); }

        Connector* connector = nullptr;
        io::Socket socket;
        Owned<Attempt, io::ConnectOperation> operation;
    };

    void begin_next() noexcept;
    [[nodiscard]] bool begin_attempt(Attempt& attempt, std::size_t address) noexcept;
    [[nodiscard]] bool has_next() const noexcept { return next_ < end_; }
    [[nodiscard]] std::uint64_t next_event_ns() const noexcept;
    void arm_timer() noexcept;
    void on_connect(Attempt& attempt) noexcept;
    void on_timer() noexcept;
    void take(Attempt& attempt) noexcept;
    void end_as(State state) noexcept;
    void cancel_all() noexcept;
    void report_if_cancelled() noexcept;
    template <class Call>
    void for_each_attempt(const Call& call) noexcept;

    SessionContext& context_;
    void* const owner_;
    void (*const changed_)(void*);
    State state_ = State::idle;
    bool is_cancelled_ = false;
    bool has_timed_out_ = false;
    bool has_met_itself_ = false;
    std::uint32_t attempts_pending_ = 0;
    std::size_t first_address_ = 0;  // of plan.addresses; the attempts follow it
    std::size_t next_ = 0;           // the address that is tried next
    std::size_t end_ = 0;            // one past the last
    std::uint64_t timeout_ns_ = 0;   // from the beginning of the last attempt
    std::uint64_t attempt_ns_ = 0;   // when the last attempt began
    io::Socket* socket_ = nullptr;
    io::Address failed_;  // the address that failed last, and its error
    io::Error failed_error_ = io::Error::none;
    int failed_native_ = 0;
    std::string not_opened_;  // if there was no socket for the address: the reason
    Attempt first_;
    // allocated if there is another address to try; kept, because a late completion may be theirs
    std::unique_ptr<Attempt[]> others_;
    std::size_t others_size_ = 0;
    Owned<Connector, io::TimerOperation> timer_;
};

}  // namespace portico::client
