// Result: a value, or the reason why there is none.
#include "base/result.hpp"

#include <memory>
#include <string>

#include "support/catch.hpp"

using namespace portico::base;

TEST_CASE("a Result holds a value or the reason", "[base][result]") {
    Result<std::string> value(std::string("here"));
    REQUIRE(value);
    CHECK(*value == "here");
    CHECK(value->size() == 4);
    CHECK(value.error().empty());
    *value += "!";
    CHECK(*value == "here!");

    const Result<std::string> failure(Failure{"not there"});
    CHECK_FALSE(failure);
    CHECK(failure.error() == "not there");
    CHECK(failure.kind() == 0);
    const Result<std::string> of_a_kind(Failure{"not there", 3});
    CHECK(of_a_kind.kind() == 3);
    CHECK(value.kind() == 0);
}

TEST_CASE("a Result gives up a value that can only be moved", "[base][result]") {
    Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
    const std::unique_ptr<int> taken = *std::move(result);
    CHECK(*taken == 7);
}

TEST_CASE("a Result of nothing is success until it fails", "[base][result]") {
    const Result<void> success;
    CHECK(success);
    CHECK(success.error().empty());
    // It is a failure even if its reason is empty.
    const Result<void> silent(Failure{""});
    CHECK_FALSE(silent);
    const Result<void> failure(Failure{"why"});
    CHECK_FALSE(failure);
    CHECK(failure.error() == "why");
    const Result<void> of_a_kind(Failure{"why", 3});
    CHECK_FALSE(of_a_kind);
    CHECK(of_a_kind.kind() == 3);
    CHECK(success.kind() == 0);
}
