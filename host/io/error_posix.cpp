#include <cerrno>
#include <system_error>

#include "io/native.hpp"

namespace portico::io {

Error error_of(int native_error) noexcept {
    switch (native_error) {
        case 0: return Error::none;
        case ECONNRESET:
        case EPIPE: return Error::reset;
        case ECONNREFUSED: return Error::refused;
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENETDOWN: return Error::unreachable;
        case ETIMEDOUT: return Error::timed_out;
        case ECANCELED: return Error::aborted;
        case ENOBUFS:
        case ENOMEM: return Error::no_buffers;
        case EMFILE:
        case ENFILE: return Error::no_descriptors;
        case EADDRINUSE: return Error::address_in_use;
        case EAFNOSUPPORT:  // the kernel has no such family: IPv6 that is switched off
        case EADDRNOTAVAIL: return Error::address_unavailable;
        case EACCES:
        case EPERM: return Error::permission;
        default: return Error::other;
    }
}

std::string native_error_text(int native_error) {
    return std::system_category().message(native_error) + " (errno " +
           std::to_string(native_error) + ")";
}

}  // namespace portico::io
