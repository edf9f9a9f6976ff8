// The header of the PROXY protocol, byte for byte as its specification says.
#include "net/proxy_header.hpp"

#include <string>

#include "support/catch.hpp"

using namespace portico;
using config::SendProxy;

namespace {

io::Address address(const std::string& host, std::uint16_t port) {
    io::Address made = io::parse_address(host).value();
    made.port = port;
    return made;
}

std::string header(SendProxy version, const io::Address& source, const io::Address& destination) {
    std::string text;
    for (const std::byte byte : net::proxy_header(version, source, destination)) {
        text += static_cast<char>(byte);
    }
    return text;
}

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

}  // namespace

TEST_CASE("version 1 of the PROXY header is a line of text", "[net][proxy]") {
    CHECK(header(SendProxy::v1, address("192.0.2.1", 40'000), address("198.51.100.7", 443)) ==
          "PROXY TCP4 192.0.2.1 198.51.100.7 40000 443\r\n");
    CHECK(header(SendProxy::v1, address("2001:db8::1", 1), address("::1", 65'535)) ==
          "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n");
}

TEST_CASE("version 2 of the PROXY header is binary", "[net][proxy]") {
    const std::string four = header(SendProxy::v2, address("192.0.2.1", 0x1234),
                                    address("198.51.100.7", 443));
    REQUIRE(four.size() == 16 + 12);
    CHECK(four.substr(0, 16) == signature + std::string("\x21\x11\x00\x0C", 4));
    CHECK(four.substr(16) == std::string("\xC0\x00\x02\x01\xC6\x33\x64\x07\x12\x34\x01\xBB", 12));
    const std::string six = header(SendProxy::v2, address("2001:db8::1", 0x1234),
                                   address("::1", 443));
    REQUIRE(six.size() == 16 + 36);
    CHECK(six.substr(0, 20) == signature + std::string("\x21\x21\x00\x24\x20\x01\x0D\xB8", 8));
    CHECK(six.substr(16 + 31) == std::string("\x01\x12\x34\x01\xBB", 5));
}

TEST_CASE("a PROXY header without a client says so", "[net][proxy]") {
    const io::Address four = address("192.0.2.1", 1);
    const io::Address six = address("::1", 1);
    for (const auto& [source, destination] :
         {std::pair(io::Address{}, io::Address{}), std::pair(four, six), std::pair(six, four)}) {
        CHECK(header(SendProxy::v1, source, destination) == "PROXY UNKNOWN\r\n");
        CHECK(header(SendProxy::v2, source, destination) ==
              signature + std::string("\x20\x00\x00\x00", 4));
    }
}
