// The scripts of `host verify`: texts, framing, patterns, and what is said of mistakes.
#include "verify/script.hpp"

#include "support/catch.hpp"

using namespace portico::verify;

namespace {

Script parsed(const std::string& json) {
    portico::base::Result<Script> script = parse_script(json);
    INFO(script.error());
    REQUIRE(script);
    return *script;
}

std::string mistake(const std::string& json) {
    return parse_script(json).error();
}

}  // namespace

TEST_CASE("a verification's script frames its texts and keeps its pauses", "[verify]") {
    const Script script = parsed(R"({ "framing": "delimiter:\\r\\n", "steps": [
        { "expect_pattern": "220 *" }, { "send": "HELO \\{connection}" }, { "send": "A\\x00" },
        { "pause": "100ms" }, { "send": "QUIT" }, { "close": "finish" }, { "send": "never" } ] })");
    const std::vector<Burst> bursts = bursts_of(script);
    REQUIRE(bursts.size() == 2);
    CHECK(bursts[0].bytes == std::string("HELO 1\r\nA\0\r\n", 12));
    CHECK(bursts[0].pause_ns == 0);
    CHECK(bursts[1].bytes == "QUIT\r\n");
    CHECK(bursts[1].pause_ns == 100'000'000);
    CHECK(send_ends_of(script) == std::vector<std::size_t>{8, 12, 18});
}

TEST_CASE("a length prefix stands before each text", "[verify]") {
    const Script script = parsed(
        R"({ "framing": "length_prefix:2", "steps": [ { "send": "abc" } ] })");
    CHECK(script.steps[0].text == std::string("\0\3abc", 5));
    const std::string_view reply("\0\2hixyz", 7);
    CHECK(first_reply(script.reply_framing, reply) == reply.substr(0, 4));
    CHECK(payload_of(script.reply_framing, reply.substr(0, 4)) == "hi");
    CHECK(first_reply(script.reply_framing, reply.substr(0, 3)).empty());
}

TEST_CASE("a mistake in a script is named with its place", "[verify]") {
    CHECK(mistake("[]").find("expected an object with \"steps\"") != std::string::npos);
    CHECK(mistake(R"({ "steps": [ { "sned": "x" } ] })").find("steps[0]") == 0);
    CHECK(mistake(R"({ "steps": [ { "send": "\\q" } ] })").find("steps[0].send") == 0);
    CHECK(mistake(R"({ "steps": [ { "pause": "soon" } ] })").find("soon") != std::string::npos);
    CHECK(mistake(R"({ "steps": [ { "expect_pattern": "*" } ] })").find("reply_framing") !=
          std::string::npos);
    CHECK(mistake(R"({ "framing": "lines", "steps": [ { "send": "x" } ] })").find("framing") == 0);
}

TEST_CASE("a pattern's stars and question marks", "[verify]") {
    CHECK(fits("220 ready", "220 *"));
    CHECK(fits("", "*"));
    CHECK(fits("abc", "a?c"));
    CHECK(fits("a*c", "a*c"));
    CHECK(fits("aXbXc", "*X*c"));
    CHECK_FALSE(fits("220", "220 *"));
    CHECK_FALSE(fits("abcd", "a?c"));
    CHECK_FALSE(fits("x", ""));
}
