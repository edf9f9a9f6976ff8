// What stands behind the C API's handle.
#pragma once

#include <atomic>
#include <string>

#include "portico/server.hpp"

// Concurrency: `errors` and `running` belong to the [owner] call that OwnerCall has admitted; the
// Server knows who may call what.
struct portico_server {
    portico::Server server;
    std::string errors;
    bool running = false;  // started, and not waited for
    mutable std::atomic<bool> in_owner_call{false};
};

namespace portico::embed {

// Admits one [owner] call of a server at a time, and none from its log function, which the server's
// stop waits for. So calls by the wrong thread are answered instead of racing.
class OwnerCall {
public:
    explicit OwnerCall(const portico_server& server) noexcept;
    ~OwnerCall();
    OwnerCall(const OwnerCall&) = delete;
    OwnerCall& operator=(const OwnerCall&) = delete;
    [[nodiscard]] explicit operator bool() const noexcept { return admitted_; }

private:
    const portico_server& server_;
    const bool admitted_;
};

}  // namespace portico::embed
