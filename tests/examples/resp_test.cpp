// The RESP parser of examples/redis_like, with every way of cutting its input.
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "redis_like/resp.hpp"
#include "support/catch.hpp"

using namespace redis_like;

namespace {

using Words = std::vector<std::string>;

struct Parsed {
    std::vector<Words> commands;
    std::string error;
    std::size_t consumed = 0;
    bool operator==(const Parsed&) const = default;
};

// Takes all whole commands at the beginning of `bytes`; false after an error.
bool take(std::string_view bytes, Parsed& parsed) {
    Parser parser;
    for (;;) {
        switch (parser.parse(bytes.substr(parsed.consumed))) {
            case Parser::Result::incomplete: return true;
            case Parser::Result::wrong: parsed.error = parser.error(); return false;
            case Parser::Result::complete:
                parsed.commands.emplace_back(parser.words().begin(), parser.words().end());
                parsed.consumed += parser.size();
        }
    }
}

Parsed whole(std::string_view bytes) {
    Parsed parsed;
    (void)take(bytes, parsed);
    return parsed;
}

// As a connection offers it: more and more bytes come, and only unconsumed ones are looked at.
Parsed in_pieces(std::string_view bytes, const std::vector<std::size_t>& ends) {
    Parsed parsed;
    for (const std::size_t end : ends) {
        if (!take(bytes.substr(0, end), parsed)) {
            break;
        }
    }
    return parsed;
}

const std::string pipeline =
    "*1\r\n$4\r\nPING\r\n"
    "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$7\r\n*1\r\n$1\r\r\n"
    "*0\r\n"
    "\r\n"
    "GET key\r\n"
    "set \"a b\" 'c d'\n"
    "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"
    "*-1\r\n"
    "ping\n";

}  // namespace

TEST_CASE("commands come as arrays and as lines") {
    const Parsed parsed = whole(pipeline);
    CHECK(parsed.error.empty());
    CHECK(parsed.consumed == pipeline.size());
    CHECK(parsed.commands == std::vector<Words>{{"PING"},
                                                {"SET", "key", "*1\r\n$1\r"},
                                                {},
                                                {},
                                                {"GET", "key"},
                                                {"set", "a b", "c d"},
                                                {"ECHO", ""},
                                                {},
                                                {"ping"}});
}

TEST_CASE("it does not matter where the bytes are cut") {
    const Parsed expected = whole(pipeline);
    for (std::size_t first = 0; first <= pipeline.size(); ++first) {
        for (std::size_t second = first; second <= pipeline.size(); ++second) {
            const Parsed parsed = in_pieces(pipeline, {first, second, pipeline.size()});
            if (parsed != expected) {
                FAIL("cut at " << first << " and " << second);
            }
        }
    }
    std::vector<std::size_t> each;
    for (std::size_t i = 1; i <= pipeline.size(); ++i) {
        each.push_back(i);
    }
    CHECK(in_pieces(pipeline, each) == expected);
}

TEST_CASE("foreign bytes never take the parser out of its input, and cuts do not change its mind") {
    std::mt19937 random(7);
    const std::string alphabet = "*$0123456789-\r\n\r\n\"'\\x aPING";
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes;
        for (std::size_t left = random() % 40; left > 0; --left) {
            bytes += alphabet[random() % alphabet.size()];
        }
        const Parsed expected = whole(bytes);
        REQUIRE(expected.consumed <= bytes.size());
        const std::size_t cut = bytes.empty() ? 0 : random() % bytes.size();
        Parsed parsed = in_pieces(bytes, {cut, bytes.size()});
        // An error may be seen before all bytes are there.
        REQUIRE(parsed.commands == expected.commands);
        REQUIRE(parsed.error == expected.error);
    }
}

TEST_CASE("what is wrong has Redis's words") {
    CHECK(whole("*a\r\n").error == "invalid multibulk length");
    CHECK(whole("*1048577\r\n").error == "invalid multibulk length");
    CHECK(whole("*1\r\nPING\r\n").error == "expected '$', got 'P'");
    CHECK(whole("*1\r\n$x\r\n").error == "invalid bulk length");
    CHECK(whole("*1\r\n$-1\r\n").error == "invalid bulk length");
    CHECK(whole("set \"a b\r\n").error == "unbalanced quotes in request");
    CHECK(whole("set \"a\"b c\r\n").error == "unbalanced quotes in request");
    CHECK(whole(std::string(70'000, 'x')).error == "too big inline request");
    CHECK(whole("*" + std::string(70'000, '1')).error == "too big mbulk count string");
    CHECK(whole("*1\r\n$" + std::string(70'000, '1')).error == "too big bulk count string");
}

TEST_CASE("quotes and escapes of inline commands") {
    CHECK(whole("echo \"a\\n\\x41\\\"\" 'it\\'s \\n'\n").commands ==
          std::vector<Words>{{"echo", "a\nA\"", "it's \\n"}});
    CHECK(whole("echo a\"b c\"\n").commands == std::vector<Words>{{"echo", "ab c"}});
}

TEST_CASE("integers are strict") {
    std::int64_t value = 0;
    CHECK(parse_integer("0", value));
    CHECK(parse_integer("-9223372036854775808", value));
    CHECK(value == INT64_MIN);
    for (const char* wrong :
         {"", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "9223372036854775808"}) {
        CHECK_FALSE(parse_integer(wrong, value));
    }
}
