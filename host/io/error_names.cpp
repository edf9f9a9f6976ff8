// The words for each error, the same on every system, and advice for the operator.
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

std::string_view advice_on_listening(Error error) noexcept {
    switch (error) {
        case Error::address_in_use:
            return "; another program, another instance of this one, or another of its listeners "
                   "has it";
        case Error::address_unavailable:
            return "; name an address of this machine, or 0.0.0.0 or [::] for all that it has";
        case Error::permission:
#ifdef _WIN32
            // Windows also answers this if another program listens there exclusively; elsewhere
            // that is "address in use".
            return "; another program has this port for itself, or the system keeps it reserved "
                   "(netsh interface ipv4 show excludedportrange protocol=tcp)";
#else
            return "; a port below 1024 needs a right: use one from 1024 up, or give the program "
                   "the right "
                   "(setcap cap_net_bind_service=+ep host)";
#endif
        default: return "";
    }
}

}  // namespace portico::io
