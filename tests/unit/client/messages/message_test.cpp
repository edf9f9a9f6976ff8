#include <memory>
#include <set>
#include <string>
#include <vector>

#include "messages/message.hpp"
#include "messages/message_template.hpp"
#include "support/catch.hpp"

using namespace portico::client;

namespace {

std::string whole(const MessageSource& source, MessageId id) {
    std::string bytes(static_cast<std::size_t>(source.size(id)), '\0');
    source.fill(id, 0, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

// Every part of the message, made and checked alone, agrees with the whole.
void check_parts(const MessageSource& source, MessageId id, std::size_t step = 1) {
    const std::string all = whole(source, id);
    CHECK(all.size() <= source.size_max());
    for (std::size_t from = 0; from <= all.size(); from += step) {
        for (std::size_t size = 0; from + size <= all.size(); size += step) {
            std::string part(size, '\0');
            source.fill(id, from, std::as_writable_bytes(std::span(part)));
            if (part != all.substr(from, size) || source.match(id, from, bytes_of(part)) != size) {
                FAIL("part from " << from << " of " << size << " bytes");
            }
        }
    }
}

// A changed byte is found where it is.
void check_differences(const MessageSource& source, MessageId id, std::size_t step = 1) {
    const std::string all = whole(source, id);
    for (std::size_t at = 0; at < all.size(); at += step) {
        std::string changed = all;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        if (source.match(id, 0, bytes_of(changed)) != at) {
            FAIL("change at " << at);
        }
    }
}

}  // namespace

TEST_CASE("the article's message is exactly its number, its thread and the text") {
    const auto source = make_article_messages("Hello");
    CHECK(whole(*source, {1, 1}) == "1. Thread 1 - Hello");
    CHECK(whole(*source, {12, 345}) == "345. Thread 12 - Hello");
    CHECK(whole(*make_article_messages(""), {2, 3}) == "3. Thread 2 - ");
    check_parts(*source, {12, 345});
    check_differences(*source, {12, 345});
    const MessageId largest{UINT32_MAX, UINT64_MAX};
    CHECK(whole(*source, largest) == "18446744073709551615. Thread 4294967295 - Hello");
    CHECK(source->size_max() >= source->size(largest));
}

TEST_CASE("a text message is sent as it is") {
    const auto source = make_text_messages("some text");
    CHECK(whole(*source, {3, 4}) == "some text");
    check_parts(*source, {1, 1});
    check_differences(*source, {1, 1});
}

TEST_CASE("generated messages can be made again from any place") {
    const auto source = make_generated_messages(7, {1, 60}, {});
    for (std::uint64_t number = 1; number <= 20; ++number) {
        check_parts(*source, {1, number});
        check_differences(*source, {1, number});
    }
    const auto large = make_generated_messages(7, {20'000, 20'000}, {});
    check_parts(*large, {2, 5}, 509);
    check_differences(*large, {2, 5}, 37);
}

TEST_CASE("generated messages depend on seed, connection and number alone") {
    const auto source = make_generated_messages(1, {16, 16}, {});
    CHECK(whole(*source, {3, 9}) == whole(*make_generated_messages(1, {16, 16}, {}), {3, 9}));
    CHECK(whole(*source, {3, 9}) != whole(*make_generated_messages(2, {16, 16}, {}), {3, 9}));
    std::set<std::string> seen;
    for (std::uint32_t connection = 1; connection <= 100; ++connection) {
        for (std::uint64_t number = 1; number <= 100; ++number) {
            seen.insert(whole(*source, {connection, number}).substr(0, 8));
        }
    }
    CHECK(seen.size() == 10'000);
}

TEST_CASE("generated sizes fill their range and stay in it") {
    const auto source = make_generated_messages(1, {5, 9}, {});
    std::set<std::uint64_t> sizes;
    for (std::uint64_t number = 1; number <= 200; ++number) {
        sizes.insert(source->size({1, number}));
    }
    CHECK(sizes == std::set<std::uint64_t>{5, 6, 7, 8, 9});
}

TEST_CASE("a framed message is its payload with the delimiter or the length") {
    const auto framed = [](const char* framing, std::string text) {
        return whole(*make_framed_messages(make_text_messages(std::move(text)), *parse_framing(framing)), {1, 1});
    };
    using namespace std::string_literals;
    CHECK(framed("none", "abc") == "abc");
    CHECK(framed("delimiter:\\r\\n", "abc") == "abc\r\n");
    CHECK(framed("length_prefix:1", "abc") ==
          "\x03"
          "abc");
    CHECK(framed("length_prefix:2:big", std::string(258, 'x')) == "\x01\x02"s + std::string(258, 'x'));
    CHECK(framed("length_prefix:4:little", "") == "\0\0\0\0"s);
    CHECK(framed("length_prefix:4:little", std::string(258, 'x')) == "\x02\x01\0\0"s + std::string(258, 'x'));
    for (const char* text : {"delimiter:\\r\\n", "length_prefix:1", "length_prefix:2:little", "length_prefix:4:big"}) {
        const Framing framing = *parse_framing(text);
        const auto source = make_framed_messages(make_generated_messages(3, {0, 40}, framing), framing);
        for (std::uint64_t number = 1; number <= 20; ++number) {
            check_parts(*source, {1, number});
            check_differences(*source, {1, number});
        }
    }
}

TEST_CASE("generated messages never contain the delimiter, nor begin it too early") {
    for (const char* text : {"delimiter", "delimiter:a", "delimiter:aab", "delimiter:\\x80", "delimiter:\\x80a", "delimiter:?~?"}) {
        const Framing framing = *parse_framing(text);
        const auto source = make_framed_messages(make_generated_messages(3, {0, 3'000}, framing), framing);
        for (std::uint64_t number = 1; number <= 50; ++number) {
            const std::string frame = whole(*source, {1, number});
            INFO(text);
            CHECK(frame.find(framing.delimiter) == frame.size() - framing.delimiter.size());
        }
    }
}

namespace {

std::unique_ptr<MessageSource> filled_in(const std::string& text, std::uint64_t seed = 1) {
    auto pieces = parse_template(text);
    INFO(pieces.error());
    REQUIRE(pieces);
    return make_template_messages(seed, *std::move(pieces));
}

void refused_template(const std::string& text, const std::string& why) {
    CAPTURE(text);
    const auto pieces = parse_template(text);
    REQUIRE_FALSE(pieces);
    CHECK(pieces.error().find(why) != std::string::npos);
}

}  // namespace

TEST_CASE("places of a text are filled in for each message", "[client][template]") {
    const auto messages = filled_in("c\\{connection} m\\{message}\\n");
    CHECK(whole(*messages, {1, 1}) == "c1 m1\n");
    CHECK(whole(*messages, {4'294'967'295, 18'446'744'073'709'551'615U}) == "c4294967295 m18446744073709551615\n");
    CHECK(messages->size({12, 345}) == 9);
    CHECK(messages->size_max() == 2 + 2 * 20 + 2);
    check_parts(*messages, {12, 345});
}

TEST_CASE("random text has its sizes, is the seed's, and is another in each message", "[client][template]") {
    const auto messages = filled_in("<\\{random:3-9}|\\{random:8}>");
    const auto again = filled_in("<\\{random:3-9}|\\{random:8}>");
    const auto others = filled_in("<\\{random:3-9}|\\{random:8}>", 2);
    std::set<std::string> seen;
    std::set<std::size_t> sizes;
    for (std::uint64_t number = 1; number <= 500; ++number) {
        const std::string text = whole(*messages, {1, number});
        CHECK(whole(*again, {1, number}) == text);
        const std::size_t bar = text.find('|');
        sizes.insert(bar - 1);
        CHECK(text.size() == bar + 1 + 8 + 1);
        CHECK(text.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz<|>") == std::string::npos);
        seen.insert(text);
    }
    CHECK(seen.size() == 500);
    CHECK(sizes == std::set<std::size_t>{3, 4, 5, 6, 7, 8, 9});
    CHECK(whole(*others, {1, 1}) != whole(*messages, {1, 1}));
    CHECK(whole(*messages, {2, 1}) != whole(*messages, {1, 1}));
    check_parts(*messages, {1, 7});
}

TEST_CASE("a text is cut into pieces where a place begins, and nowhere else", "[client][template]") {
    CHECK((*parse_template("")).empty());
    auto plain = parse_template("a{connection}\\\\{message}\\x41");
    REQUIRE(plain);
    REQUIRE(plain->size() == 1);
    CHECK((*plain)[0].text == "a{connection}\\{message}A");
    auto only = parse_template("\\{message}");
    REQUIRE(only);
    CHECK(only->size() == 1);
    CHECK((*only)[0].kind == MessagePiece::Kind::message);
    refused_template("\\{", "no closing brace");
    refused_template("\\{messages}", "none of");
    refused_template("\\{message:1}", "none of");
    refused_template("\\{random}", "none of");
    refused_template("\\{random:0}", "1 to 65536");
    refused_template("\\{random:70000}", "1 to 65536");
    refused_template("\\{random:x}", "random:x");
    refused_template("\\{message}\\q", "backslash");
}
