// Scripts of messages and replies, and the patterns that replies must match.
#include <string>
#include <string_view>

#include "messages/message_sequence.hpp"
#include "messages/pattern.hpp"
#include "messages/script.hpp"
#include "messages/text.hpp"
#include "support/catch.hpp"

using namespace portico::client;

namespace {

bool is_like(std::string_view pattern, std::string_view text) {
    auto parsed = Pattern::parse(pattern);
    REQUIRE(parsed);
    const Pattern::Places whole = parsed->after(Pattern::start, bytes_of(text));
    // In two pieces the result is the same, wherever the cut is.
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        REQUIRE(parsed->after(parsed->after(Pattern::start, bytes_of(text.substr(0, cut))),
                              bytes_of(text.substr(cut))) == whole);
    }
    return parsed->is_whole(whole);
}

std::string bytes_from(const MessageSource& source, MessageId id) {
    std::string text(static_cast<std::size_t>(source.size(id)), '\0');
    source.fill(id, 0, std::as_writable_bytes(std::span(text)));
    for (std::size_t at = 0; at <= text.size(); ++at) {  // and from any beginning
        REQUIRE(source.match(id, at, bytes_of(text).subspan(at)) == text.size() - at);
    }
    return text;
}

Script made(std::string_view json) {
    auto script = parse_script(json, 1);
    INFO((script ? std::string() : script.error()));
    REQUIRE(script);
    return *std::move(script);
}

void refused(std::string_view json, std::string_view why) {
    auto script = parse_script(json, 1);
    REQUIRE(!script);
    INFO(script.error());
    CHECK(script.error().find(why) != std::string::npos);
}

}  // namespace

TEST_CASE("a pattern is bytes, any byte, and any number of any bytes") {
    CHECK(is_like("", ""));
    CHECK_FALSE(is_like("", "x"));
    CHECK(is_like("*", ""));
    CHECK(is_like("*", "anything"));
    CHECK(is_like("+OK *", "+OK 17"));
    CHECK_FALSE(is_like("+OK *", "+OK"));
    CHECK(is_like("a*b*c", "aXbYbZc"));
    CHECK(is_like("a*b*c", "abc"));
    CHECK_FALSE(is_like("a*b*c", "acb"));
    CHECK(is_like("?x?", "axb"));
    CHECK_FALSE(is_like("?x?", "ax"));
    CHECK(is_like("**x**", "x"));
    CHECK(is_like(R"(\*\?\x41\n\\*)", "*?A\n\\ and more"));
    CHECK_FALSE(is_like(R"(\*)", "x"));
    CHECK(is_like(std::string(63, '?'), std::string(63, 'y')));
    CHECK_FALSE(is_like(std::string(63, '?'), std::string(62, 'y')));
    CHECK_FALSE(Pattern::parse(std::string(64, 'x')));
    CHECK_FALSE(Pattern::parse(R"(\q)"));
    auto with_end = Pattern::parse("a*", "\r\n");
    REQUIRE(with_end);
    CHECK(with_end->is_whole(with_end->after(Pattern::start, bytes_of("abc\r\n"))));
    CHECK_FALSE(with_end->is_whole(with_end->after(Pattern::start, bytes_of("abc"))));
}

TEST_CASE("joined messages are concatenated, and those in turn follow one another") {
    std::vector<std::unique_ptr<MessageSource>> parts;
    parts.push_back(make_text_messages("one "));
    parts.push_back(make_article_messages("two"));
    parts.push_back(make_text_messages(" three"));
    auto joined = make_joined_messages(std::move(parts));
    CHECK(bytes_from(*joined, {4, 9}) == "one 9. Thread 4 - two three");
    CHECK(joined->match({4, 9}, 4, bytes_of("9. Fred")) == 3);
    CHECK(bytes_from(*make_joined_messages({}), {1, 1}).empty());
    std::vector<std::unique_ptr<MessageSource>> sources;
    sources.push_back(std::move(joined));
    sources.push_back(make_text_messages("other"));
    const auto in_turn = make_messages_in_turn(std::move(sources));
    CHECK(bytes_from(*in_turn, {1, 1}) == "one 1. Thread 1 - two three");
    CHECK(bytes_from(*in_turn, {1, 2}) == "other");
    CHECK(bytes_from(*in_turn, {1, 3}) == "one 3. Thread 1 - two three");
}

TEST_CASE("a script becomes exchanges of something that is sent and its reply") {
    const Script script = made(R"({ "framing": "delimiter:\\r\\n", "steps": [
        { "expect_pattern": "220 *" }, { "send": "A\\{connection}" }, { "send": "B" },
        { "expect": "a" }, { "expect": "b" },
        { "expect_pattern": "c?" }, { "pause": "100ms" }, { "pause": "50ms" },
        { "send": "C" } ] })");
    REQUIRE(script.exchanges() == 4);
    CHECK(script.reply_framing.delimiter == "\r\n");
    CHECK(bytes_from(*script.messages, {7, 1}).empty());
    CHECK(script.patterns[0]->text() == "220 *");
    CHECK(bytes_from(*script.messages, {7, 2}) == "A7\r\nB\r\n");
    CHECK(bytes_from(*script.replies, {7, 2}) == "a\r\nb\r\n");
    CHECK_FALSE(script.patterns[1]);
    CHECK(bytes_from(*script.messages, {7, 3}).empty());
    CHECK(script.patterns[2]->text() == "c?");
    CHECK(bytes_from(*script.messages, {7, 4}) == "C\r\n");
    CHECK_FALSE(script.has_reply({7, 4}));
    CHECK(script.has_reply({7, 3}));
    CHECK(script.has_reply({7, 5}));
    CHECK(script.pause_ns(4) == 150'000'000);
    CHECK(script.pause_ns(8) == 150'000'000);
    CHECK(script.pause_ns(5) == 0);
    CHECK(bytes_from(*script.messages, {7, 6}) == "A7\r\nB\r\n");
}

TEST_CASE("a script that is wrong is refused with its place") {
    refused("{", "parse error at line 1");
    refused("[]", "expected an object");
    refused("1e999", "number overflow");
    refused("{}", "steps: expected an array");
    refused(R"({ "steps": [] })", "steps: expected an array of one step or more");
    refused(R"({ "step": [] })", "\"step\" is not one of framing, reply_framing and steps");
    refused(R"({ "steps": [ { "send": "x" }, 5 ] })",
            "steps[1]: expected an object with one member");
    refused(R"({ "steps": [ { "send": "x", "expect": "y" } ] })",
            "steps[0]: expected an object with one member");
    refused(R"({ "steps": [ { "wait": "x" } ] })",
            "steps[0]: \"wait\" is not one of send, expect, expect_pattern and pause");
    refused(R"({ "steps": [ { "send": 5 } ] })", "steps[0].send: found number, expected a string");
    refused(R"({ "steps": [ { "send": "" } ] })", "steps[0].send: the text is empty");
    refused(R"({ "steps": [ { "send": "\\q" } ] })", "steps[0].send: ");
    refused(R"({ "steps": [ { "pause": "1s" } ] })", "nothing is sent and nothing expected");
    refused(R"({ "steps": [ { "pause": "soon" } ] })", "steps[0].pause: ");
    refused(R"({ "steps": [ { "expect_pattern": "*" } ] })",
            "steps[0].expect_pattern: a pattern needs \"reply_framing\"");
    refused(R"({ "framing": "delimiter", "steps": [ { "send": "a\nb" } ] })",
            "steps[0].send: the text contains the delimiter");
    refused(R"({ "framing": "fixed:3", "steps": [ { "send": "abc" } ] })",
            "framing: for what is sent");
    refused(R"({ "framing": "length_prefix:1", "steps": [ { "send": "\\{random:300}" } ] })",
            "too long for a 1-byte length prefix");
    refused(R"({ "framing": "often", "steps": [ { "send": "x" } ] })",
            "framing: \"often\" is not a framing");
}
