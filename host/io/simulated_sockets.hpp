// Sockets of a simulated network in the place of the system's (host/sim implements them). As long
// as one is installed, every Socket of the process is a simulated one; a host that serves never
// installs any. Only Socket's synchronous calls ask for it, and none of them is made for each
// message.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "io/address.hpp"
#include "io/socket.hpp"

namespace portico::io {

// Each function stands for the one of Socket with its name.
class SimulatedSockets {
public:
    // Null: the system's sockets.
    [[nodiscard]] static SimulatedSockets* current() noexcept {
        return installed_.load(std::memory_order_acquire);
    }
    // Null removes it. No socket may be open.
    static void install(SimulatedSockets* sockets) noexcept {
        installed_.store(sockets, std::memory_order_release);
    }

    [[nodiscard]] virtual base::Result<NativeSocket> open_for_connect(Address::Family family,
                                                                      const Address& local) = 0;
    [[nodiscard]] virtual base::Result<NativeSocket> listen(const Address& address,
                                                            int backlog) = 0;
    [[nodiscard]] virtual Address local_address(NativeSocket native) const noexcept = 0;
    [[nodiscard]] virtual Address peer_address(NativeSocket native) const noexcept = 0;
    [[nodiscard]] virtual bool shutdown_send(NativeSocket native) noexcept = 0;
    virtual void reset_on_close(NativeSocket native) noexcept = 0;
    [[nodiscard]] virtual std::uint64_t unacknowledged_bytes(
        NativeSocket native) const noexcept = 0;
    [[nodiscard]] virtual Progress progress(NativeSocket native) const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t unread_bytes(NativeSocket native) const noexcept = 0;
    virtual void close(NativeSocket native) noexcept = 0;

protected:
    ~SimulatedSockets() = default;

private:
    static inline std::atomic<SimulatedSockets*> installed_{nullptr};
};

}  // namespace portico::io
