// A port on IOCP whose system refuses calls that seldom fail, or lacks functions that most systems
// have. The functions below give the system's answers.
#ifndef NTDDI_VERSION
#define NTDDI_VERSION 0x0A000003  // for SIO_TCP_INFO, as in socket_windows.cpp
#endif

#include "io/iocp/port.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/native.hpp"
#include "support/catch.hpp"
#include "support/loopback.hpp"
#include "support/peer.hpp"
#include "support/replaced_import.hpp"

#include <mstcpip.h>

using namespace portico;
using namespace portico::io;
using namespace portico::test;

namespace {

// The answers of the replaced functions below; a test sets them, and restores them afterwards.
struct Refusals {
    int sockets_of_family = -1;  // AF_...; -1: none fails
    int socket_error = 0;
    GUID no_extension{};
    bool fails_accept_ex = false;
    int ports_left = 0;  // so many completion ports can be made, or sockets joined
    int posts = 0;       // so many posts in turn
    int option = 0;      // of SOL_SOCKET
    int option_error = 0;
    int options = 0;     // so many in turn
    int tcp_option = 0;  // of IPPROTO_TCP
} refusals;

// Options for the time until the system gives up a peer (ws2ipdef.h); the test answers them,
// because Wine knows none.
constexpr int tcp_maxrt = 5;
constexpr int tcp_maxrtms = 14;
constexpr int tcp_keepcnt = 16;

// The options that accepted sockets were given.
struct Given {
    std::vector<tcp_keepalive> keepalives;
    std::vector<std::pair<int, DWORD>> tcp_options;
} given;

const auto system_socket = imported(::WSASocketW);
const auto system_ioctl = imported(::WSAIoctl);
const auto system_make_port = imported(::CreateIoCompletionPort);
const auto system_post = imported(::PostQueuedCompletionStatus);
const auto system_set_option = imported(::setsockopt);

SOCKET WSAAPI refusing_socket(int family, int type, int protocol, LPWSAPROTOCOL_INFOW info,
                              GROUP group, DWORD flags) {
    if (family == refusals.sockets_of_family) {
        ::WSASetLastError(refusals.socket_error);
        return INVALID_SOCKET;
    }
    return system_socket(family, type, protocol, info, group, flags);
}

BOOL PASCAL refused_accept_ex(SOCKET, SOCKET, PVOID, DWORD, DWORD, DWORD, LPDWORD, LPOVERLAPPED) {
    ::WSASetLastError(WSAENOBUFS);
    return FALSE;
}

int WSAAPI refusing_ioctl(SOCKET socket, DWORD code, LPVOID in, DWORD in_bytes, LPVOID out,
                          DWORD out_bytes, LPDWORD bytes, LPWSAOVERLAPPED overlapped,
                          LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
    if (code == SIO_GET_EXTENSION_FUNCTION_POINTER) {
        const GUID wanted = *static_cast<const GUID*>(in);
        const GUID accept_ex = WSAID_ACCEPTEX;
        if (std::memcmp(&wanted, &refusals.no_extension, sizeof wanted) == 0) {
            ::WSASetLastError(WSAEOPNOTSUPP);
            return SOCKET_ERROR;
        }
        if (refusals.fails_accept_ex && std::memcmp(&wanted, &accept_ex, sizeof wanted) == 0) {
            *static_cast<LPFN_ACCEPTEX*>(out) = refused_accept_ex;
            return 0;
        }
    }
    if (code == SIO_KEEPALIVE_VALS) {
        given.keepalives.push_back(*static_cast<const tcp_keepalive*>(in));
    }
    if (code == SIO_TCP_INFO) {
        auto& info = *static_cast<TCP_INFO_v0*>(out);
        info = {};
        info.BytesOut = 60;
        info.BytesInFlight = 7;
        return 0;
    }
    return system_ioctl(socket, code, in, in_bytes, out, out_bytes, bytes, overlapped, routine);
}

HANDLE WINAPI refusing_make_port(HANDLE file, HANDLE port, ULONG_PTR key, DWORD concurrency) {
    if (refusals.ports_left-- <= 0) {
        ::SetLastError(ERROR_NO_SYSTEM_RESOURCES);
        return nullptr;
    }
    return system_make_port(file, port, key, concurrency);
}

BOOL WINAPI refusing_post(HANDLE port, DWORD bytes, ULONG_PTR key, LPOVERLAPPED overlapped) {
    if (refusals.posts > 0) {
        --refusals.posts;
        ::SetLastError(ERROR_NO_SYSTEM_RESOURCES);
        return FALSE;
    }
    return system_post(port, bytes, key, overlapped);
}

int WSAAPI refusing_set_option(SOCKET socket, int level, int option, const char* value, int bytes) {
    if (level == SOL_SOCKET && option == refusals.option && refusals.options > 0) {
        --refusals.options;
        ::WSASetLastError(refusals.option_error);
        return SOCKET_ERROR;
    }
    if (level == IPPROTO_TCP &&
        (option == tcp_maxrt || option == tcp_maxrtms || option == tcp_keepcnt)) {
        DWORD number = 0;
        std::memcpy(&number, value, sizeof number);
        given.tcp_options.emplace_back(option, number);
        if (option == refusals.tcp_option) {
            ::WSASetLastError(WSAENOPROTOOPT);
            return SOCKET_ERROR;
        }
        return 0;
    }
    return system_set_option(socket, level, option, value, bytes);
}

struct Refusing {
    explicit Refusing(const Refusals& what) { refusals = what; }
    ~Refusing() {
        refusals = {};
        given = {};
    }
    Refusing(const Refusing&) = delete;
    Refusing& operator=(const Refusing&) = delete;

    ReplacedImport socket{::WSASocketW, refusing_socket};
    ReplacedImport ioctl{::WSAIoctl, refusing_ioctl};
    ReplacedImport post{::PostQueuedCompletionStatus, refusing_post};
    ReplacedImport set_option{::setsockopt, refusing_set_option};
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Waits until nothing is in flight, and calls the handlers. False if patience ended.
bool finish_all(CompletionPort& port) {
    const std::uint64_t deadline = port.now() + 15 * base::nanoseconds_per_second;
    while (port.outstanding() != 0 && port.now() < deadline) {
        std::array<Operation*, 8> completed{};
        const std::size_t count = port.wait(completed, deadline);
        for (std::size_t i = 0; i < count; ++i) {
            completed[i]->completed(*completed[i]);
        }
    }
    return port.outstanding() == 0;
}

struct Station {
    Station() {
        auto made = make_port(Backend::iocp, buffers, {});
        INFO(made.error());
        REQUIRE(made);
        port = std::move(*made);
        REQUIRE(listener.listen(loopback(), 16));
        REQUIRE(port->attach(listener));
        accept.listener = &listener;
        accept.completed = [](Operation&) {};
    }
    ~Station() {
        if (accept.in_flight) {
            port->cancel(accept);
            static_cast<void>(finish_all(*port));
        }
        port->close(listener);
    }
    // Does the same as World::complete of the contract suite.
    void complete_accept() {
        port->accept(accept);
        REQUIRE(accept.in_flight);
        REQUIRE(finish_all(*port));
    }

    BufferPool buffers{4'096, 16};
    std::unique_ptr<CompletionPort> port;
    Socket listener;
    AcceptOperation accept;
};

}  // namespace

TEST_CASE("where the system has no socket to give, each call says so in words", "[io][iocp]") {
    BufferPool buffers(64, 1);
    Socket socket;
    const Refusing refusing({.sockets_of_family = AF_INET, .socket_error = WSAEMFILE});
    const std::string why = native_error_text(WSAEMFILE);
    const auto connecting = socket.open_for_connect(Address::Family::v4);
    CHECK(has(connecting.error(), "cannot open a socket: " + why));
    CHECK_FALSE(socket.is_open());
    const auto listening = socket.listen(loopback(), 1);
    CHECK(has(listening.error(), "cannot open a socket for 127.0.0.1:0: " + why));
    CHECK_FALSE(socket.is_open());
    const auto port = make_port(Backend::iocp, buffers, {});
    CHECK(has(port.error(), "cannot use sockets: " + why));
}

TEST_CASE(
    "a machine may lack one of the two families: connects of it are unreachable, the other works",
    "[io][iocp]") {
    Socket client;
    REQUIRE(client.open_for_connect(Address::Family::v6));
    const Refusing refusing({.sockets_of_family = AF_INET6, .socket_error = WSAEAFNOSUPPORT});
    Socket listener;
    const auto listening = listener.listen(loopback(Address::Family::v6), 1);
    CHECK(listening.kind() == static_cast<int>(Error::address_unavailable));
    Station station;
    REQUIRE(station.port->attach(client));
    ConnectOperation connect;
    connect.completed = [](Operation&) {};
    connect.socket = &client;
    connect.remote = loopback(Address::Family::v6);
    connect.remote.port = 1;
    station.port->connect(connect);
    CHECK(connect.in_flight);
    REQUIRE(finish_all(*station.port));
    CHECK(connect.error == Error::unreachable);
    station.port->close(client);

    Peer peer;
    REQUIRE(peer.connect(station.listener.local_address()));
    station.complete_accept();
    CHECK(station.accept.error == Error::none);
    CHECK(station.accept.peer == peer.local_address());
    close_native(station.accept.accepted);
}

TEST_CASE("there is no port without the calls that sockets are used with", "[io][iocp]") {
    BufferPool buffers(64, 1);
    for (const GUID missing :
         {GUID WSAID_ACCEPTEX, GUID WSAID_CONNECTEX, GUID WSAID_GETACCEPTEXSOCKADDRS}) {
        const Refusing refusing({.no_extension = missing});
        const auto port = make_port(Backend::iocp, buffers, {});
        CHECK(has(port.error(), "cannot use sockets: " + native_error_text(WSAEOPNOTSUPP)));
    }
}

TEST_CASE("a completion port that cannot be made or joined says why", "[io][iocp]") {
    BufferPool buffers(64, 1);
    const std::string why = native_error_text(ERROR_NO_SYSTEM_RESOURCES);
    const ReplacedImport replaced(::CreateIoCompletionPort, refusing_make_port);
    refusals.ports_left = 0;
    const auto none = make_port(Backend::iocp, buffers, {});
    CHECK(has(none.error(), "cannot make a completion port: " + why));

    refusals.ports_left = 1;
    auto port = make_port(Backend::iocp, buffers, {});
    REQUIRE(port);
    Socket socket;
    REQUIRE(socket.open_for_connect(Address::Family::v4, loopback()));
    const auto attached = (*port)->attach(socket);
    CHECK(has(attached.error(), "cannot join a socket to the completion port: " + why));
    CHECK(socket.is_open());
    refusals = {};
}

TEST_CASE("posts that the system refuses come later, each once, in their order", "[io][iocp]") {
    struct NumberedPost : PostOperation {
        int number = 0;
    };
    static std::vector<int> seen;
    const int refused = GENERATE(1, 2, 3, 7, 20);
    CAPTURE(refused);
    seen.clear();
    Station station;
    std::array<NumberedPost, 10> posts;
    const Refusing refusing({.posts = refused});
    for (int i = 0; i < 10; ++i) {
        NumberedPost& post = posts[static_cast<std::size_t>(i)];
        post.number = i;
        post.completed = [](Operation& operation) {
            seen.push_back(static_cast<NumberedPost&>(operation).number);
        };
        station.port->post(post);
        CHECK(post.in_flight);
    }
    REQUIRE(finish_all(*station.port));
    CHECK(refusals.posts == 0);
    CHECK(seen == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("an accept that the system refuses completes out of wait, and the next one accepts",
          "[io][iocp]") {
    // No handle for the next connection, and no memory for the option that completes its accept.
    struct Case {
        Refusals what;
        Error error;
        int native_error;
    };
    const Case each = GENERATE(values<Case>({
        {{.sockets_of_family = AF_INET, .socket_error = WSAEMFILE},
         Error::no_descriptors,
         WSAEMFILE},
        {{.option = SO_UPDATE_ACCEPT_CONTEXT, .option_error = WSAENOBUFS, .options = 1},
         Error::no_buffers,
         WSAENOBUFS},
    }));
    CAPTURE(each.native_error, each.what.option);
    Station station;
    Peer first;
    Peer second;
    REQUIRE(first.connect(station.listener.local_address()));
    {
        const Refusing refusing(each.what);
        station.complete_accept();
        CHECK(station.accept.error == each.error);
        CHECK(station.accept.native_error == each.native_error);
        CHECK(station.accept.accepted == invalid_socket);
    }
    REQUIRE(second.connect(station.listener.local_address()));
    station.complete_accept();
    CHECK(station.accept.error == Error::none);
    close_native(station.accept.accepted);
}

TEST_CASE(
    "each accepted socket is given its listener's timeouts, in the units that the system knows",
    "[io][iocp]") {
    // An option that the system does not know, as before Windows 10 2004 and 1703; 0: it knows all.
    const int unknown = GENERATE(0, tcp_maxrtms, tcp_keepcnt);
    CAPTURE(unknown);
    PeerTimeouts timeouts;
    timeouts.keepalive_idle_ms = 7'000;
    timeouts.keepalive_interval_ms = 3'500;
    timeouts.keepalive_probes = 4;
    timeouts.unacknowledged_ms = 9'001;
    Station station;
    station.port->close(station.listener);
    const Refusing refusing({.tcp_option = unknown});
    REQUIRE(station.listener.listen(loopback(), 16, timeouts));
    REQUIRE(station.port->attach(station.listener));
    // The listener asks whether this one is known, so that it is not set in vain for each client.
    using Options = std::vector<std::pair<int, DWORD>>;
    CHECK(given.tcp_options == Options{{tcp_keepcnt, 4}});
    given.tcp_options.clear();
    Peer peer;
    REQUIRE(peer.connect(station.listener.local_address()));
    station.complete_accept();
    REQUIRE(station.accept.error == Error::none);
    close_native(station.accept.accepted);
    REQUIRE(given.keepalives.size() == 1);
    CHECK(given.keepalives[0].onoff == 1);
    CHECK(given.keepalives[0].keepalivetime == 7'000);
    CHECK(given.keepalives[0].keepaliveinterval == 3'500);
    Options expected{{tcp_maxrtms, 9'001}};
    if (unknown != tcp_keepcnt) {
        expected.insert(expected.begin(), {tcp_keepcnt, 4});
    }
    if (unknown == tcp_maxrtms) {
        expected.emplace_back(tcp_maxrt, 10);
    }
    CHECK(given.tcp_options == expected);
}

TEST_CASE("a listener without timeouts gives none", "[io][iocp]") {
    Station station;
    const Refusing refusing({});
    Peer peer;
    REQUIRE(peer.connect(station.listener.local_address()));
    station.complete_accept();
    REQUIRE(station.accept.error == Error::none);
    close_native(station.accept.accepted);
    CHECK(given.keepalives.empty());
    CHECK(given.tcp_options.empty());
}

TEST_CASE("an AcceptEx that fails at once completes the accept with its error", "[io][iocp]") {
    const Refusing refusing({.fails_accept_ex = true});
    Station station;
    station.complete_accept();
    CHECK(station.accept.error == Error::no_buffers);
    CHECK(station.accept.accepted == invalid_socket);
}

TEST_CASE("clients that have gone from the backlog are no failures of the accept, within reason",
          "[io][iocp]") {
    const int code = GENERATE(WSAECONNRESET, WSAETIMEDOUT, WSAENOTCONN,
                              static_cast<int>(ERROR_UNEXP_NET_ERR));
    CAPTURE(code);
    constexpr int many = 64;  // after so many the accept reports it, and does not try for ever
    Station station;
    std::vector<Peer> peers(many + 1);
    const auto connect = [&](Peer& peer) {
        REQUIRE(peer.connect(station.listener.local_address()));
    };
    {
        const Refusing refusing(
            {.option = SO_UPDATE_ACCEPT_CONTEXT, .option_error = code, .options = 3});
        std::for_each(peers.begin(), peers.begin() + 4, connect);
        station.complete_accept();
        CHECK(refusals.options == 0);
        CHECK(station.accept.error == Error::none);
        CHECK(station.accept.peer == peers[3].local_address());
        close_native(station.accept.accepted);
    }
    const Refusing refusing(
        {.option = SO_UPDATE_ACCEPT_CONTEXT, .option_error = code, .options = many});
    station.port->accept(station.accept);
    for (int i = 0; i < many; ++i) {
        peers[0].close();
        connect(peers[0]);
        const int left = refusals.options;
        const std::uint64_t patience = station.port->now() + 15 * base::nanoseconds_per_second;
        while (refusals.options == left && station.port->now() < patience) {
            Operation* completed = nullptr;
            static_cast<void>(station.port->wait(
                {&completed, 1}, station.port->now() + 10 * base::nanoseconds_per_millisecond));
        }
    }
    CHECK_FALSE(station.accept.in_flight);
    CHECK(station.accept.error == Error::other);
    CHECK(station.accept.native_error == code);
}

TEST_CASE("a connection that is lost before it is one ends its connect with the reason",
          "[io][iocp]") {
    Station station;
    Socket client;
    REQUIRE(client.open_for_connect(Address::Family::v4));
    REQUIRE(station.port->attach(client));
    ConnectOperation connect;
    connect.completed = [](Operation&) {};
    connect.socket = &client;
    connect.remote = station.listener.local_address();
    const Refusing refusing(
        {.option = SO_UPDATE_CONNECT_CONTEXT, .option_error = WSAENOTCONN, .options = 1});
    station.port->connect(connect);
    REQUIRE(finish_all(*station.port));
    CHECK(connect.error == error_of(WSAENOTCONN));
    CHECK(connect.native_error == WSAENOTCONN);
    station.port->close(client);
}

TEST_CASE("what the peer has not acknowledged is what is in flight and what has not left yet",
          "[io][iocp]") {
    Station station;
    Peer peer;
    REQUIRE(peer.connect(station.listener.local_address()));
    station.complete_accept();
    REQUIRE(station.accept.error == Error::none);
    Socket socket;
    socket.adopt(station.accept.accepted);
    REQUIRE(station.port->attach(socket));
    // The system reports that 60 bytes have left, and 7 of them are on their way.
    const Refusing refusing({});
    CHECK(socket.unacknowledged_bytes() == 7);
    const std::string text(100, 'x');
    const ConstBuffer part{reinterpret_cast<const std::byte*>(text.data()), text.size()};
    SendOperation send;
    send.completed = [](Operation&) {};
    send.socket = &socket;
    send.buffers = {&part, 1};
    station.port->send(send);
    REQUIRE(finish_all(*station.port));
    REQUIRE(send.bytes == 100);
    CHECK(socket.unacknowledged_bytes() == 7 + 40);
    station.port->close(socket);
}

TEST_CASE("a socket may outlive its port", "[io][iocp]") {
    BufferPool buffers(64, 1);
    Socket first;
    Socket second;
    {
        auto port = make_port(Backend::iocp, buffers, {});
        REQUIRE(port);
        for (Socket* socket : {&first, &second}) {
            REQUIRE(socket->open_for_connect(Address::Family::v4, loopback()));
            REQUIRE((*port)->attach(*socket));
        }
    }
    CHECK(first.local_address().port != 0);
    first.close();
    CHECK_FALSE(first.is_open());
}
