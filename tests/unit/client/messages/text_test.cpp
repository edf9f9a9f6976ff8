// Reading durations, sizes and escapes, and printing foreign bytes safely.
#include <string>

#include "messages/text.hpp"
#include "support/catch.hpp"

using namespace portico::client;

TEST_CASE("durations are read in seconds, milliseconds and minutes") {
    CHECK(*parse_duration_ns("10") == 10'000'000'000);
    CHECK(*parse_duration_ns("10s") == 10'000'000'000);
    CHECK(*parse_duration_ns("500ms") == 500'000'000);
    CHECK(*parse_duration_ns("1m") == 60'000'000'000);
    CHECK(*parse_duration_ns("2.5s") == 2'500'000'000);
    CHECK(*parse_duration_ns("0.25") == 250'000'000);
    CHECK(*parse_duration_ns("1.50m") == 90'000'000'000);
    CHECK(*parse_duration_ns("0.00005m") == 3'000'000);
    CHECK(*parse_duration_ns("43200m") == *parse_duration_ns("2592000.000s"));
    for (const char* bad :
         {"", "0", "s", "ms", "-1", "1h", "10 s", "99999999999999999999", "31000000m", "0.0s",
          ".5s", "1.s", "1.5ms", "0.0005s", "1.2.3s", "1.-5s", "2592000.001s", "1.000000s"}) {
        INFO(bad);
        CHECK_FALSE(parse_duration_ns(bad));
    }
}

TEST_CASE("sizes are one number or a range, with K and M") {
    const auto check = [](const char* text, std::uint64_t min, std::uint64_t max) {
        auto range = parse_size_range(text);
        REQUIRE(range);
        CHECK(range->min == min);
        CHECK(range->max == max);
    };
    check("64", 64, 64);
    check("1-60000", 1, 60'000);
    check("1K-2M", 1'024, 2'097'152);
    check("1024M", 1'073'741'824, 1'073'741'824);
    for (const char* bad :
         {"", "-", "1-", "-1", "9-1", "1-2-3", "x", "1025M", "1G", "18446744073709551615K"}) {
        INFO(bad);
        CHECK_FALSE(parse_size_range(bad));
    }
}

TEST_CASE("escapes become their bytes, and a stray backslash is a mistake") {
    CHECK(*unescape("") == "");
    CHECK(*unescape("a\\n\\r\\t\\\\b") == "a\n\r\t\\b");
    CHECK(*unescape("\\x00\\xfF\\x41") == std::string("\0\xff\x41", 3));
    CHECK(*unescape("\\x411") == "A1");
    for (const char* bad : {"\\", "\\q", "\\x", "\\x4", "\\xg0", "a\\"}) {
        INFO(bad);
        CHECK_FALSE(unescape(bad));
    }
}

TEST_CASE("foreign bytes are printed so that they cannot command a terminal") {
    const auto shown = [](std::string_view text) { return printable(bytes_of(text)); };
    CHECK(shown("plain ~ text") == "plain ~ text");
    CHECK(shown("a\nb\rc\td") == "a\\nb\\rc\\td");
    CHECK(shown("\x1b[31m\x7f") == "\\x1b[31m\\x7f");
    CHECK(shown(std::string_view("\0", 1)) == "\\x00");
    CHECK(shown("Gr\xc3\xbc\xc3\x9f"
                "e \xe2\x82\xac \xf0\x9f\x98\x80") ==
          "Gr\xc3\xbc\xc3\x9f"
          "e \xe2\x82\xac \xf0\x9f\x98\x80");
    CHECK(shown("\xc2\x9b") == "\\xc2\\x9b");           // a C1 control character
    CHECK(shown("\xc0\xaf") == "\\xc0\\xaf");           // longer than need be
    CHECK(shown("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // half of a surrogate pair
    CHECK(shown("\xe2\x82") == "\\xe2\\x82");           // cut off
    CHECK(shown("\xff") == "\\xff");
}
