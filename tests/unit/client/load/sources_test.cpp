// The source addresses that connections are made from.
#include "load/sources.hpp"

#include <string>

#include "support/catch.hpp"

using namespace portico;
using namespace portico::client;

namespace {

std::string written(std::string_view text) {
    auto sources = parse_sources(text);
    if (!sources) {
        return "refused: " + sources.error();
    }
    std::string out;
    for (const io::Address& source : *sources) {
        out += (out.empty() ? "" : " ") + io::to_string(source);
    }
    return out;
}

void refused(std::string_view text, std::string_view says) {
    const std::string result = written(text);
    CAPTURE(result);
    CHECK(result.starts_with("refused: "));
    CHECK(result.find(says) != std::string::npos);
}

}  // namespace

TEST_CASE("sources are addresses, ranges and lists of them") {
    CHECK(written("127.0.0.2") == "127.0.0.2:0");
    CHECK(written("127.0.0.2,10.0.0.1") == "127.0.0.2:0 10.0.0.1:0");
    CHECK(written("10.0.0.254-10.0.1.1") == "10.0.0.254:0 10.0.0.255:0 10.0.1.0:0 10.0.1.1:0");
    CHECK(written("10.0.0.1-10.0.0.1") == "10.0.0.1:0");
    CHECK(written("10.0.0.9,10.0.0.1-10.0.0.2") == "10.0.0.9:0 10.0.0.1:0 10.0.0.2:0");
    CHECK(written("::1,2001:db8::ffff-2001:db8::1:1") ==
          "[::1]:0 [2001:db8::ffff]:0 [2001:db8::1:0]:0 [2001:db8::1:1]:0");
    CHECK(written("255.255.255.254-255.255.255.255") == "255.255.255.254:0 255.255.255.255:0");
    CHECK(parse_sources("10.0.0.0-10.0.255.255")->size() == sources_max);
}

TEST_CASE("what is no list of sources is refused with a reason") {
    refused("", "not an address");
    refused("localhost", "\"localhost\"");
    refused("127.0.0.1,", "not an address");
    refused("127.0.0.1:80", "literal");
    refused("127.0.0.1-", "not an address");
    refused("127.0.0.9-127.0.0.1", "before the first");
    refused("127.0.0.1,::1", "mixed");
    refused("127.0.0.1-::1", "mixed");
    refused("10.0.0.0-10.1.0.0", "65536");
    refused("::-ffff::", "65536");
}

TEST_CASE("a server's addresses are those of the sources' family, and sources are this machine's") {
    const io::Address v4 = *io::parse_address("127.0.0.1");
    const io::Address v6 = *io::parse_address("::1");
    const auto both = reachable_from({v4}, {v6, v4});
    REQUIRE(both);
    const auto none = reachable_from({v4}, {v6});
    CHECK(none.error().find("IPv4") != std::string::npos);
    CHECK(none.error().find("[::1]") != std::string::npos);
    const auto foreign = reachable_from({v4, *io::parse_address("192.0.2.1")}, {v4});
    CHECK(foreign.error().find("192.0.2.1") != std::string::npos);
}
