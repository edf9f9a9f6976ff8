// The text of a message (examples/smtp_sink): stuffed dots and the end, with every way of cutting
// the input.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" {
#include "smtp_sink/text.h"
}
#include "support/catch.hpp"

namespace {

// CRC-32 by bits, as its definition has it.
std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = ~0U;
    for (const char c : bytes) {
        crc ^= static_cast<std::uint8_t>(c);
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
        }
    }
    return ~crc;
}

struct Reader {
    text state{};
    std::size_t used = 0;
    int has_ended = 0;

    Reader() { begin_text(&state); }
    void read(std::string_view bytes) {
        if (has_ended == 0) {
            used += read_text(&state, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                              bytes.size(), &has_ended);
        }
    }
    bool has(std::string_view expected) const {
        return state.bytes == expected.size() && state.crc == crc32(expected);
    }
};

struct Case {
    const char* what;
    std::string_view sent;  // after it, ".\r\n" and the next command follow
    std::string_view text;
    std::uint64_t lines;
};

const Case cases[] = {
    {"nothing", "", "", 0},
    {"a line", "hello\r\n", "hello\r\n", 1},
    {"empty lines", "\r\n\r\n", "\r\n\r\n", 2},
    {"a stuffed dot alone", "..\r\n", ".\r\n", 1},
    {"stuffed dots", "..a\r\n...\r\nb..\r\n", ".a\r\n..\r\nb..\r\n", 3},
    {"a dot that was not stuffed", ".a\r\n", "a\r\n", 1},
    {"a dot and a bare CR", ".\ra\r\n", "\ra\r\n", 1},
    {"a dot and two CR", ".\r\r\n", "\r\r\n", 1},
    {"bare LF: no end", "a\n.\nb\r\n", "a\n.\nb\r\n", 1},
    {"bare LF before the dot", "a\n.\r\nb\r\n", "a\n.\r\nb\r\n", 2},
    {"bare LF after the dot", "a\r\n.\nb\r\n", "a\r\n\nb\r\n", 2},
    {"bare CR: no end", "a\r.\rb\r\n", "a\r.\rb\r\n", 1},
    {"bare CR before the dot", "a\r.\r\nb\r\n", "a\r.\r\nb\r\n", 2},
    {"CR CR LF", "a\r\r\n..\r\n", "a\r\r\n.\r\n", 2},
    {"LF CR", "a\n\r.\r\n", "a\n\r.\r\n", 1},
    {"a zero byte and 8 bits", {"\0\xff\r\n", 4}, {"\0\xff\r\n", 4}, 1},
};

}  // namespace

TEST_CASE("a message's text ends with its own line, however it is cut") {
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const std::string all = std::string(one.sent) + ".\r\nQUIT\r\n.\r\n";
        const std::size_t size = one.sent.size() + 3;
        for (std::size_t first = 0; first <= size; ++first) {
            for (std::size_t second = first; second <= size; ++second) {
                Reader reader;
                const std::string_view rest(all);
                reader.read(rest.substr(0, first));
                reader.read(rest.substr(first, second - first));
                CAPTURE(first, second);
                REQUIRE((reader.has_ended != 0) == (first == size || second == size));
                reader.read(rest.substr(second));
                REQUIRE(reader.has_ended == 1);
                REQUIRE(reader.used == size);
                REQUIRE(reader.has(one.text));
                REQUIRE(reader.state.lines == one.lines);
            }
        }
        Reader by_bytes;
        for (const char& byte : all) {
            by_bytes.read({&byte, 1});
        }
        REQUIRE(by_bytes.used == size);
        REQUIRE(by_bytes.has(one.text));
    }
}

TEST_CASE("all short texts are read as a search for the end reads them") {
    constexpr std::string_view letters = ".\r\na";
    constexpr int length = 8;
    for (int number = 0; number < 1 << (2 * length); ++number) {
        std::string sent;
        for (int i = 0; i < length; ++i) {
            sent += letters[static_cast<std::size_t>(number >> (2 * i)) & 3];
        }
        // What RFC 5321 says, on the whole: the text ends at CR LF . CR LF, and a dot that begins a
        // line is removed.
        const std::string framed = "\r\n" + sent;
        const std::size_t end = framed.find("\r\n.\r\n");
        std::string text = framed.substr(0, end == std::string::npos ? end : end + 2);
        for (std::size_t at = 0; (at = text.find("\r\n.", at)) != std::string::npos; at += 2) {
            text.erase(at + 2, 1);
        }
        Reader reader;
        reader.read(sent);
        CAPTURE(sent);
        REQUIRE((reader.has_ended != 0) == (end != std::string::npos));
        if (reader.has_ended != 0) {
            REQUIRE(reader.used == end + 3);
            REQUIRE(reader.has(text.substr(2)));
        }
    }
}
