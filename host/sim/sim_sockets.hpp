// The calls of io::Socket, on the simulated network.
#pragma once

#include "io/simulated_sockets.hpp"
#include "sim/network.hpp"

namespace portico::sim {

class SimSockets final : public io::SimulatedSockets {
public:
    explicit SimSockets(Network::Internals& network) noexcept : network_(network) {}

    [[nodiscard]] base::Result<io::NativeSocket> open_for_connect(
        io::Address::Family family, const io::Address& local) override;
    [[nodiscard]] base::Result<io::NativeSocket> listen(const io::Address& address,
                                                        int backlog) override;
    [[nodiscard]] io::Address local_address(io::NativeSocket native) const noexcept override;
    [[nodiscard]] io::Address peer_address(io::NativeSocket native) const noexcept override;
    [[nodiscard]] bool shutdown_send(io::NativeSocket native) noexcept override;
    void reset_on_close(io::NativeSocket native) noexcept override;
    [[nodiscard]] std::uint64_t unacknowledged_bytes(
        io::NativeSocket native) const noexcept override;
    [[nodiscard]] io::Progress progress(io::NativeSocket native) const noexcept override;
    [[nodiscard]] std::uint64_t unread_bytes(io::NativeSocket native) const noexcept override;
    void close(io::NativeSocket native) noexcept override;

private:
    Network::Internals& network_;
};

}  // namespace portico::sim
