// A plain blocking TCP client: the other end of a test's connection, made with the system's calls
// alone, so that a mistake of host/io cannot hide behind the same mistake at both ends. Every call
// gives up after `patience_ms`.
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

    // Buffer sizes of the system, in bytes; 0 leaves them alone. False if the connection could not
    // be made. One that was made and reset before this call came back is a success: the first
    // receive tells of the reset, as it does when the reset comes a moment later.
    [[nodiscard]] bool connect(const io::Address& address, int receive_buffer = 0,
                               int send_buffer = 0);

    // False when the connection broke or `patience_ms` passed.
    bool send_all(std::string_view bytes);
    // Sends one byte as urgent data (MSG_OOB). It is no part of the stream that the other side
    // receives.
    bool send_urgent(char byte);
    [[nodiscard]] Received receive(std::span<char> into);
    // What came until there were `bytes` of them, or the stream ended, or patience did.
    [[nodiscard]] std::string receive_exactly(std::size_t bytes);
    // Everything until the stream ends in one way or another; how it ended in `outcome`.
    [[nodiscard]] std::string receive_to_end(Outcome& outcome);
    // True when nothing comes, not even an end, for so long.
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

// Wine differs from Windows in a few places (each test that asks says how).
[[nodiscard]] bool is_wine();

}  // namespace portico::test
