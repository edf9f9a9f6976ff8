// The order in which the addresses of a name are tried.
#include "net/connector.hpp"

#include <string>

#include "support/catch.hpp"

using namespace portico;

namespace {

// "4a 6b" stands for an IPv4 address and an IPv6 one.
std::vector<io::Address> addresses(const std::string& text) {
    std::vector<io::Address> made;
    for (std::size_t at = 0; at < text.size(); at += 3) {
        io::Address address;
        address.family = text[at] == '4' ? io::Address::Family::v4 : io::Address::Family::v6;
        address.port = static_cast<std::uint16_t>(text[at + 1]);
        made.push_back(address);
    }
    return made;
}

std::string in_turns(const std::string& text) {
    std::string ordered;
    for (const io::Address& address : net::Connector::take_turns(addresses(text))) {
        ordered += ordered.empty() ? "" : " ";
        ordered += address.family == io::Address::Family::v4 ? '4' : '6';
        ordered += static_cast<char>(address.port);
    }
    return ordered;
}

}  // namespace

TEST_CASE("the families of a name's addresses take turns, and each keeps its order",
          "[net][connect]") {
    CHECK(in_turns("4a") == "4a");
    CHECK(in_turns("4a 4b 4c") == "4a 4b 4c");
    CHECK(in_turns("6a 6b 6c 4d 4e") == "6a 4d 6b 4e 6c");
    CHECK(in_turns("6a 4b 4c 4d") == "6a 4b 4c 4d");
    CHECK(in_turns("4a 6b 6c 6d 4e") == "4a 6b 4e 6c 6d");
}
