// Addresses: reading, writing and resolving them.
#include "io/address.hpp"

#include <algorithm>

#include "support/catch.hpp"

using namespace portico::io;

namespace {

Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint16_t port) {
    Address address;
    address.family = Address::Family::v4;
    address.bytes = {a, b, c, d};
    address.port = port;
    return address;
}

}  // namespace

TEST_CASE("an address is written as people write it", "[io][address]") {
    CHECK(to_string(Address{}) == "-");
    CHECK(to_string(v4(192, 0, 2, 1, 5000)) == "192.0.2.1:5000");
    CHECK(to_string(v4(0, 0, 0, 0, 0)) == "0.0.0.0:0");
    CHECK(to_string(v4(255, 255, 255, 255, 65'535)) == "255.255.255.255:65535");
    Address v6;
    v6.family = Address::Family::v6;
    v6.port = 80;
    CHECK(to_string(v6) == "[::]:80");
    v6.bytes[15] = 1;
    CHECK(to_string(v6) == "[::1]:80");
    v6.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff};
    CHECK(to_string(v6) == "[2001:db8::ff]:80");
    v6.scope_id = 3;
    CHECK(to_string(v6) == "[2001:db8::ff%3]:80");
}

TEST_CASE("a host and a port are told apart", "[io][address]") {
    struct Case {
        const char* text;
        const char* host;
        std::uint16_t port;
    };
    for (const Case& each : {
             Case{"127.0.0.1:5000", "127.0.0.1", 5000},
             Case{"[::1]:5000", "::1", 5000},
             Case{"[2001:db8::1]:1", "2001:db8::1", 1},
             Case{"localhost:5000", "localhost", 5000},
             Case{"some-host.example:65535", "some-host.example", 65'535},
             Case{"5000", "", 5000},
             Case{"0", "", 0},
             Case{"127.0.0.1:0", "127.0.0.1", 0},
         }) {
        CAPTURE(each.text);
        auto parsed = parse_host_port(each.text);
        INFO(parsed.error());
        REQUIRE(parsed);
        CHECK(parsed->host == each.host);
        CHECK(parsed->port == each.port);
    }
}

TEST_CASE("what is not a host and a port is refused with the text in the reason", "[io][address]") {
    for (const std::string text : {"",
                                   ":",
                                   ":5000",
                                   "localhost",
                                   "localhost:",
                                   "127.0.0.1",
                                   "127.0.0.1:65536",
                                   "127.0.0.1:-1",
                                   "127.0.0.1:+1",
                                   "127.0.0.1:5000 ",
                                   " 5000",
                                   "127.0.0.1:50x",
                                   "127.0.0.1:99999999999999999999",
                                   "4294967296",
                                   "::1",
                                   "::1:5000",
                                   "[::1]",
                                   "[::1]5000",
                                   "[::1]:",
                                   "[::1:5000",
                                   "[]:5000",
                                   "[::1]:65536",
                                   "0x10",
                                   "1e3"}) {
        CAPTURE(text);
        const auto parsed = parse_host_port(text);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error().find("\"" + text + "\"") == 0);
        CHECK(parsed.error().find("expected") != std::string::npos);
    }
}

// On Windows the system's resolver must be started, even for literal addresses. Opening a socket
// does that for the process.
TEST_CASE("literal addresses resolve to themselves", "[io][address]") {
    auto v4_found = resolve("192.0.2.7", 99);
    INFO(v4_found.error());
    REQUIRE(v4_found);
    REQUIRE(v4_found->size() == 1);
    CHECK((*v4_found)[0] == v4(192, 0, 2, 7, 99));

    auto v6_found = resolve("2001:db8::5", 98);
    REQUIRE(v6_found);
    REQUIRE(v6_found->size() == 1);
    CHECK(to_string((*v6_found)[0]) == "[2001:db8::5]:98");
}

TEST_CASE("a literal address is told from everything else", "[io][address]") {
    CHECK(parse_address("192.0.2.7") == v4(192, 0, 2, 7, 0));
    REQUIRE(parse_address("2001:db8::5"));
    CHECK(to_string(*parse_address("2001:db8::5")) == "[2001:db8::5]:0");
    using namespace std::string_literals;
    for (const std::string& text : {""s, "localhost"s, "127.0.0.1:5"s, "[::1]"s, "127.0.0.1 "s,
                                    "127.0.0.256"s, "127.0.0.1\0x"s}) {
        CAPTURE(text);
        CHECK_FALSE(parse_address(text));
    }
}

TEST_CASE("no host is the loopback", "[io][address]") {
    auto found = resolve("", 5);
    REQUIRE(found);
    REQUIRE(found->size() == 1);
    CHECK((*found)[0] == v4(127, 0, 0, 1, 5));
}

TEST_CASE("a name resolves to all its addresses, each once", "[io][address]") {
    auto found = resolve("localhost", 6);
    INFO(found.error());
    REQUIRE(found);
    REQUIRE_FALSE(found->empty());
    for (auto at = found->begin(); at != found->end(); ++at) {
        CHECK(at->port == 6);
        CHECK(std::count(found->begin(), found->end(), *at) == 1);
    }
}

TEST_CASE("a name that cannot be is refused with the name in the reason", "[io][address]") {
    const auto found = resolve("no such host!", 1);
    REQUIRE_FALSE(found);
    CHECK(found.error().find("no such host!") != std::string::npos);
}
