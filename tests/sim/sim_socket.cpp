// io::Socket and close_native() on the simulated network. It defines every function of
// host/io/socket_posix.cpp, so that the linker has no reason to take that file out of its archive.
#include <algorithm>
#include <cerrno>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "io/native.hpp"
#include "io/socket.hpp"
#include "sim/network_internals.hpp"

namespace portico::io {

namespace {

using Internals = sim::Network::Internals;

Internals& network() noexcept {
    PORTICO_ASSERT(sim::Network::current() != nullptr);
    return sim::Network::current()->internals();
}

// The end of a connected socket, in the caller's section.
Internals::End& end_of(NativeSocket native, const char* what) noexcept {
    return network().end_of(network().handle_of(native, what), what);
}

}  // namespace

void close_native(NativeSocket native) noexcept {
    Internals& here = network();
    const sim::Scheduler::Section section(here.scheduler);
    const Internals::Index handle = here.handle_of(native, "close_native");
    if (here.handles[handle].port != nullptr) {
        here.scheduler.fail("socket " + std::to_string(native) +
                            " is closed and not taken from its port first");
    }
    here.close(handle);
}

Socket::~Socket() {
    close();
}

void Socket::reset_state() noexcept {
    is_listener_ = is_shut_down_ = false;
    receive_state_.store(0, std::memory_order_relaxed);
    send_state_.store(0, std::memory_order_relaxed);
}

void Socket::adopt(NativeSocket native) noexcept {
    PORTICO_ASSERT(!is_open() && native != invalid_socket);
    native_ = native;
    reset_state();
}

base::Result<void> Socket::open_for_connect(Address::Family family, const Address& local) {
    PORTICO_ASSERT(!is_open());
    const sim::Scheduler::Section section(network().scheduler);
    Internals::Index handle = 0;
    if (const std::string why = network().open_for_connect(family, local, false, handle);
        !why.empty()) {
        return base::Failure{why};
    }
    adopt(Internals::native_of(handle));
    return {};
}

base::Result<void> Socket::open_for_connect_from(const Address& source) {
    io::Address any_port = source;
    any_port.port = 0;
    return open_for_connect(source.family, any_port);
}

void Socket::set_timeouts(const PeerTimeouts&) noexcept {}

base::Result<void> Socket::listen(const Address& address, int backlog, const PeerTimeouts&,
                                  std::uint64_t) {
    PORTICO_ASSERT(!is_open());
    const sim::Scheduler::Section section(network().scheduler);
    Internals::Index handle = 0;
    if (const std::string why = network().listen(address, backlog, handle); !why.empty()) {
        return base::Failure{why};
    }
    native_ = Internals::native_of(handle);
    reset_state();
    is_listener_ = true;
    return {};
}

Address Socket::local_address() const noexcept {
    if (!is_open()) {
        return {};
    }
    const sim::Scheduler::Section section(network().scheduler);
    const Internals::Index handle = network().handle_of(native_, "local_address");
    if (network().handles[handle].type == Internals::Handle::Type::listener) {
        return network().listener_of(handle, "local_address").local;
    }
    return network().end_of(handle, "local_address").local;
}

Address Socket::peer_address() const noexcept {
    if (!is_open()) {
        return {};
    }
    const sim::Scheduler::Section section(network().scheduler);
    const Internals::End& end = end_of(native_, "peer_address");
    return end.state == Internals::End::State::open ? end.remote : Address{};
}

bool Socket::shutdown_send() noexcept {
    const sim::Scheduler::Section section(network().scheduler);
    Internals::End& end = end_of(native_, "shutdown_send");
    if (end.state != Internals::End::State::open) {
        return false;
    }
    network().scheduler.trace("socket {}: ends its stream, {} bytes are still to go", native_,
                              end.outgoing.size());
    network().finish(end);
    return true;
}

void Socket::reset_on_close() noexcept {
    const sim::Scheduler::Section section(network().scheduler);
    end_of(native_, "reset_on_close").resets_on_close = true;
}

std::optional<std::uint64_t> Socket::unacknowledged_bytes() const noexcept {
    const sim::Scheduler::Section section(network().scheduler);
    return end_of(native_, "unacknowledged_bytes").outgoing.size();
}

std::optional<Progress> Socket::progress() const noexcept {
    const sim::Scheduler::Section section(network().scheduler);
    Internals::End& end = end_of(native_, "progress");
    const std::uint64_t now = network().scheduler.now();
    end.looks.last_still_ns = now - end.moved_ns;
    end.looks.last_unheeded_ns = now - end.acknowledged_ns;
    end.looks.longest_still_ns = std::max(end.looks.longest_still_ns, end.looks.last_still_ns);
    Progress result;
    if (network().faults.tells_age) {
        result.newest_age_ms = static_cast<std::uint32_t>(end.looks.last_still_ns /
                                                          base::nanoseconds_per_millisecond);
    }
    result.acknowledged_bytes = end.written - end.outgoing.size();
    result.received_bytes = end.arrived;
    return result;
}

std::uint64_t Socket::unread_bytes() const noexcept {
    const sim::Scheduler::Section section(network().scheduler);
    return end_of(native_, "unread_bytes").incoming.size();
}

void Socket::close() noexcept {
    if (is_open()) {
        close_native(native_);
        native_ = invalid_socket;
    }
}

}  // namespace portico::io
