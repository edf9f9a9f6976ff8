// The client's framings: parsing them, and finding frames in a stream.
#include <string>
#include <vector>

#include "messages/framing.hpp"
#include "messages/text.hpp"
#include "support/catch.hpp"

using namespace portico::client;

namespace {

// The frames found in `stream` if it comes in pieces of `piece` bytes.
std::vector<std::string> frames_of(const Framing& framing, const std::string& stream,
                                   std::size_t piece) {
    std::vector<std::string> frames(1);
    FrameScanner scanner;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
        std::string_view rest = std::string_view(stream).substr(at, piece);
        while (!rest.empty()) {
            const FrameScanner::Piece found = scanner.scan(framing, bytes_of(rest));
            REQUIRE(found.size > 0);
            frames.back() += rest.substr(0, found.size);
            rest.remove_prefix(found.size);
            if (found.complete) {
                frames.emplace_back();
            }
        }
    }
    return frames;  // the last one is incomplete
}

void check_frames(const char* framing_text, const std::vector<std::string>& frames,
                  const std::string& rest = {}) {
    auto framing = parse_framing(framing_text);
    REQUIRE(framing);
    std::string stream;
    for (const std::string& frame : frames) {
        stream += frame;
    }
    std::vector<std::string> expected = frames;
    expected.push_back(rest);
    stream += rest;
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        INFO(framing_text << " in pieces of " << piece);
        CHECK(frames_of(*framing, stream, piece) == expected);
    }
}

}  // namespace

TEST_CASE("framing is read from its text") {
    CHECK(parse_framing("none")->type == Framing::Type::none);
    CHECK(parse_framing("delimiter")->delimiter == "\n");
    CHECK(parse_framing("delimiter:\\r\\n")->delimiter == "\r\n");
    CHECK(parse_framing("delimiter::")->delimiter == ":");
    CHECK(parse_framing("length_prefix:4")->order == Framing::ByteOrder::big);
    CHECK(parse_framing("length_prefix:2:little")->order == Framing::ByteOrder::little);
    CHECK(parse_framing("length_prefix:2:little")->prefix_bytes == 2);
    CHECK(parse_framing("length_prefix:1")->payload_max() == 255);
    CHECK(parse_framing("length_prefix:4:big")->payload_max() == 0xffffffff);
    CHECK(parse_framing("fixed:64")->type == Framing::Type::fixed);
    CHECK(parse_framing("fixed:4K")->payload_min() == 4'096);
    CHECK(parse_framing("fixed:4K")->payload_max() == 4'096);
    for (const char* bad :
         {"fixed", "fixed:", "fixed:0", "fixed:1-2", "fixed:2000M", "", "lines",
          "delimiter:", "delimiter:\\q", "delimiter:12345678901234567", "length_prefix",
          "length_prefix:", "length_prefix:3", "length_prefix:4:middle", "length_prefix:44"}) {
        INFO(bad);
        CHECK_FALSE(parse_framing(bad));
    }
}

TEST_CASE("delimited frames are found however the stream is cut") {
    check_frames("delimiter", {"one\n", "\n", "three\n"}, "rest");
    check_frames("delimiter:\\r\\n", {"one\r\n", "a\rb\nc\r\r\n", "\r\n"}, "\r");
    check_frames("delimiter:aab", {"aaab", "xaab", "aab", "abaab"}, "aa");
    check_frames("delimiter:abac", {"ababac", "abac", "aababababac"}, "aba");
}

TEST_CASE("frames of one size are found however the stream is cut") {
    check_frames("fixed:1", {"a", "b", "c"});
    check_frames("fixed:3", {"abc", "\n\n\n", "def"}, "gh");
}

TEST_CASE("frames with a length are found however the stream is cut") {
    using namespace std::string_literals;
    check_frames("length_prefix:1",
                 {"\x03"
                  "abc",
                  "\0"s,
                  "\x01"
                  "x"},
                 "\x05"
                 "ab");
    check_frames("length_prefix:2:big",
                 {"\x00\x02"
                  "ab"s,
                  "\x01\x00"s + std::string(256, 'y'), "\0\0"s},
                 "\0"s);
    check_frames("length_prefix:4:little",
                 {"\x02\0\0\0"
                  "ab"s,
                  "\0\0\0\0"s,
                  "\x03\0\0\0"
                  "abc"s},
                 "\x01\0\0"s);
}
