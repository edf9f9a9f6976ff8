// A plain blocking TCP client: the other end of a test's connection. It uses only the system's
// calls, so a mistake of host/io cannot hide by being made at both ends. Every call gives up after
// `patience_ms`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "io/address.hpp"
#include "io/socket.hpp"

namespace portico::test {

class Peer {
public:
    static constexpr int patience_ms = 15'000;

    enum class Outcome { data, end, reset, timed_out, failed };
    struct Received {
        Outcome outcome = Outcome::failed;
        std::size_t bytes = 0;
    };

    Peer() = default;
    ~Peer() { close(); }
    Peer(Peer&& other) noexcept;
    Peer& operator=(Peer&& other) noexcept;

    // The sizes are those of the system's buffers, in bytes; 0 leaves them alone. Returns false if
    // the connection could not be made. If it was made and reset before this call returned, that is
    // a success: the first receive reports the reset, as if it had come a moment later.
    [[nodiscard]] bool connect(const io::Address& address, int receive_buffer = 0,
                               int send_buffer = 0);

    // Returns false if the connection broke or `patience_ms` passed.
    bool send_all(std::string_view bytes);
    // Sends one byte as urgent data (MSG_OOB). It is not part of the stream that the other side
    // receives.
    bool send_urgent(char byte);
    [[nodiscard]] Received receive(std::span<char> into);
    // Returns what came until there were `bytes` of it, the stream ended, or patience did.
    [[nodiscard]] std::string receive_exactly(std::size_t bytes);
    // Returns everything until the stream ends in any way; `outcome` says how it ended.
    [[nodiscard]] std::string receive_to_end(Outcome& outcome);
    // Returns true if nothing comes for that long, not even an end.
    [[nodiscard]] bool is_quiet_for(int ms);

    void finish_sending();
    void close();
    // Closes with a reset.
    void abort();

    [[nodiscard]] bool is_open() const noexcept { return native_ != io::invalid_socket; }
    [[nodiscard]] io::Address local_address() const;

private:
    void wait_at_most(int ms);

    io::NativeSocket native_ = io::invalid_socket;
    bool reset_while_connecting_ = false;
};

// Wine differs from Windows in a few places; each test that asks says how.
[[nodiscard]] bool is_wine();

// True if the other side aborted the connection. Wine reports a reset that meets no pending
// operation as an end of stream.
[[nodiscard]] bool is_abort(Peer::Outcome outcome);

// Receives to the end; true if that is an abort.
[[nodiscard]] bool is_aborted(Peer& peer);

}  // namespace portico::test
