// The options that accepted sockets get from their listener, on each backend, as the system itself
// reports them.
#include <array>
#include <memory>

#include "io/completion_port.hpp"
#include "io/native.hpp"
#include "support/catch.hpp"
#include "support/loopback.hpp"
#include "support/peer.hpp"

#ifndef _WIN32
#include <netinet/tcp.h>
#endif

using namespace portico;
using namespace portico::io;
using namespace portico::test;

namespace {

// -1: the system does not know the option.
int option_of(NativeSocket native, int level, int option) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(native, level, option, reinterpret_cast<char*>(&value), &size) == 0 ? value
                                                                                            : -1;
}

bool is_kept_alive(NativeSocket native) {
    return option_of(native, SOL_SOCKET, SO_KEEPALIVE) != 0;
}

void check_timeouts(NativeSocket native, const PeerTimeouts& timeouts) {
#ifdef _WIN32
    // In seconds. Systems before Windows 10 1709 take the values but do not return them, and Wine 8
    // knows none of the others.
    const auto check = [&](int option, int expected) {
        const int found = option_of(native, IPPROTO_TCP, option);
        CHECK((found == -1 || found == expected));
    };
    constexpr int keep_idle = 3, keep_count = 16, keep_interval = 17;
    check(keep_idle, static_cast<int>(timeouts.keepalive_idle_ms / 1'000));
    check(keep_interval, static_cast<int>(timeouts.keepalive_interval_ms / 1'000));
    check(keep_count, static_cast<int>(timeouts.keepalive_probes));
#else
    CHECK(option_of(native, IPPROTO_TCP, TCP_KEEPIDLE) ==
          static_cast<int>(timeouts.keepalive_idle_ms / 1'000));
    CHECK(option_of(native, IPPROTO_TCP, TCP_KEEPINTVL) ==
          static_cast<int>(timeouts.keepalive_interval_ms / 1'000));
    CHECK(option_of(native, IPPROTO_TCP, TCP_KEEPCNT) ==
          static_cast<int>(timeouts.keepalive_probes));
    CHECK(option_of(native, IPPROTO_TCP, TCP_USER_TIMEOUT) ==
          static_cast<int>(timeouts.unacknowledged_ms));
#endif
}

// Makes a port with a listener, accepts one socket from it, and calls `check` with that.
template <class Check>
void accept_one(Backend backend, Address::Family family, const PeerTimeouts& timeouts,
                Check&& check) {
    BufferPool buffers(4'096, 16);
    auto port = make_port(backend, buffers, {});
    if (!port && backend == Backend::io_uring) {
        WARN("SKIPPED: " << port.error());
        return;
    }
    REQUIRE(port);
    Socket listener;
    if (const auto listening = listener.listen(loopback(family), 16, timeouts);
        !listening && family == Address::Family::v6) {
        WARN("no IPv6 here: " << listening.error());
        return;
    }
    REQUIRE(listener.is_open());
    REQUIRE((*port)->attach(listener));
    AcceptOperation accept;
    accept.completed = [](Operation&) {};
    accept.listener = &listener;
    (*port)->accept(accept);
    Peer peer;
    REQUIRE(peer.connect(listener.local_address()));
    const std::uint64_t patience = (*port)->now() + 15 * base::nanoseconds_per_second;
    while (accept.in_flight && (*port)->now() < patience) {
        std::array<Operation*, 4> completed{};
        static_cast<void>((*port)->wait(completed, patience));
    }
    REQUIRE_FALSE(accept.in_flight);
    REQUIRE(accept.error == Error::none);
    check(accept.accepted);
    close_native(accept.accepted);
    (*port)->close(listener);
}

}  // namespace

TEST_CASE("an accepted socket finds out by itself that its peer has vanished", "[io][socket]") {
    const Backend backend = GENERATE(as<Backend>{}, standard_backend, Backend::io_uring);
    const auto family = GENERATE(Address::Family::v4, Address::Family::v6);
    PeerTimeouts timeouts;
    timeouts.keepalive_idle_ms = 7'000;
    timeouts.keepalive_interval_ms = 3'000;
    timeouts.keepalive_probes = 4;
    timeouts.unacknowledged_ms = 9'876;
    accept_one(backend, family, timeouts, [&](NativeSocket accepted) {
        CHECK(is_kept_alive(accepted));
        check_timeouts(accepted, timeouts);
    });
}

TEST_CASE("without keepalives an accepted socket asks nothing", "[io][socket]") {
    const Backend backend = GENERATE(as<Backend>{}, standard_backend, Backend::io_uring);
    accept_one(backend, Address::Family::v4, {},
               [](NativeSocket accepted) { CHECK_FALSE(is_kept_alive(accepted)); });
}

TEST_CASE("the longest keepalives are taken, and parts of a second are rounded up",
          "[io][socket]") {
    PeerTimeouts longest;
    longest.keepalive_idle_ms = longest.keepalive_interval_ms = 32'767'000;
    longest.keepalive_probes = 127;
    longest.unacknowledged_ms = 86'400'000;
    accept_one(standard_backend, Address::Family::v4, longest, [&](NativeSocket accepted) {
        CHECK(is_kept_alive(accepted));
        check_timeouts(accepted, longest);
    });
#ifndef _WIN32
    PeerTimeouts shortest;
    shortest.keepalive_idle_ms = shortest.keepalive_interval_ms = shortest.keepalive_probes = 1;
    accept_one(standard_backend, Address::Family::v4, shortest, [&](NativeSocket accepted) {
        CHECK(option_of(accepted, IPPROTO_TCP, TCP_KEEPIDLE) == 1);
        CHECK(option_of(accepted, IPPROTO_TCP, TCP_KEEPINTVL) == 1);
        CHECK(option_of(accepted, IPPROTO_TCP, TCP_KEEPCNT) == 1);
    });
#endif
}
