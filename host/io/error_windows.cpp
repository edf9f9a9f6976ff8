#include "io/native.hpp"

namespace portico::io {

// Winsock's own calls return WSA codes. A dequeued packet and the extension functions may give the
// Win32 code for the same error, so both are here.
Error error_of(int native_error) noexcept {
    switch (native_error) {
        case 0: return Error::none;
        case ERROR_NETNAME_DELETED:  // 64: a receive or send that was pending when the peer's reset came
        case ERROR_CONNECTION_ABORTED:   // 1236
        case ERROR_GRACEFUL_DISCONNECT:  // 1226: a send after an end that both sides have seen
        case ERROR_BROKEN_PIPE:
        case WSAECONNRESET:
        case WSAECONNABORTED:
        case WSAENETRESET:
        case WSAESHUTDOWN:
        case WSAEDISCON: return Error::reset;
        case ERROR_CONNECTION_REFUSED:
        case WSAECONNREFUSED: return Error::refused;
        case ERROR_NETWORK_UNREACHABLE:
        case ERROR_HOST_UNREACHABLE:
        case ERROR_PORT_UNREACHABLE:
        case WSAENETUNREACH:
        case WSAEHOSTUNREACH:
        case WSAEHOSTDOWN:
        case WSAENETDOWN: return Error::unreachable;
        case ERROR_SEM_TIMEOUT:
        case ERROR_TIMEOUT:
        case WSAETIMEDOUT: return Error::timed_out;
        case ERROR_OPERATION_ABORTED:  // also WSA_OPERATION_ABORTED
        case WSAECANCELLED: return Error::aborted;
        case ERROR_NO_SYSTEM_RESOURCES:
        case ERROR_NOT_ENOUGH_MEMORY:  // also WSA_NOT_ENOUGH_MEMORY
        case ERROR_OUTOFMEMORY:
        case ERROR_WORKING_SET_QUOTA:
        case ERROR_NONPAGED_SYSTEM_RESOURCES:
        case WSAENOBUFS: return Error::no_buffers;
        case ERROR_TOO_MANY_OPEN_FILES:
        case WSAEMFILE: return Error::no_descriptors;
        case ERROR_ADDRESS_ALREADY_ASSOCIATED:
        case WSAEADDRINUSE: return Error::address_in_use;
        case ERROR_INVALID_NETNAME:
        case WSAEAFNOSUPPORT:  // the system has no such family: IPv6 that is switched off
        case WSAEADDRNOTAVAIL: return Error::address_unavailable;
        case ERROR_ACCESS_DENIED:
        case WSAEACCES: return Error::permission;
        default: return Error::other;
    }
}

std::string native_error_text(int native_error) {
    const std::string number = "(error " + std::to_string(native_error) + ")";
    // MAX_WIDTH_MASK: no line breaks inside; IGNORE_INSERTS: a "%1" stays as it is.
    constexpr DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                            FORMAT_MESSAGE_MAX_WIDTH_MASK;
    wchar_t wide[512];
    DWORD length = ::FormatMessageW(flags, nullptr, static_cast<DWORD>(native_error), 0, wide,
                                    static_cast<DWORD>(sizeof wide / sizeof *wide), nullptr);
    while (length > 0 && (wide[length - 1] == L' ' || wide[length - 1] == L'.')) {
        --length;
    }
    if (length == 0) {
        // Windows has a sentence for each of these; Wine only for some.
        return std::string(to_string(error_of(native_error))) + " " + number;
    }
    // A UTF-16 unit becomes at most three bytes of UTF-8.
    std::string text(static_cast<std::size_t>(length) * 3, '\0');
    const int size = ::WideCharToMultiByte(CP_UTF8, 0, wide, static_cast<int>(length), text.data(),
                                           static_cast<int>(text.size()), nullptr, nullptr);
    text.resize(static_cast<std::size_t>(size));
    return text + " " + number;
}

}  // namespace portico::io
