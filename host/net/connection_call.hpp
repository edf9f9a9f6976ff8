// A call on its way to the strand: from another thread, or one that must not overtake such a call.
// For connection_*.cpp.
#pragma once

#include "net/connection.hpp"

namespace portico::net {

// The bytes of a send follow it in memory.
struct Connection::Call : Mail {
    Connection* connection = nullptr;
    AnyFunction function = nullptr;
    void* argument = nullptr;
    std::uint32_t number = 0;  // send: how many bytes
    CallKind kind = CallKind::send;

    [[nodiscard]] std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
};

}  // namespace portico::net
