// The client's command line: what it accepts, and what it refuses with a reason.
#include <initializer_list>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/options.hpp"
#include "support/catch.hpp"

using namespace portico::client;

namespace {

ParsedOptions parse(std::initializer_list<const char*> more, bool may_ask = false) {
    std::vector<std::string> arguments{"127.0.0.1", "5000"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return parse_options(std::move(arguments), may_ask);
}

Options accepted(std::initializer_list<const char*> more, bool may_ask = false) {
    const ParsedOptions parsed = parse(more, may_ask);
    INFO(parsed.text);
    REQUIRE(parsed.options);
    return *parsed.options;
}

void refused(std::initializer_list<const char*> more, const char* says, bool may_ask = false) {
    const ParsedOptions parsed = parse(more, may_ask);
    INFO("says: " << parsed.text);
    CHECK_FALSE(parsed.options);
    CHECK(parsed.exit_code == 2);
    CHECK(parsed.text.find(says) != std::string::npos);
}

}  // namespace

TEST_CASE("a message alone is sent once over one connection and its echo expected") {
    const Options options = accepted({"--message", "a\\nb"});
    CHECK(options.host == "127.0.0.1");
    CHECK(options.port == 5000);
    CHECK_FALSE(options.is_interactive);
    CHECK(options.message == "a\nb");
    CHECK(options.connections == 1);
    CHECK(options.count == 1);
    CHECK(options.depth == 1);
    CHECK(options.expect == Options::Expect::echo);
    CHECK(options.framing.type == Framing::Type::none);
    CHECK(options.timeout_ns == 30'000'000'000);
}

TEST_CASE("what is sent, and what is right, is said in one way and not in two") {
    refused({"--message", "x", "--size", "5"}, "--message and --size exclude each other");
    refused({"--message-file", "x", "--script", "y"},
            "--message-file and --script exclude each other");
    refused({"--script", "x", "--framing", "delimiter"}, "a \"framing\" of its own");
    for (const char* other : {"--expect", "--reply-framing", "--depth", "--rate", "--hostile"}) {
        refused({"--script", "x", other,
                 other == std::string("--expect")          ? "any"
                 : other == std::string("--reply-framing") ? "delimiter"
                 : other == std::string("--hostile")       ? "reset:1"
                                                           : "1"},
                (std::string(other) + " and --script exclude each other").c_str());
    }
    CHECK(accepted({"--script", "x", "--count", "3"}).script_file == "x");
    refused({"--message-file", "there is no such file"},
            "--message-file: cannot read \"there is no such file\"");
}

TEST_CASE("replies that silence ends, and those that look like something") {
    CHECK(accepted({"--message", "x", "--expect", "any", "--reply-framing", "idle:20ms"})
              .reply_framing.idle_ns == 20'000'000);
    CHECK(accepted({"--message", "x", "--reply-framing", "idle:1s"}).expect ==
          Options::Expect::echo);
    refused({"--message", "x", "--framing", "idle:20ms"}, "--reply-framing idle:TIME");
    refused({"--message", "x", "--reply-framing", "idle:20ms", "--depth", "2"},
            "nothing would show where one reply ends");
    refused({"--message", "x", "--reply-framing", "idle"}, "is not a framing");
    refused({"--message", "x", "--reply-framing", "idle:0"}, "idle:0");
    CHECK(accepted({"--message", "x", "--framing", "delimiter", "--expect", "pattern:+OK *"})
              .expected_pattern->text() == "+OK *");
    refused({"--message", "x", "--expect", "pattern:+OK *"}, "needs framed replies");
    refused({"--message", "x", "--framing", "delimiter", "--expect",
             ("pattern:" + std::string(63, 'x')).c_str()},
            "at most 62 bytes");
    CHECK(accepted({"--message", "x", "--expect", "text:n\\{message}"}).expected_pieces.size() ==
          2);
    refused({"--message", "x", "--framing", "length_prefix:1", "--expect", "text:\\{random:300}"},
            "--expect: the text may become too long for a 1-byte length prefix");
}

TEST_CASE("every option is understood") {
    const Options options = accepted({"--size", "1-100", "--seed", "42", "--connections", "64",
                                      "--duration", "500ms", "--depth", "8", "--framing",
                                      "length_prefix:2:little", "--expect", "text:ok\\n",
                                      "--connect-timeout", "3", "--timeout", "1m", "--quiet"});
    CHECK_FALSE(options.message);
    CHECK(options.sizes.min == 1);
    CHECK(options.sizes.max == 100);
    CHECK(options.seed == 42);
    CHECK(options.connections == 64);
    CHECK(options.count == 0);
    CHECK(options.duration_ns == 500'000'000);
    CHECK(options.depth == 8);
    CHECK(options.framing.prefix_bytes == 2);
    CHECK(options.expect == Options::Expect::text);
    REQUIRE(options.expected_pieces.size() == 1);
    CHECK(options.expected_pieces[0].text == "ok\n");
    CHECK(options.connect_timeout_ns == 3'000'000'000);
    CHECK(options.timeout_ns == 60'000'000'000);
    CHECK(options.is_quiet);
    CHECK(accepted({"--message", "-x"}).message == "-x");
    CHECK(accepted({"--message", "--count"}).message == "--count");
    CHECK(accepted({"--message", "", "--framing", "delimiter"}).message == "");
    CHECK(parse_options({"[::1]", "1", "--size", "9"}, false).options->host == "::1");
}

TEST_CASE("the options of measuring are understood") {
    const Options plain = accepted({"--message", "x"});
    CHECK(plain.rate == 0);
    CHECK(plain.messages_per_connection == 0);
    CHECK(plain.idle == 0);
    CHECK(plain.threads == 1);
    CHECK(plain.sources.empty());
    const Options options = accepted(
        {"--message", "x", "--rate", "50000", "--messages-per-connection", "7", "--idle", "100000",
         "--threads", "4", "--connections", "4", "--source", "127.0.0.2-127.0.0.4,127.0.0.9"});
    CHECK(options.rate == 50'000);
    CHECK(options.messages_per_connection == 7);
    CHECK(options.idle == 100'000);
    CHECK(options.threads == 4);
    CHECK(options.sources.size() == 4);
    CHECK(accepted({"--message", "x", "--count", "5", "--messages-per-connection", "100"})
              .messages_per_connection == 100);
    CHECK(accepted({"--interactive", "--source", "127.0.0.1"}).sources.size() == 1);
}

TEST_CASE("replies are framed as the messages are, unless said otherwise") {
    CHECK(accepted({"--size", "4K", "--framing", "fixed:4K", "--depth", "4"})
              .reply_framing.fixed_bytes == 4'096);
    CHECK(accepted({"--message", "x", "--framing", "delimiter"}).reply_framing.type ==
          Framing::Type::delimiter);
    const Options options = accepted({"--message", "x", "--framing", "delimiter", "--reply-framing",
                                      "none", "--expect", "text:ok", "--depth", "4"});
    CHECK(options.framing.type == Framing::Type::delimiter);
    CHECK(options.reply_framing.type == Framing::Type::none);
}

TEST_CASE("the server is two words or one") {
    const auto server = [](std::vector<std::string> words) {
        words.insert(words.end(), {"--message", "x"});
        const ParsedOptions parsed = parse_options(std::move(words), false);
        return parsed.options ? parsed.options->host + " " + std::to_string(parsed.options->port)
                              : parsed.text;
    };
    CHECK(server({"127.0.0.1:5000"}) == "127.0.0.1 5000");
    CHECK(server({"[::1]:5000"}) == "::1 5000");
    CHECK(server({"localhost:5000"}) == "localhost 5000");
    CHECK(server({"::1", "5000"}) == "::1 5000");
    CHECK(server({"[::1]", "5000"}) == "::1 5000");
    for (const auto& [words, why] :
         std::initializer_list<std::pair<std::vector<std::string>, const char*>>{
             {{"127.0.0.1"}, "the port is missing: client HOST PORT, or HOST:PORT"},
             {{"5000"}, "the port is missing"},
             {{"::1"}, "HOST:PORT: "},
             {{"::1:5000"}, "HOST:PORT: "},
             {{"[::1]"}, "HOST:PORT: "},
             {{"127.0.0.1:0"}, "no port above 0"},
             {{":5000"}, "HOST:PORT: "},
             {{"127.0.0.1:70000"}, "HOST:PORT: "},
             {{"127.0.0.1:5000", "5001"}, "has a port, and PORT is another"}}) {
        CAPTURE(words, server(words));
        CHECK(server(words).find(why) != std::string::npos);
    }
}

TEST_CASE("a rate may have decimals") {
    CHECK(accepted({"--message", "x", "--rate", "0.5"}).rate == Rate(5, 10));
    CHECK(accepted({"--message", "x", "--rate", "0.001"}).rate == Rate(1, 1'000));
    CHECK(accepted({"--message", "x", "--rate", "9999.999"}).rate == Rate(9'999'999, 1'000));
    CHECK(accepted({"--message", "x", "--rate", "20.0"}).rate == Rate(20, 1));
    for (const char* bad : {"0.0", "0.0001", "10000.001", "1e3", ".5", "100000001"}) {
        CAPTURE(bad);
        refused({"--message", "x", "--rate", bad}, "--rate");
    }
}

TEST_CASE("connections come again for as long as the duration lasts") {
    CHECK_FALSE(accepted({"--message", "x"}).reconnect);
    CHECK(accepted({"--message", "x", "--duration", "1s", "--reconnect"}).reconnect);
    refused({"--message", "x", "--reconnect"}, "--reconnect needs --duration");
    refused({"--script", "x", "--duration", "1s", "--reconnect"},
            "--reconnect and --script exclude each other");
    refused({"--interactive", "--reconnect"}, "--reconnect and --interactive exclude each other",
            true);
}

TEST_CASE("the summary is for a reader or for a script") {
    CHECK_FALSE(accepted({"--message", "x"}).summary);
    CHECK(accepted({"--message", "x", "--summary", "plain"}).summary == Options::Summary::plain);
    CHECK(accepted({"--message", "x", "--summary", "readable"}).summary ==
          Options::Summary::readable);
    refused({"--message", "x", "--summary", "short"}, "not one of readable and plain");
}

TEST_CASE("the questions are asked when nothing says what to send") {
    CHECK(accepted({}, true).is_interactive);
    CHECK(accepted({"--interactive"}).is_interactive);
    CHECK_FALSE(accepted({"--message", "x"}, true).is_interactive);
    refused({}, "--message TEXT, --size BYTES");
    refused({"--interactive", "--message", "x"}, "exclude each other");
    refused({"--connections", "4"}, "--message TEXT", true);
}

TEST_CASE("wrong usage is refused with a reason") {
    refused({"--message", ""}, "cannot be empty");
    refused({"--message", "x", "--size", "4"}, "--size");
    refused({"--message", "x", "--count", "1", "--duration", "1"}, "--duration");
    refused({"--message", "x", "--count", "0"}, "--count");
    refused({"--message", "x", "--connections", "many"}, "many");
    refused({"--message", "x", "--connections", "4294967297"}, "--connections");
    refused({"--message", "x", "--depth", "0"}, "--depth");
    refused({"--message", "x", "--duration", "soon"}, "soon");
    refused({"--message", "x\\y"}, "escape");
    refused({"--message", "x", "--expect", "ehco"}, "ehco");
    refused({"--message", "x", "--expect", "text:"}, "cannot be empty");
    refused({"--message", "x", "--expect", "text:ok", "--depth", "2"}, "--framing");
    refused({"--message", "x", "--expect", "any", "--depth", "2"}, "--framing");
    refused({"--message", "x", "--framing", "lines"}, "lines");
    refused({"--message", "x", "--reply-framing", "lines"}, "lines");
    refused({"--message", "x", "--reply-framing", "delimiter"}, "echo");
    refused({"--message", "x", "--framing", "delimiter", "--reply-framing", "none", "--expect",
             "any", "--depth", "2"},
            "framed replies");
    refused({"--message", "a\\nb", "--framing", "delimiter"}, "contains the delimiter");
    refused({"--message", "a", "--expect", "text:x\\ny", "--framing", "delimiter"},
            "contains the delimiter");
    refused({"--message", "xa", "--framing", "delimiter:aa"}, "contains the delimiter");
    refused({"--size", "0"}, "at least 1 byte");
    refused({"--size", "256", "--framing", "length_prefix:1"}, "length prefix");
    refused({"--size", "3-4", "--framing", "fixed:4"}, "not 3 to 4");
    refused({"--message", "abc", "--framing", "fixed:4"}, "not 3");
    refused({"--message", "abcd", "--framing", "fixed:4", "--expect", "text:no"}, "--expect");
    refused({"--interactive", "--framing", "fixed:4"}, "not all of one size");
    refused({"--size", "9-1"}, "9-1");
    refused({"--message", "x", "--seed", "-1"}, "--seed");
    refused({"--message", "x", "--rate", "0"}, "--rate: \"0\" is not a number from 1 to 100000000");
    refused({"--message", "x", "--rate", "1k"}, "--rate");
    refused({"--message", "x", "--messages-per-connection", "0"}, "--messages-per-connection");
    refused({"--message", "x", "--idle", "-1"}, "--idle");
    refused({"--message", "x", "--threads", "0"}, "--threads");
    refused({"--message", "x", "--threads", "2"}, "--connections");
    refused({"--message", "x", "--source", "localhost"}, "--source: \"localhost\"");
    refused({"--interactive", "--rate", "5"}, "--rate and --interactive exclude each other");
    refused({"--interactive", "--threads", "2"}, "--threads and --interactive");
    refused({"--interactive", "--idle", "2"}, "--idle and --interactive");
    refused({"--interactive", "--messages-per-connection", "2"},
            "--messages-per-connection and --interactive");
    refused({"--message", "x", "surplus"}, "surplus");
    refused({"--message", "x", "--unknown"}, "--unknown");
    CHECK(parse_options({"127.0.0.1"}, true).exit_code == 2);
    CHECK(parse_options({}, true).exit_code == 2);
    CHECK(parse_options({"127.0.0.1", "70000"}, true).exit_code == 2);
    CHECK(parse_options({"127.0.0.1", "0"}, true).exit_code == 2);
}

TEST_CASE("a message with places is distinguished from one without") {
    CHECK(accepted({"--message", "a{message}"}).message == "a{message}");
    const Options options = accepted({"--message", "a\\{message}", "--framing", "delimiter"});
    CHECK_FALSE(options.message);
    CHECK(options.message_pieces.size() == 2);
    refused({"--message", "a\\{message}", "--framing", "delimiter:7"}, "use one without");
    refused({"--message", "a\\n\\{message}", "--framing", "delimiter"}, "several messages");
    refused({"--message", "a\\{random:300}", "--framing", "length_prefix:1"},
            "may become too long");
    refused({"--message", "a\\{number}"}, "not one of");
}

TEST_CASE("how the load begins") {
    const Options options = accepted({"--message", "x", "--rate", "10", "--arrivals", "poisson",
                                      "--ramp-up", "2s", "--warm-up", "500ms", "--duration", "3s"});
    CHECK(options.arrivals == Arrivals::poisson);
    CHECK(options.ramp_up_ns == 2'000'000'000);
    CHECK(options.warm_up_ns == 500'000'000);
    CHECK(accepted({"--message", "x"}).arrivals == Arrivals::even);
    refused({"--message", "x", "--arrivals", "poisson"}, "needs --rate");
    refused({"--message", "x", "--rate", "1", "--arrivals", "odd"}, "not one of even and poisson");
    refused({"--message", "x", "--warm-up", "1s"}, "needs --duration");
    refused({"--message", "x", "--duration", "1s", "--ramp-up", "2s"}, "longer than the run");
    refused({"--message", "x", "--rate", "5", "--count", "3", "--ramp-up", "2s"},
            "needs --duration");
}

TEST_CASE("bad clients are dealt mode after mode") {
    const Options options = accepted({"--message", "x", "--hostile", "reset:3,silent,garbage:2"});
    CHECK(options.hostile == std::vector<Hostile>{Hostile::reset, Hostile::silent, Hostile::garbage,
                                                  Hostile::reset, Hostile::garbage,
                                                  Hostile::reset});
    CHECK(accepted({"--message", "x"}).hostile.empty());
    refused({"--message", "x", "--hostile", "rude"}, "not one of silent, slow_reader");
    refused({"--message", "x", "--hostile", "reset:0"}, "from 1 to");
    refused({"--message", "x", "--hostile", "reset:1,"}, "\"\" is not one of");
    refused({"--message", "x", "--hostile", "reset:1:2"}, "from 1 to");
}

TEST_CASE("what is written, shown and not to happen") {
    const ParsedOptions parsed = parse_options(
        {"--message", "x", "--json", "run.json", "--report", "run.html", "--fail-if", "p99>5ms",
         "--fail-if", "lost>0", "--progress", "plain", "127.0.0.1", "5000"},
        false);
    REQUIRE(parsed.options);
    CHECK(parsed.options->json_file == "run.json");
    CHECK(parsed.options->report_file == "run.html");
    REQUIRE(parsed.options->thresholds.size() == 2);
    CHECK(parsed.options->thresholds[1].text == "lost>0");
    CHECK(parsed.options->progress == Options::ProgressShown::plain);
    refused({"--message", "x", "--fail-if", "p98>5ms"}, "p90");
    refused({"--message", "x", "--progress", "some"}, "not one of live");
    refused({"--message", "x", "--json", "a", "--report", "a"}, "cannot be both");
}

TEST_CASE("help and version are no errors, and each topic fits a screen") {
    const std::string overview = parse_options({"--help"}, false).text;
    const std::vector<std::string> topics{"",        "messages", "replies", "load", "connections",
                                          "hostile", "output",   "figures"};
    for (const std::string& topic : topics) {
        CAPTURE(topic);
        const ParsedOptions help = topic.empty() ? parse_options({"-h"}, false)
                                                 : parse_options({"--help", topic}, false);
        CHECK_FALSE(help.options);
        CHECK(help.exit_code == 0);
        CHECK(overview.find("  " + topic) != std::string::npos);
        std::istringstream lines(help.text);
        int count = 0;
        for (std::string line; std::getline(lines, line); ++count) {
            CAPTURE(line);
            CHECK(line.size() <= 100);
        }
        CHECK(count <= 40);
    }
    const std::string all = parse_options({"host", "--help", "all", "--wrong"}, false).text;
    for (const char* name :
         {"connections_opened", "received", "latency_p99_us", "latency_p999_us", "Examples", "130",
          "--size", "--seed", "--expect", "--rate", "--source", "--quiet"}) {
        CAPTURE(name);
        CHECK(all.find(name) != std::string::npos);
    }
    const ParsedOptions unknown = parse_options({"--help", "lode"}, false);
    CHECK(unknown.exit_code == 2);
    CHECK(unknown.text.find("\"lode\" is not a topic") != std::string::npos);
    const ParsedOptions version = parse_options({"--version"}, false);
    CHECK(version.exit_code == 0);
    CHECK(version.text.starts_with("client "));
}
