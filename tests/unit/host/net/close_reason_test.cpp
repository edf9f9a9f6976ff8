// The words and the names for the reasons of a close.
#include "net/close_reason.hpp"

#include <set>
#include <string>

#include "support/catch.hpp"

using namespace portico;

TEST_CASE("each reason of a close has its own words and its own name", "[net]") {
    std::set<std::string> words;
    std::set<std::string> names;
    constexpr int last = static_cast<int>(net::CloseReason::connect_timeout);
    for (int i = 0; i <= last; ++i) {
        words.insert(net::to_string(static_cast<net::CloseReason>(i)));
        names.insert(net::name_of(static_cast<net::CloseReason>(i)));
    }
    CHECK(words.size() == last + 1);
    CHECK(words.count("") == 0);
    CHECK(names.size() == last + 1);
    CHECK(names.count("unknown") == 0);
}
