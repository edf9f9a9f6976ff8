// The options that accepted sockets get from their listener (Linux).
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "io/socket.hpp"
#include "support/catch.hpp"
#include "support/loopback.hpp"

using namespace portico;

TEST_CASE("an accepted socket, and one that connects, send small messages at once",
          "[io][socket]") {
    const auto is_undelayed = [](io::NativeSocket native) {
        int value = 0;
        socklen_t size = sizeof value;
        REQUIRE(::getsockopt(native, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0);
        return value != 0;
    };
    for (const auto family : {io::Address::Family::v4, io::Address::Family::v6}) {
        io::Socket listener;
        REQUIRE(listener.listen(test::loopback(family), 4));

        io::Socket client;
        REQUIRE(client.open_for_connect(family));
        CHECK(is_undelayed(client.native()));
        sockaddr_storage name{};
        socklen_t size = sizeof name;
        REQUIRE(::getsockname(listener.native(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
        // on loopback it is done, or will be
        static_cast<void>(::connect(client.native(), reinterpret_cast<sockaddr*>(&name), size));

        pollfd waiting{listener.native(), POLLIN, 0};
        REQUIRE(::poll(&waiting, 1, 10'000) == 1);
        const io::NativeSocket native = ::accept4(listener.native(), nullptr, nullptr,
                                                  SOCK_NONBLOCK | SOCK_CLOEXEC);
        REQUIRE(native != io::invalid_socket);
        io::Socket accepted;
        accepted.adopt(native);
        CHECK(is_undelayed(accepted.native()));
        for (io::Socket* socket : {&accepted, &client, &listener}) {
            socket->close();
        }
    }
}
