#include "io/iocp/extensions.hpp"

namespace portico::io::iocp {

bool Extensions::fetch(int family) noexcept {
    const SOCKET probe = ::WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (probe == INVALID_SOCKET) {
        return false;
    }
    const auto fetch_one = [&](GUID id, auto& function) {
        DWORD size = 0;
        return ::WSAIoctl(probe, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &function,
                          sizeof function, &size, nullptr, nullptr) == 0;
    };
    const bool all = fetch_one(WSAID_ACCEPTEX, accept) && fetch_one(WSAID_CONNECTEX, connect) &&
                     fetch_one(WSAID_GETACCEPTEXSOCKADDRS, accepted_addresses);
    const int code = ::WSAGetLastError();
    ::closesocket(probe);
    ::WSASetLastError(code);
    return all;
}

}  // namespace portico::io::iocp
