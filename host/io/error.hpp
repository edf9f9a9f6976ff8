// The errors of an operation, in the few kinds that the layers above distinguish. The system's own
// code is kept beside it (Operation::native_error) for the log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace portico::io {

enum class Error : std::uint8_t {
    none,
    // the peer (or something between) ended the connection without the orderly end
    reset,
    refused,              // nobody listens there
    unreachable,          // no route, network down
    timed_out,            // the system gave up waiting for the peer
    aborted,              // cancelled here
    no_buffers,           // the system is out of memory for sockets
    no_descriptors,       // out of descriptors or handles, in this process or in the system
    address_in_use,       // somebody else listens there
    address_unavailable,  // not an address of this machine
    permission,           // not allowed (ports below 1024, a firewall)
    other,
};

[[nodiscard]] std::string_view to_string(Error error) noexcept;

// Advice for an address that cannot be listened on. It follows the system's sentence. Empty if
// there is nothing to add.
[[nodiscard]] std::string_view advice_on_listening(Error error) noexcept;

// The system's sentence for one of its error codes (errno on Linux, GetLastError on Windows), with
// the number.
[[nodiscard]] std::string native_error_text(int native_error);

}  // namespace portico::io
