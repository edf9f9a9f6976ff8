// test::Peer on the simulated network. It has the same blocking calls, with the same patience, as
// support/peer.cpp on the system's sockets.
#include <algorithm>
#include <utility>

#include "sim/contract_network.hpp"
#include "sim/network_internals.hpp"
#include "support/peer.hpp"

namespace portico::test {

namespace {

using Internals = sim::Network::Internals;
using End = Internals::End;

Internals& network() {
    return contract_network().internals();
}

End& end_of(io::NativeSocket native) {
    return network().end_of(network().handle_of(native, "a peer"), "a peer");
}

// Waits in the caller's section; false if patience ended first.
template <class Condition>
bool wait_for(Condition condition, int patience_ms) {
    const std::uint64_t deadline = network().scheduler.now() +
                                   static_cast<std::uint64_t>(patience_ms) *
                                       base::nanoseconds_per_millisecond;
    return network().scheduler.block(
        "a peer",
        [](void* context) noexcept {
            return static_cast<bool>((*static_cast<Condition*>(context))());
        },
        &condition, deadline);
}

Peer::Received receive_within(io::NativeSocket native, std::span<char> into, int patience_ms) {
    const sim::Scheduler::Section section(network().scheduler);
    End& end = end_of(native);
    const auto has_news = [&] {
        return end.incoming.size() != 0 || end.is_input_ended || end.state != End::State::open;
    };
    if (!wait_for(has_news, patience_ms)) {
        return {Peer::Outcome::timed_out, 0};
    }
    if (end.incoming.size() != 0) {
        return {Peer::Outcome::data,
                network().read(end, reinterpret_cast<std::byte*>(into.data()), into.size())};
    }
    return {end.state == End::State::dead ? Peer::Outcome::reset : Peer::Outcome::end, 0};
}

}  // namespace

Peer::Peer(Peer&& other) noexcept : native_(std::exchange(other.native_, io::invalid_socket)) {}

Peer& Peer::operator=(Peer&& other) noexcept {
    if (this != &other) {
        close();
        native_ = std::exchange(other.native_, io::invalid_socket);
    }
    return *this;
}

bool Peer::connect(const io::Address& address, int receive_buffer, int send_buffer) {
    close();
    const sim::Scheduler::Section section(network().scheduler);
    Internals::Index handle = 0;
    if (!network().open_for_connect(address.family, {}, true, handle).empty()) {
        return false;
    }
    native_ = Internals::native_of(handle);
    End& end = end_of(native_);
    end.receive_room = receive_buffer != 0 ? static_cast<std::uint32_t>(receive_buffer)
                                           : end.receive_room;
    end.send_room = send_buffer != 0 ? static_cast<std::uint32_t>(send_buffer) : end.send_room;
    network().connect(handle, address);
    static_cast<void>(wait_for([&] { return end.state != End::State::connecting; }, patience_ms));
    if (end.state != End::State::open) {
        close();
        return false;
    }
    return true;
}

bool Peer::send_all(std::string_view bytes) {
    const sim::Scheduler::Section section(network().scheduler);
    End& end = end_of(native_);
    while (!bytes.empty()) {
        if (!wait_for([&] { return end.state != End::State::open || Internals::room(end) != 0; },
                      patience_ms) ||
            end.state != End::State::open) {
            return false;
        }
        bytes.remove_prefix(
            network().write(end, reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()));
    }
    return true;
}

bool Peer::send_urgent(char /*byte*/) {
    return true;  // the simulated network has no urgent data
}

Peer::Received Peer::receive(std::span<char> into) {
    return receive_within(native_, into, patience_ms);
}

std::string Peer::receive_exactly(std::size_t bytes) {
    std::string all(bytes, '\0');
    std::size_t got = 0;
    while (got < bytes) {
        const Received part = receive(std::span(all).subspan(got));
        if (part.outcome != Outcome::data) {
            break;
        }
        got += part.bytes;
    }
    all.resize(got);
    return all;
}

std::string Peer::receive_to_end(Outcome& outcome) {
    constexpr std::size_t step = 64 * 1'024;
    std::string all;
    for (;;) {
        const std::size_t got = all.size();
        all.resize(got + step);
        const Received part = receive(std::span(all).subspan(got));
        all.resize(got + part.bytes);
        if (part.outcome != Outcome::data) {
            outcome = part.outcome;
            return all;
        }
    }
}

bool Peer::is_quiet_for(int ms) {
    char byte = 0;
    return receive_within(native_, {&byte, 1}, ms).outcome == Outcome::timed_out;
}

void Peer::finish_sending() {
    const sim::Scheduler::Section section(network().scheduler);
    network().finish(end_of(native_));
}

void Peer::close() {
    if (is_open()) {
        const sim::Scheduler::Section section(network().scheduler);
        network().close(network().handle_of(std::exchange(native_, io::invalid_socket), "a peer"));
    }
}

void Peer::abort() {
    const sim::Scheduler::Section section(network().scheduler);
    end_of(native_).resets_on_close = true;
    close();
}

io::Address Peer::local_address() const {
    const sim::Scheduler::Section section(network().scheduler);
    return end_of(native_).local;
}

bool is_wine() {
    return false;
}

}  // namespace portico::test
