// The bundled plugins in the real server: framings, odd clients, and the cost of each client.
#include <array>
#include <cstring>

#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

// The length prefix of a payload.
std::string prefix(std::size_t size, unsigned bytes, bool big) {
    std::string text(bytes, '\0');
    for (unsigned i = 0; i < bytes; ++i) {
        text[big ? bytes - 1 - i : i] = static_cast<char>(size >> (8 * i) & 0xff);
    }
    return text;
}

struct Framing {
    std::string json;
    unsigned bytes = 0;  // of the prefix; 0: a delimiter
    bool big = true;
    std::string delimiter;

    [[nodiscard]] std::string frame(const std::string& payload) const {
        return bytes == 0 ? payload + delimiter : prefix(payload.size(), bytes, big) + payload;
    }
};

std::vector<Framing> framings() {
    std::vector<Framing> all{
        {R"("framing": {"type": "delimiter", "delimiter": "\n"})", 0, true, "\n"},
        {R"("framing": {"type": "delimiter", "delimiter": "\r\n..\r\n"})", 0, true, "\r\n..\r\n"}};
    for (const unsigned bytes : {1U, 2U, 4U}) {
        for (const bool big : {true, false}) {
            all.push_back({R"("framing": {"type": "length_prefix", "bytes": )" +
                               std::to_string(bytes) + R"(, "order": ")" +
                               (big ? "big" : "little") + "\"}",
                           bytes, big, ""});
        }
    }
    return all;
}

}  // namespace

TEST_CASE("a client that sends no newline gets its echo", "[echo]") {
    const std::string ports = ANY_PORTS();
    TestServer server(io_of(ports), {{"echo", "echo", ""}});
    Peer peer = server.connect("echo");
    CHECK(echoes(peer, "hello"));
    CHECK(echoes(peer, std::string(1, '\0')));
    CHECK(echoes(peer, pattern(0, 100'000)));
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("ack answers a message with its text", "[echo]") {
    const std::string ports = ANY_PORTS();
    TestServer server(io_of(ports), {{"ack", "ack", ""},
                                     {"lines", "ack", R"("framing": {"type": "delimiter"})"}});
    Peer peer = server.connect("ack");
    const std::string text = "Message received successfully";
    for (int i = 0; i < 3; ++i) {
        REQUIRE(peer.send_all("hi"));
        CHECK(peer.receive_exactly(text.size()) == text);
    }
    Peer lines = server.connect("lines");
    REQUIRE(lines.send_all("one\ntwo\nthree\nrest"));
    lines.finish_sending();
    Peer::Outcome outcome{};
    const std::string replies = lines.receive_to_end(outcome);
    CHECK(outcome == Peer::Outcome::end);
    std::size_t count = 0;
    for (std::size_t at = replies.find(text); at != std::string::npos;
         at = replies.find(text, at + 1)) {
        ++count;
    }
    CHECK(count == 3);
}

TEST_CASE("every framing echoes whole frames, however they are cut", "[echo]") {
    const std::string ports = ANY_PORTS();
    for (const Framing& framing : framings()) {
        INFO(framing.json << " " << ports);
        TestServer server(io_of(ports), {{"echo", "echo", framing.json}});
        Peer peer = server.connect("echo");
        // Several messages in one write (one of them empty), one in single bytes, one in two
        // halves.
        const std::string several = framing.frame("one") + framing.frame("") +
                                    framing.frame(std::string(200, 'x'));
        CHECK(echoes(peer, several));
        const std::string slow = framing.frame("byte by byte");
        for (const char byte : slow) {
            REQUIRE(peer.send_all({&byte, 1}));
        }
        CHECK(peer.receive_exactly(slow.size()) == slow);
        const std::string halves = framing.frame(std::string(100, 'h'));
        REQUIRE(peer.send_all(halves.substr(0, 50)));
        CHECK(peer.is_quiet_for(50));
        REQUIRE(peer.send_all(halves.substr(50)));
        CHECK(peer.receive_exactly(halves.size()) == halves);
        if (framing.bytes != 1) {
            const std::string large = framing.frame(std::string(60'000, 'L'));
            CHECK(echoes(peer, large));
        }
        // An incomplete frame at the end is not answered.
        REQUIRE(peer.send_all(halves.substr(0, halves.size() - 1)));
        peer.finish_sending();
        Peer::Outcome outcome{};
        CHECK(peer.receive_to_end(outcome).empty());
        CHECK(outcome == Peer::Outcome::end);
        CHECK(server.comes_to_rest());
    }
}

TEST_CASE("a client that sends one byte at a time gets each", "[echo]") {
    const std::string ports = ANY_PORTS();
    TestServer server(io_of(ports), {{"echo", "echo", ""}});
    Peer peer = server.connect("echo");
    const std::string text = pattern(0, 300);
    for (const char byte : text) {
        REQUIRE(peer.send_all({&byte, 1}));
    }
    CHECK(peer.receive_exactly(text.size()) == text);
    CHECK(server.statistics().connections_open == 1);
}

TEST_CASE("a client that half-closes gets everything and then the end", "[echo]") {
    const std::string ports = ANY_PORTS();
    TestServer server(io_of(ports), {{"echo", "echo", ""}});
    const std::string text = pattern(0, 3'000'000);
    Peer peer = server.connect("echo");
    std::thread sender([&] {
        static_cast<void>(peer.send_all(text));
        peer.finish_sending();
    });
    Peer::Outcome outcome{};
    const std::string back = peer.receive_to_end(outcome);
    sender.join();
    CHECK(outcome == Peer::Outcome::end);
    CHECK(back.size() == text.size());
    CHECK(first_difference(back, 0) == std::string::npos);
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("odd clients cost one slot each and no more", "[echo]") {
    const std::string ports = ANY_PORTS();
    TestServer server(io_of(ports),
                      {{"echo", "echo", ""},
                       {"framed", "echo", R"("framing": {"type": "length_prefix", "bytes": 4})"}});

    SECTION("reset in the middle of a message") {
        for (int i = 0; i < 50; ++i) {
            Peer peer = server.connect("framed");
            REQUIRE(peer.send_all(prefix(1'000, 4, true) + "the first of a thousand bytes"));
            peer.abort();
        }
    }
    SECTION("reset with an echo under way") {
        for (int i = 0; i < 50; ++i) {
            Peer peer = server.connect("echo");
            REQUIRE(peer.send_all(pattern(0, 50'000)));
            peer.abort();
        }
    }
    SECTION("silence") {
        std::vector<Peer> silent;
        for (int i = 0; i < 100; ++i) {
            silent.push_back(server.connect("echo"));
        }
        CHECK(eventually([&] { return server.statistics().connections_open == 100; }));
        Peer peer = server.connect("echo");
        CHECK(echoes(peer, "served beside them"));
        peer.close();
        CHECK(eventually([&] { return server.statistics().connections_open == 100; }));
        CHECK(server.statistics().send_chunks_in_use == 0);
    }
    SECTION("hundreds of quick connects and closes") {
        const int count = on_windows ? 300 : 600;
        for (int i = 0; i < count; ++i) {
            Peer peer = server.connect(i % 2 == 0 ? "echo" : "framed");
            if (i % 3 == 0) {
                peer.abort();
            } else if (i % 3 == 1) {
                static_cast<void>(peer.send_all("x"));
            }
        }
        // The system may or may not report a client that has reset before its accept.
        CHECK(eventually([&] {
            return server.statistics().connections_accepted >=
                   static_cast<std::uint64_t>(count) * 2 / 3;
        }));
    }
    CHECK(server.comes_to_rest());
    Peer peer = server.connect("echo");
    CHECK(echoes(peer, "and service goes on"));
}

TEST_CASE("IPv6 and several addresses are served as well", "[echo]") {
    Server server;
    server.set_default_plugin_directory(test_plugin_directory());
    REQUIRE(server.configure_text(
        R"({"listeners": [{"listen": "[::1]:0", "plugin": "echo"}], "log": {"level": "off"}})",
        "."));
    REQUIRE(server.start());
    io::Address address;
    address.family = io::Address::Family::v6;
    address.bytes[15] = 1;
    address.port = server.endpoints().at(0).port;
    Peer peer;
    REQUIRE(peer.connect(address));
    CHECK(echoes(peer, "six"));
}
