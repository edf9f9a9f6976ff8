// What echo and ack print. The tests read the text before it goes to standard output.
#include <cstdint>
#include <string>
#include <string_view>

#include "support/catch.hpp"

extern "C" {
#include "common/print.h"
}

namespace {

std::string line_of(std::string_view message) {
    char line[PRINT_LINE_MAX];
    const std::size_t size = print_line(
        line, 3, reinterpret_cast<const std::uint8_t*>(message.data()), message.size());
    REQUIRE(size <= sizeof line);
    return std::string(line, size);
}

const std::string head = "Thread 4: The following message was received: ";

}  // namespace

TEST_CASE("A message is printed as the article's server prints it") {
    CHECK(line_of("Hello, world") == head + "Hello, world\n");
    CHECK(line_of("") == head + "\n");
}

TEST_CASE("Letters of every script are printed as they are") {
    CHECK(line_of("Grüße, 世界 😀") == head + "Grüße, 世界 😀\n");
}

TEST_CASE("Bytes that would move the cursor, or are not text, are escaped") {
    CHECK(line_of(std::string_view("a\0b\r\n\t\x1b[2J\x7f", 11)) ==
          head + "a\\x00b\\x0D\\x0A\\x09\\x1B[2J\\x7F\n");
    CHECK(line_of("\xFF\xC0\x80") == head + "\\xFF\\xC0\\x80\n");
    // C1: another way to write ESC [
    CHECK(line_of("\xC2\x9B") == head + "\\xC2\\x9B\n");
    // turns the rest of the line around
    CHECK(line_of("\xE2\x80\xAE") == head + "\\xE2\\x80\\xAE\n");
    // half a surrogate pair
    CHECK(line_of("\xED\xA0\x80") == head + "\\xED\\xA0\\x80\n");
    // longer than it needs to be
    CHECK(line_of("\xE0\x80\x80") == head + "\\xE0\\x80\\x80\n");
    // past the last character
    CHECK(line_of("\xF4\x90\x80\x80") == head + "\\xF4\\x90\\x80\\x80\n");
    CHECK(line_of("\xE4\xB8") == head + "\\xE4\\xB8\n");  // cut off
    // cut off by the next one
    CHECK(line_of("\xE4"
                  "A") == head +
                              "\\xE4"
                              "A\n");
}

TEST_CASE("A long message is cut at 256 bytes, and the line says how long it is") {
    const auto cut = [](const std::string& kept, std::size_t size) {
        return head + kept + "... (" + std::to_string(size) + " bytes in all)\n";
    };
    CHECK(line_of(std::string(256, 'x')) == head + std::string(256, 'x') + "\n");
    CHECK(line_of(std::string(257, 'x')) == cut(std::string(256, 'x'), 257));
    CHECK(line_of(std::string(10'000, 'x')) == cut(std::string(256, 'x'), 10'000));
    // The longest line there is.
    std::string escaped;
    for (int i = 0; i < 256; ++i) {
        escaped += "\\x01";
    }
    CHECK(line_of(std::string(100'000'000, '\x01')) == cut(escaped, 100'000'000));
    // A character is never cut in two.
    std::string letters = "x";
    while (letters.size() < 1'001) {
        letters += "ü";
    }
    CHECK(line_of(letters) == cut(letters.substr(0, 255), 1'001));
}

TEST_CASE("Threads are numbered from 1, however many there are") {
    char line[PRINT_LINE_MAX];
    const std::size_t size = print_line(line, UINT32_MAX, nullptr, 0);
    CHECK(std::string(line, size) == "Thread 4294967296: The following message was received: \n");
}
