// How an outbound connection begins, and what it needs only until it is connected.
//
// It tries the addresses in the order that they have, as RFC 8305 (happy eyeballs) says: the next
// attempt begins when one has failed, or when attempt_delay_ns have passed since the last one
// began. The others go on meanwhile. The first one that succeeds wins. Then the others are
// cancelled, and when all are back the connection opens with the winner's socket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.hpp"
#include "net/connect_attempt.hpp"

namespace portico::net {

class Connection;

// Made by the connector, and freed by its connection when the connect has ended in any way. From
// its first attempt on Connection::is_connecting_ says that it is there.
struct Connecting {
    // RFC 8305, section 8: the recommended value.
    static constexpr std::uint64_t attempt_delay_ns = 250 * base::nanoseconds_per_millisecond;
    // At the same time. A further one begins when one of them has failed.
    static constexpr std::size_t attempts_max = 4;

    // `its_addresses` live as long as the connector.
    Connecting(std::span<const io::Address> its_addresses, std::uint32_t its_timeout_ms) noexcept
        : addresses(its_addresses), timeout_ms(its_timeout_ms) {}
    // One address, which is copied.
    Connecting(const io::Address& its_only, std::uint32_t its_timeout_ms) noexcept
        : only(its_only), addresses(&only, 1), timeout_ms(its_timeout_ms) {}

    // By the connector, before the connection opens.
    void belong_to(Connection& its_connection) noexcept;

    // ---- On the strand.
    // Begins an attempt at the next address for which there can be one. If none is in flight then,
    // the connect has failed, and the connection aborts.
    void try_next_address() noexcept;
    // The time for the next attempt, if it waits for that; else UINT64_MAX.
    [[nodiscard]] std::uint64_t next_attempt_ns() const noexcept;
    void time_has_come(std::uint64_t now) noexcept;
    // An attempt has succeeded, and the others are awaited.
    [[nodiscard]] bool is_decided() const noexcept { return winner_ != nullptr; }
    // The connection ends. If no attempt is in flight, this object is gone afterwards; else when
    // the last one is back.
    void give_up() noexcept;

    const io::Address only;
    const std::span<const io::Address> addresses;
    const std::uint32_t timeout_ms;  // of all attempts together
    // What the connection's queue held when it opened, as it counts it, and the bytes of that.
    std::uint32_t greeting_reserved = 0;
    std::uint32_t greeting_bytes = 0;

private:
    enum class Begun : std::uint8_t { yes, no, no_memory };

    void prepare(ConnectAttempt& attempt) noexcept;
    [[nodiscard]] Begun begin_attempt(const io::Address& address) noexcept;
    [[nodiscard]] bool make_ready(ConnectAttempt& attempt, const io::Address& address);
    // It is back from the port. This object may be gone afterwards.
    void ended(ConnectAttempt& attempt) noexcept;
    [[nodiscard]] bool has_succeeded(ConnectAttempt& attempt) noexcept;
    void cancel_all() noexcept;
    void close(ConnectAttempt& attempt) noexcept;
    [[nodiscard]] bool may_begin() const noexcept {
        return winner_ == nullptr && tried_ < addresses.size() && count_ < attempts_max;
    }
    void open() noexcept;
    void fail() noexcept;
    void end() noexcept;

    Connection* connection_ = nullptr;
    ConnectAttempt in_place_;  // its socket is the connection's
    std::array<ConnectAttempt*, attempts_max> in_flight_{};
    std::size_t count_ = 0;  // of these
    std::size_t tried_ = 0;  // addresses
    ConnectAttempt* winner_ = nullptr;
    std::uint64_t next_ns_ = 0;   // the last attempt began attempt_delay_ns before
    int last_native_error_ = 0;   // of the last attempt that failed
    bool has_timed_out_ = false;  // that is what the system said of it
};

}  // namespace portico::net
