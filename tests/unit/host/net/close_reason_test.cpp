// The words for the reasons of a close, for persons and for programs.
#include "net/close_reason.hpp"

#include <set>
#include <string>

#include "support/catch.hpp"

using namespace portico;

TEST_CASE("each reason of a close has its own words", "[net]") {
    std::set<std::string> words;
    std::set<std::string> names;
    for (std::size_t i = 0; i < net::close_reasons; ++i) {
        words.insert(net::to_string(static_cast<net::CloseReason>(i)));
        names.insert(net::name_of(static_cast<net::CloseReason>(i)));
    }
    CHECK(words.size() == net::close_reasons);
    CHECK(words.count("") + words.count("unknown") == 0);
    CHECK(names.size() == net::close_reasons);
    CHECK(names.count("") + names.count("unknown") == 0);
    static_assert(static_cast<std::size_t>(net::CloseReason::connect_timeout) + 1 ==
                  net::close_reasons);
    CHECK(net::name_of(net::CloseReason::drain_deadline) == std::string("drain_deadline"));
}
