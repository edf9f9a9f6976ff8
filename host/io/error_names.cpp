#include "io/error.hpp"

namespace portico::io {

std::string_view to_string(Error error) noexcept {
    switch (error) {
        case Error::none: return "no error";
        case Error::reset: return "reset by the peer";
        case Error::refused: return "connection refused";
        case Error::unreachable: return "unreachable";
        case Error::timed_out: return "timed out";
        case Error::aborted: return "cancelled";
        case Error::no_buffers: return "out of socket memory";
        case Error::no_descriptors: return "out of descriptors";
        case Error::address_in_use: return "address in use";
        case Error::address_unavailable: return "not an address of this machine";
        case Error::permission: return "not permitted";
        case Error::other: return "system error";
    }
    return "system error";
}

}  // namespace portico::io
