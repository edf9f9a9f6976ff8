// The article's interactive client, driven by a scripted person.
#include <deque>
#include <sstream>
#include <string>

#include "cli/interactive.hpp"
#include "messages/text.hpp"
#include "support/catch.hpp"

using namespace portico::client;

namespace {

struct Person {
    std::deque<std::string> lines;
    std::ostringstream sees;

    std::optional<Answers> is_asked() {
        return ask(
            [this](std::string& line) {
                if (lines.empty()) {
                    return false;
                }
                line = lines.front();
                lines.pop_front();
                return true;
            },
            sees);
    }
};

}  // namespace

TEST_CASE("the three questions are asked in the article's order") {
    Person person{{"Hello there", "3", "10"}, {}};
    const auto answers = person.is_asked();
    REQUIRE(answers);
    CHECK(answers->message == "Hello there");
    CHECK(answers->threads == 3);
    CHECK(answers->sends == 10);
    CHECK(person.sees.str() ==
          "Enter the message: Enter the number of threads: Enter the number of times each thread "
          "sends: ");
}

TEST_CASE("a bad number is explained and asked for again") {
    Person person{{"", "many", "0", "10001", "-1", " 2 ", "", "2\r"}, {}};
    const auto answers = person.is_asked();
    REQUIRE(answers);
    CHECK(answers->message.empty());
    CHECK(answers->threads == 2);
    CHECK(answers->sends == 2);
    CHECK(person.sees.str().find("Please enter a number from 1 to 10000.\n") != std::string::npos);
}

TEST_CASE("the end of the input is not an answer") {
    CHECK_FALSE(Person{{}, {}}.is_asked());
    CHECK_FALSE(Person{{"text"}, {}}.is_asked());
    CHECK_FALSE(Person{{"text", "x", "2"}, {}}.is_asked());
}

TEST_CASE("nobody goes on to print what cannot be written") {
    std::ostringstream out;
    ReplyPrinter printer(1, {}, out);
    printer.reply(1, bytes_of("fine"), true);
    out.setstate(std::ios::badbit);
    CHECK_THROWS_AS(printer.reply(1, bytes_of("in vain"), true), OutputEnded);
}

TEST_CASE("replies are printed whole, safe and without their framing") {
    std::ostringstream out;
    ReplyPrinter plain(2, {}, out);
    plain.reply(1, bytes_of("1. Thread 1 - "), false);
    plain.reply(2, bytes_of("other"), true);
    plain.reply(1, bytes_of("Hi\x1b"), true);
    ReplyPrinter lines(1, *parse_framing("delimiter"), out);
    lines.reply(1, bytes_of("line\n"), true);
    ReplyPrinter prefixed(1, *parse_framing("length_prefix:1"), out);
    prefixed.reply(1, bytes_of("\x02ok"), true);
    CHECK(out.str() ==
          "Server sent the following message: other\n"
          "Server sent the following message: 1. Thread 1 - Hi\\x1b\n"
          "Server sent the following message: line\n"
          "Server sent the following message: ok\n");
}
