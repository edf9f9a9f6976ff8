// How an outbound connection begins, and what it needs only until it is connected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/operation.hpp"

namespace portico::net {

class Connection;

// Made by the connector, and freed by its connection when the connect has ended in any way. It
// tries the addresses in turn until one answers, or the connection ends it. The operation is the
// attempt at one address; Connection::is_connecting_ says whether one is in flight.
struct Connecting : io::ConnectOperation {
    // `its_addresses` live as long as the connector.
    Connecting(std::span<const io::Address> its_addresses, std::uint32_t its_timeout_ms) noexcept
        : addresses(its_addresses), timeout_ms(its_timeout_ms) {}
    // One address, which is copied.
    Connecting(const io::Address& its_only, std::uint32_t its_timeout_ms) noexcept
        : only(its_only), addresses(&only, 1), timeout_ms(its_timeout_ms) {}

    // By the connector, before the connection opens.
    void belong_to(Connection& its_connection) noexcept;

    // ---- On the strand. Each of these may end the connect; then this object is gone.
    // Begins an attempt at the next address for which there can be one. If none is left the connect
    // has failed.
    void try_next_address() noexcept;
    // An attempt has ended in time.
    void attempt_ended() noexcept;
    // No attempt is in flight, and none follows.
    void end() noexcept;

    const io::Address only;
    const std::span<const io::Address> addresses;
    const std::uint32_t timeout_ms;  // of all attempts together

private:
    [[nodiscard]] bool begin_attempt(const io::Address& address);
    [[nodiscard]] bool has_succeeded() noexcept;
    void open() noexcept;
    void fail() noexcept;

    Connection* connection_ = nullptr;
    std::size_t tried_ = 0;
    int last_native_error_ = 0;   // of the last attempt that failed
    bool has_timed_out_ = false;  // that is what the system said of it
};

}  // namespace portico::net
