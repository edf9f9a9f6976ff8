#include "sim/sim_sockets.hpp"

#include <algorithm>
#include <string>

#include "base/clock.hpp"
#include "sim/network_internals.hpp"

namespace portico::sim {

using Internals = Network::Internals;

namespace {

// The end of a connected socket, in the caller's section.
Internals::End& end_of(Internals& network, io::NativeSocket native, const char* what) noexcept {
    return network.end_of(network.handle_of(native, what), what);
}

}  // namespace

base::Result<io::NativeSocket> SimSockets::open_for_connect(io::Address::Family family,
                                                            const io::Address& local) {
    const Scheduler::Section section(network_.scheduler);
    Internals::Index handle = 0;
    if (const std::string why = network_.open_for_connect(family, local, false, handle);
        !why.empty()) {
        return base::Failure{why};
    }
    return Internals::native_of(handle);
}

base::Result<io::NativeSocket> SimSockets::listen(const io::Address& address, int backlog) {
    const Scheduler::Section section(network_.scheduler);
    Internals::Index handle = 0;
    if (const std::string why = network_.listen(address, backlog, handle); !why.empty()) {
        return base::Failure{why};
    }
    return Internals::native_of(handle);
}

io::Address SimSockets::local_address(io::NativeSocket native) const noexcept {
    const Scheduler::Section section(network_.scheduler);
    const Internals::Index handle = network_.handle_of(native, "local_address");
    if (network_.handles[handle].type == Internals::Handle::Type::listener) {
        return network_.listener_of(handle, "local_address").local;
    }
    return network_.end_of(handle, "local_address").local;
}

io::Address SimSockets::peer_address(io::NativeSocket native) const noexcept {
    const Scheduler::Section section(network_.scheduler);
    const Internals::End& end = end_of(network_, native, "peer_address");
    return end.state == Internals::End::State::open ? end.remote : io::Address{};
}

bool SimSockets::shutdown_send(io::NativeSocket native) noexcept {
    const Scheduler::Section section(network_.scheduler);
    Internals::End& end = end_of(network_, native, "shutdown_send");
    if (end.state != Internals::End::State::open) {
        return false;
    }
    network_.scheduler.trace("socket {}: ends its stream, {} bytes are still to go", native,
                             end.outgoing.size());
    network_.finish(end);
    return true;
}

void SimSockets::reset_on_close(io::NativeSocket native) noexcept {
    const Scheduler::Section section(network_.scheduler);
    end_of(network_, native, "reset_on_close").resets_on_close = true;
}

std::uint64_t SimSockets::unacknowledged_bytes(io::NativeSocket native) const noexcept {
    const Scheduler::Section section(network_.scheduler);
    return end_of(network_, native, "unacknowledged_bytes").outgoing.size();
}

io::Progress SimSockets::progress(io::NativeSocket native) const noexcept {
    const Scheduler::Section section(network_.scheduler);
    Internals::End& end = end_of(network_, native, "progress");
    const std::uint64_t now = network_.scheduler.now();
    end.looks.last_still_ns = now - end.moved_ns;
    end.looks.last_unheeded_ns = now - end.acknowledged_ns;
    end.looks.longest_still_ns = std::max(end.looks.longest_still_ns, end.looks.last_still_ns);
    io::Progress result;
    if (network_.faults.tells_age) {
        result.newest_age_ms = static_cast<std::uint32_t>(end.looks.last_still_ns /
                                                          base::nanoseconds_per_millisecond);
    }
    result.acknowledged_bytes = end.written - end.outgoing.size();
    result.received_bytes = end.arrived;
    return result;
}

std::uint64_t SimSockets::unread_bytes(io::NativeSocket native) const noexcept {
    const Scheduler::Section section(network_.scheduler);
    return end_of(network_, native, "unread_bytes").incoming.size();
}

void SimSockets::close(io::NativeSocket native) noexcept {
    const Scheduler::Section section(network_.scheduler);
    const Internals::Index handle = network_.handle_of(native, "close");
    if (network_.handles[handle].port != nullptr) {
        network_.scheduler.fail("socket " + std::to_string(native) +
                                " is closed and not taken from its port first");
    }
    network_.close(handle);
}

}  // namespace portico::sim
