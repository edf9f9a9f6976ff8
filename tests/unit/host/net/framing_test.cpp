// The host's framings: finding messages in a stream, however it is cut.
#include "net/framing.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace portico;
using net::Frame;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

// Feeds a stream in pieces of `piece` bytes and collects the payloads, as a connection does.
std::vector<std::string> payloads(const config::Framing& framing, const std::string& stream,
                                  std::size_t piece) {
    std::vector<std::string> found;
    std::string waiting;
    std::size_t scanned = 0;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
        waiting += stream.substr(at, piece);
        for (;;) {
            const Frame frame = net::next_frame(framing, bytes_of(waiting), scanned);
            REQUIRE(frame.kind != Frame::Kind::too_long);
            if (frame.kind == Frame::Kind::incomplete) {
                break;
            }
            found.push_back(waiting.substr(frame.payload_offset, frame.payload_size));
            waiting.erase(0, frame.size);
        }
    }
    CHECK(waiting.empty());
    return found;
}

config::Framing delimiter(const std::string& text, std::uint32_t max_bytes = 65'536) {
    config::Framing framing;
    framing.type = config::Framing::Type::delimiter;
    framing.delimiter = text;
    framing.max_bytes = max_bytes;
    return framing;
}

config::Framing prefix(std::uint32_t size, config::Framing::ByteOrder order,
                       std::uint32_t max_bytes = 65'536) {
    config::Framing framing;
    framing.type = config::Framing::Type::length_prefix;
    framing.prefix_bytes = size;
    framing.order = order;
    framing.max_bytes = max_bytes;
    return framing;
}

std::string with_prefix(const config::Framing& framing, const std::string& payload) {
    std::string prefix_text;
    for (std::uint32_t i = 0; i < framing.prefix_bytes; ++i) {
        const std::uint32_t shift = framing.order == config::Framing::ByteOrder::big
                                        ? framing.prefix_bytes - 1 - i
                                        : i;
        prefix_text += static_cast<char>(payload.size() >> (8 * shift) & 0xff);
    }
    return prefix_text + payload;
}

}  // namespace

TEST_CASE("delimited messages are found however the stream is cut", "[framing]") {
    const std::vector<std::string> sent = {"one", "",    "three and a bit", std::string(300, 'x'),
                                           "\r",  "a\rb"};
    for (const std::string& end :
         {std::string("\n"), std::string("\r\n"), std::string("--end--")}) {
        std::string stream;
        for (const std::string& message : sent) {
            stream += message + end;
        }
        for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
            CHECK(payloads(delimiter(end), stream, piece) == sent);
        }
    }
}

TEST_CASE("a delimiter that repeats its own beginning is found", "[framing]") {
    for (std::size_t piece = 1; piece < 8; ++piece) {
        CHECK(payloads(delimiter("aab"), "xaaabyaab", piece) ==
              std::vector<std::string>{"xa", "y"});
    }
}

TEST_CASE("length-prefixed messages are found however the stream is cut", "[framing]") {
    for (const std::uint32_t size : {1U, 2U, 4U}) {
        for (const auto order :
             {config::Framing::ByteOrder::big, config::Framing::ByteOrder::little}) {
            const config::Framing framing = prefix(size, order);
            const std::vector<std::string> sent = {"a", "", std::string(200, 'y'), "last"};
            std::string stream;
            for (const std::string& message : sent) {
                stream += with_prefix(framing, message);
            }
            for (std::size_t piece = 1; piece <= stream.size(); piece += 3) {
                CHECK(payloads(framing, stream, piece) == sent);
            }
        }
    }
}

TEST_CASE("a payload of max_bytes is accepted and one more byte is not", "[framing]") {
    std::size_t scanned = 0;
    CHECK(net::next_frame(delimiter("\r\n", 4), bytes_of("1234\r\n"), scanned).kind ==
          Frame::Kind::complete);
    scanned = 0;
    CHECK(net::next_frame(delimiter("\r\n", 4), bytes_of("12345\r\n"), scanned).kind ==
          Frame::Kind::too_long);

    // The delimiter has not come, but its first byte may be there already.
    scanned = 0;
    CHECK(net::next_frame(delimiter("\r\n", 4), bytes_of("1234\r"), scanned).kind ==
          Frame::Kind::incomplete);
    CHECK(net::next_frame(delimiter("\r\n", 4), bytes_of("1234\r\n"), scanned).kind ==
          Frame::Kind::complete);
    scanned = 0;
    CHECK(net::next_frame(delimiter("\r\n", 4), bytes_of("123456"), scanned).kind ==
          Frame::Kind::too_long);

    const config::Framing framing = prefix(2, config::Framing::ByteOrder::big, 4);
    scanned = 0;
    CHECK(net::next_frame(framing, bytes_of(with_prefix(framing, "1234")), scanned).kind ==
          Frame::Kind::complete);
    // The prefix alone shows that the message is too long.
    CHECK(net::next_frame(framing, bytes_of(std::string("\0\5", 2)), scanned).kind ==
          Frame::Kind::too_long);
}

TEST_CASE("the same bytes are not searched twice for a delimiter", "[framing]") {
    const config::Framing framing = delimiter("\n");
    const std::string text(1'000, 'x');
    std::size_t scanned = 0;
    CHECK(net::next_frame(framing, bytes_of(text), scanned).kind == Frame::Kind::incomplete);
    CHECK(scanned == 1'000);
    // A delimiter planted in bytes that were searched before is not found, so the search goes on
    // after them.
    std::string planted = text + "yy";
    planted[10] = '\n';
    CHECK(net::next_frame(framing, bytes_of(planted), scanned).kind == Frame::Kind::incomplete);
    CHECK(scanned == 1'002);
}

TEST_CASE("without framing everything received is one message", "[framing]") {
    std::size_t scanned = 0;
    const Frame frame = net::next_frame({}, bytes_of("abc\ndef"), scanned);
    CHECK(frame.kind == Frame::Kind::complete);
    CHECK(frame.size == 7);
    CHECK(frame.payload_offset == 0);
    CHECK(frame.payload_size == 7);
}
