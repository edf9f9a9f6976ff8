// Checking replies: right or wrong, wherever the stream is cut.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "messages/expectation.hpp"
#include "messages/text.hpp"
#include "support/catch.hpp"

using namespace portico::client;
using Event = ReplyChecker::Event;

namespace {

struct Outcome {
    std::uint64_t replies = 0;
    std::uint64_t wrong = 0;
    std::uint64_t unexpected = 0;
    std::uint64_t crossed = 0;
    // the numbers of right replies, in the order in which they came; 0: a wrong one that names none
    std::vector<std::uint64_t> numbers;
    std::vector<Finding> differences;
};

// Feeds a stream in the given pieces, after all messages have been sent. Stops at an error that an
// unframed stream cannot recover from.
Outcome feed(const Expectation& expectation, std::uint64_t started,
             const std::vector<std::string_view>& pieces) {
    ReplyChecker checker(1);
    Finding finding;
    std::uint64_t settled = 0;
    Outcome outcome;
    for (std::string_view rest : pieces) {
        while (!rest.empty()) {
            const ReplyChecker::Step step = checker.check(expectation, bytes_of(rest),
                                                          {1, settled + 1}, started, finding);
            REQUIRE(step.used > 0);
            REQUIRE(step.used <= rest.size());
            rest.remove_prefix(step.used);
            outcome.replies += step.event == Event::reply;
            outcome.unexpected += step.event == Event::unexpected;
            outcome.crossed += step.event == Event::crossed;
            outcome.wrong += step.event == Event::wrong;
            if (step.differs) {
                outcome.differences.push_back(finding);
            }
            if (step.event == Event::reply || step.event == Event::wrong) {
                outcome.numbers.push_back(step.message.number);
                settled = step.message.number == 0 ? settled + 1
                                                   : std::max(settled, step.message.number);
            }
            if (step.event > Event::reply && expectation.framing.type == Framing::Type::none) {
                return outcome;
            }
        }
    }
    return outcome;
}

std::string stream_of(const MessageSource& source, std::uint64_t count) {
    std::string stream;
    for (std::uint64_t number = 1; number <= count; ++number) {
        std::string message(static_cast<std::size_t>(source.size({1, number})), '\0');
        source.fill({1, number}, 0, std::as_writable_bytes(std::span(message)));
        stream += message;
    }
    return stream;
}

std::vector<std::string_view> pieces_of(std::string_view stream, std::size_t size) {
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < stream.size(); at += size) {
        pieces.push_back(stream.substr(at, size));
    }
    return pieces;
}

struct Echo {
    explicit Echo(const char* framing_text, SizeRange sizes = {1, 40}) {
        expectation.framing = *parse_framing(framing_text);
        source = make_framed_messages(make_generated_messages(5, sizes, expectation.framing),
                                      expectation.framing);
        expectation.replies = source.get();
    }
    std::unique_ptr<MessageSource> source;
    Expectation expectation;
};

std::optional<Pattern> pattern(std::string_view text, std::string_view end = {}) {
    auto parsed = Pattern::parse(text, end);
    REQUIRE(parsed);
    return *std::move(parsed);
}

constexpr const char* framings[] = {"none", "delimiter:\\r\\n", "length_prefix:1",
                                    "length_prefix:4:little"};

}  // namespace

TEST_CASE("an echoed stream is right wherever it is cut in two") {
    for (const char* framing : framings) {
        const Echo echo(framing);
        const std::string stream = stream_of(*echo.source, 12);
        for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
            const std::string_view all = stream;
            const Outcome outcome = feed(echo.expectation, 12,
                                         {all.substr(0, cut), all.substr(cut)});
            INFO(framing << " cut at " << cut);
            CHECK(outcome.replies == 12);
            CHECK(outcome.wrong + outcome.unexpected == 0);
        }
    }
}

TEST_CASE("an echoed stream is right in pieces of every size") {
    for (const char* framing : framings) {
        const Echo echo(framing);
        const std::string stream = stream_of(*echo.source, 12);
        for (std::size_t size = 1; size <= stream.size(); ++size) {
            const Outcome outcome = feed(echo.expectation, 12, pieces_of(stream, size));
            INFO(framing << " in pieces of " << size);
            CHECK(outcome.replies == 12);
            CHECK(outcome.wrong + outcome.unexpected == 0);
        }
    }
}

TEST_CASE("any wrong byte of an unframed echo is found, with its place") {
    const Echo echo("none");
    const std::string stream = stream_of(*echo.source, 8);
    for (std::size_t at = 0; at < stream.size(); ++at) {
        std::string changed = stream;
        changed[at] = static_cast<char>(changed[at] ^ 0x40);
        for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, stream.size()}) {
            const Outcome outcome = feed(echo.expectation, 8, pieces_of(changed, piece));
            REQUIRE(outcome.wrong == 1);
            const Finding& difference = outcome.differences.front();
            std::uint64_t before = 0;
            for (std::uint64_t number = 1; number < difference.expected.number; ++number) {
                before += echo.source->size({1, number});
            }
            CHECK(before + difference.differs_at == at);
            CHECK(outcome.replies == difference.expected.number - 1);
            const auto column = static_cast<std::size_t>(difference.differs_at - difference.offset);
            CHECK(difference.expected_bytes[column] == static_cast<std::byte>(stream[at]));
            CHECK(difference.came_bytes[column] == static_cast<std::byte>(changed[at]));
        }
    }
}

TEST_CASE("lost, doubled and exchanged messages of an unframed echo are wrong") {
    const Echo echo("none", {20, 20});
    const std::string stream = stream_of(*echo.source, 5);
    const auto message = [&](std::size_t number) { return stream.substr((number - 1) * 20, 20); };
    CHECK(feed(echo.expectation, 5, {message(1) + message(3)}).wrong == 1);
    CHECK(feed(echo.expectation, 5, {message(1) + message(1) + message(2)}).wrong == 1);
    CHECK(feed(echo.expectation, 5, {message(2) + message(1)}).wrong == 1);
    std::string of_another(20, '\0');
    echo.source->fill({2, 1}, 0, std::as_writable_bytes(std::span(of_another)));
    CHECK(feed(echo.expectation, 5, {of_another}).wrong == 1);
}

TEST_CASE("bytes beyond the last message are unexpected") {
    for (const char* framing : framings) {
        const Echo echo(framing);
        const std::string stream = stream_of(*echo.source, 3);
        for (std::size_t size = 1; size <= stream.size(); ++size) {
            const Outcome outcome = feed(echo.expectation, 2, pieces_of(stream, size));
            INFO(framing << " in pieces of " << size);
            CHECK(outcome.replies == 2);
            CHECK(outcome.wrong == 0);
            CHECK(outcome.unexpected == 1);
        }
    }
}

TEST_CASE("with framing a wrong reply does not spoil the next ones") {
    Expectation expectation;
    expectation.framing = *parse_framing("delimiter:\\r\\n");
    const auto source = make_framed_messages(make_text_messages("right"), expectation.framing);
    expectation.replies = source.get();
    const std::string stream =
        "right\r\nwrong\r\nright\r\nrigh\r\nright!\r\n\r\nright and far longer\r\nright\r\n";
    for (std::size_t size = 1; size <= stream.size(); ++size) {
        const Outcome outcome = feed(expectation, 8, pieces_of(stream, size));
        INFO("in pieces of " << size);
        CHECK(outcome.replies == 3);
        CHECK(outcome.wrong == 5);
        CHECK(outcome.unexpected == 0);
        REQUIRE(outcome.differences.size() == 5);
        CHECK(outcome.differences[0].expected.number == 2);
        CHECK(outcome.differences[0].differs_at == 0);
        CHECK(outcome.differences[1].expected.number == 4);
        CHECK(outcome.differences[1].differs_at == 4);
        CHECK(outcome.differences[2].expected.number == 5);
        CHECK(outcome.differences[2].differs_at == 5);
    }
}

TEST_CASE("a frame with a length is wrong when the length is") {
    using namespace std::string_literals;
    Expectation expectation;
    expectation.framing = *parse_framing("length_prefix:1");
    const auto source = make_framed_messages(make_text_messages("ab"), expectation.framing);
    expectation.replies = source.get();
    const std::string stream =
        "\x02"
        "ab"
        "\x03"
        "abc"
        "\x01"
        "a"
        "\0"
        "\x02"
        "ab"s;
    for (std::size_t size = 1; size <= stream.size(); ++size) {
        const Outcome outcome = feed(expectation, 5, pieces_of(stream, size));
        CHECK(outcome.replies == 2);
        CHECK(outcome.wrong == 3);
    }
}

TEST_CASE("a fixed text is checked at its length, without framing") {
    Expectation expectation;
    const auto source = make_text_messages("acknowledged");
    expectation.replies = source.get();
    CHECK(feed(expectation, 2, {"acknow", "ledgedacknowledged"}).replies == 2);
    CHECK(feed(expectation, 2, {"acknowledged", "nack"}).wrong == 1);
    CHECK(feed(expectation, 1, {"acknowledged!"}).unexpected == 1);
}

TEST_CASE("where anything is right, a read is a reply, and with framing a frame") {
    Expectation expectation;
    CHECK(feed(expectation, 2, {"one", "two\nthree"}).replies == 2);
    expectation.framing = *parse_framing("fixed:4");
    CHECK(feed(expectation, 2, {"onet", "wo..th"}).replies == 2);
    expectation.framing = *parse_framing("delimiter");
    const Outcome outcome = feed(expectation, 3, {"one", "\ntwo\nthree", "\nfour\n"});
    CHECK(outcome.replies == 3);
    CHECK(outcome.wrong == 0);
    CHECK(outcome.unexpected == 1);
}

TEST_CASE("framed replies are taken for what they are, in whatever order and pieces they come") {
    for (const char* framing :
         {"delimiter:\\r\\n", "delimiter:~~", "length_prefix:2:little", "fixed:24"}) {
        const Echo echo(framing, {24, framing == std::string_view("fixed:24") ? 24U : 60U});
        REQUIRE(echo.expectation.tells_messages());
        Expectation expectation = echo.expectation;
        expectation.connections = 9;
        const auto message = [&](std::uint32_t connection, std::uint64_t number) {
            std::string text(static_cast<std::size_t>(echo.source->size({connection, number})),
                             '\0');
            echo.source->fill({connection, number}, 0, std::as_writable_bytes(std::span(text)));
            return text;
        };
        const std::size_t prefix = echo.expectation.framing.type == Framing::Type::length_prefix
                                       ? 2
                                       : 0;
        std::string head_changed = message(1, 6), body_changed = message(1, 9);
        head_changed[prefix + 5] ^= 1;
        body_changed[prefix + 12] ^= 1;
        const std::string stream = message(1, 2) + message(1, 1) + message(1, 2) +
                                   message(7, 1'000'000) + message(1, 5) + head_changed +
                                   message(1, 8) + body_changed + message(10, 1) + message(1, 11) +
                                   message(1, 10);
        for (std::size_t size = 1; size <= stream.size(); ++size) {
            const Outcome outcome = feed(expectation, 11, pieces_of(stream, size));
            INFO(framing << " in pieces of " << size);
            // There is no tenth connection, so its message is wrong.
            REQUIRE(outcome.numbers == std::vector<std::uint64_t>{2, 1, 2, 5, 0, 8, 9, 0, 11, 10});
            CHECK(outcome.replies == 7);
            CHECK(outcome.wrong == 3);
            CHECK(outcome.crossed == 1);
            CHECK(outcome.unexpected == 0);
            REQUIRE(outcome.differences.size() == 3);
            CHECK(outcome.differences[0].expected.number == 6);
            CHECK(outcome.differences[0].differs_at == prefix + 5);
            CHECK(outcome.differences[1].expected.number == 9);
            CHECK(outcome.differences[1].differs_at == prefix + 12);
        }
    }
}

TEST_CASE(
    "where no reply is due, one that was answered before is known all the same, and another is "
    "unexpected") {
    const Echo echo("delimiter", {16, 16});
    std::string stream = stream_of(*echo.source, 3);
    const std::string second = stream.substr(17, 17);
    const Outcome outcome = feed(
        echo.expectation, 3,
        pieces_of(stream + second + "what is this, then?\n" + "x\n" + second, 5));
    CHECK(outcome.numbers == std::vector<std::uint64_t>{1, 2, 3, 2, 2});
    CHECK(outcome.unexpected == 2);
    CHECK(outcome.wrong == 0);
}

TEST_CASE("a message's number is known beyond the bits that it has room for") {
    const Echo echo("delimiter", {16, 16});
    const std::uint64_t last = (std::uint64_t{5} << MessageIdentity::number_bits) + 3;
    for (const std::uint64_t number : {last, last - 3, last - 4, last - 60}) {
        std::string text(17, '\0');
        echo.source->fill({1, number}, 0, std::as_writable_bytes(std::span(text)));
        ReplyChecker checker(1);
        Finding finding;
        const ReplyChecker::Step step = checker.check(echo.expectation, bytes_of(text),
                                                      {1, last - 1}, last, finding);
        CHECK(step.event == Event::reply);
        CHECK(step.message.number == number);
    }
}

TEST_CASE("a framed reply is held against a pattern") {
    const std::optional<Pattern> lines[] = {pattern("+OK *", "\r\n"), pattern("*", "\r\n")};
    Expectation expectation;
    expectation.framing = *parse_framing("delimiter:\\r\\n");
    expectation.patterns = lines;
    const std::string_view stream =
        "+OK 1\r\nanything\r\n-ERR what is this\r\n\r\n+OK \r\nmore\r\nunasked\r\n";
    for (std::size_t size = 1; size <= stream.size(); ++size) {
        const Outcome outcome = feed(expectation, 6, pieces_of(stream, size));
        INFO("in pieces of " << size);
        CHECK(outcome.numbers == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6});
        CHECK(outcome.wrong == 1);
        CHECK(outcome.unexpected == 1);
        REQUIRE(outcome.differences.size() == 1);
        CHECK(outcome.differences[0].expected.number == 3);
        CHECK(outcome.differences[0].pattern->text() == "+OK *");
        CHECK(outcome.differences[0].came_size == 16);
        CHECK(outcome.differences[0].came_bytes[1] == std::byte{'E'});
    }
    const std::optional<Pattern> payloads[] = {pattern("a?")};
    expectation.framing = *parse_framing("length_prefix:2");
    expectation.patterns = payloads;
    using namespace std::string_literals;
    const std::string prefixed = "\0\2ab\0\3abc\0\0\0\2a\0"s;
    for (std::size_t size = 1; size <= prefixed.size(); ++size) {
        const Outcome outcome = feed(expectation, 9, pieces_of(prefixed, size));
        CHECK(outcome.replies == 2);
        CHECK(outcome.wrong == 2);
    }
}

TEST_CASE("a reply may end by silence") {
    Expectation expectation;
    expectation.framing = *parse_framing("idle:20ms");
    const auto source = make_text_messages("acknowledged");
    expectation.replies = source.get();
    Finding finding;
    ReplyChecker checker(1);
    const auto after = [&](std::uint64_t number, std::string_view text) {
        REQUIRE(checker.check(expectation, bytes_of(text), {1, number}, 9, finding).event ==
                Event::more);
        REQUIRE(checker.is_within_reply());
    };
    after(1, "acknow");
    after(1, "ledged");
    CHECK(checker.end_reply(expectation, 9, finding).event == Event::reply);
    CHECK_FALSE(checker.is_within_reply());
    after(2, "acknow");
    const ReplyChecker::Step step = checker.end_reply(expectation, 9, finding);
    CHECK(step.event == Event::wrong);
    CHECK(step.differs);
    CHECK(finding.differs_at == 6);
    CHECK(finding.came_size == 6);
    after(3, "acknowledged and more");
    CHECK(checker.end_reply(expectation, 9, finding).event == Event::wrong);
    after(4, "acknowledged");
    CHECK(checker.end_reply(expectation, 9, finding).event == Event::reply);
}
