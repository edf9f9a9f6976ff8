// Sockets by their synchronous calls: the results if there is nothing to report about.
#include "io/socket.hpp"

#include "io/completion_port.hpp"
#include "support/catch.hpp"
#include "support/loopback.hpp"

using namespace portico::io;
using portico::test::loopback;

TEST_CASE("a socket that is not connected has no peer, one that is not open has nothing",
          "[io][socket]") {
    Socket socket;
    CHECK(socket.local_address().family == Address::Family::none);
    CHECK(socket.peer_address().family == Address::Family::none);
    CHECK_FALSE(socket.unacknowledged_bytes().has_value());
    CHECK(socket.unread_bytes() == 0);
    socket.close();
    REQUIRE(socket.open_for_connect(Address::Family::v4, loopback()));
    CHECK(socket.local_address().port != 0);
    CHECK(socket.peer_address().family == Address::Family::none);
    CHECK_FALSE(socket.shutdown_send());
    socket.close();
    CHECK_FALSE(socket.is_open());
}

TEST_CASE("an address that is taken, or is not this machine's, is named in the reason",
          "[io][socket]") {
    Socket taken;
    REQUIRE(taken.listen(loopback(), 1));
    const Address address = taken.local_address();
    Socket socket;
    const auto listening = socket.listen(address, 1);
    CHECK(listening.error().find("cannot listen on " + to_string(address)) != std::string::npos);
    CHECK(listening.kind() == static_cast<int>(Error::address_in_use));
    CHECK_FALSE(socket.is_open());

    Address foreign = loopback();
    foreign.bytes = {192, 0, 2, 1};  // for documentation: it belongs to nobody
    const auto bound = socket.open_for_connect(Address::Family::v4, foreign);
    CHECK(bound.error().find("cannot bind to 192.0.2.1:0") != std::string::npos);
    CHECK(bound.kind() == static_cast<int>(Error::address_unavailable));
    CHECK_FALSE(socket.is_open());
}

TEST_CASE("a connect that the system refuses at once completes out of wait all the same",
          "[io][socket]") {
    const Backend backend = GENERATE(as<Backend>{}, standard_backend, Backend::io_uring);
    BufferPool buffers(64, 1);
    auto port = make_port(backend, buffers, {});
    if (!port && backend == Backend::io_uring) {
        WARN("SKIPPED: " << port.error());
        return;
    }
    REQUIRE(port);
    Socket socket;
    REQUIRE(socket.open_for_connect(Address::Family::v4, loopback()));
    REQUIRE((*port)->attach(socket));
    ConnectOperation connect;
    connect.completed = [](Operation&) {};
    connect.socket = &socket;
    connect.remote.family = Address::Family::v6;  // of another family than the socket's
    connect.remote.bytes[15] = 1;
    connect.remote.port = 1;
    (*port)->connect(connect);
    CHECK(connect.in_flight);
    Operation* completed = nullptr;
    while ((*port)->outstanding() != 0) {
        static_cast<void>((*port)->wait({&completed, 1}, wait_forever));
    }
    CHECK(completed == &connect);
    CHECK(connect.error != Error::none);
    CHECK(connect.native_error != 0);
    (*port)->close(socket);
}
