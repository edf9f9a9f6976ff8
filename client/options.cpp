#include "options.hpp"

#include <algorithm>
#include <CLI/CLI.hpp>
#include <sstream>

#include "report.hpp"
#include "sources.hpp"

namespace portico::client {

namespace {

constexpr const char* footer = R"(
Examples:
  client 127.0.0.1 5000
      asks for a message, a number of threads and a number of sends
  client 127.0.0.1 5000 --message "Hello" --connections 64 --count 1000
  client ::1 5000 --size 1-60000 --connections 200 --duration 10s --depth 8
  client localhost 5001 --message Hi --expect "text:Message received successfully"
  client localhost 5002 --message "GET x" --framing delimiter:\r\n --depth 16 --expect any
  client 10.0.0.2 5000 --size 100 --connections 100 --depth 64 --rate 50000 --count 1000
  client 127.0.0.1 5000 --size 100 --connections 100 --idle 100000 --source 127.0.0.2-127.0.0.9

Prints, one figure a line (name, blanks, value), what scripts may rely on:
  connections_opened    connections_failed (could not be opened)
  connections_broken    opened, but ended before their work was done
  sent received         messages that left, and replies that came (wrong ones too)
  wrong lost            replies not as expected; messages without a reply
  unexpected unanswered replies to nothing; messages on their way at Ctrl-C
  bytes_sent bytes_received seconds messages_per_second mib_per_second (received)
  latency_p50_us latency_p90_us latency_p99_us latency_p999_us latency_max_us
and, where it was asked for,
  connections_per_second        with --messages-per-connection: opened while messages flowed
  idle_opened idle_broken       with --idle: the broken could not be opened, or ended too soon
  rate rate_achieved            with --rate: asked for, and how many a second left
  sent_late not_sent            left more than 1 ms after they were due; were due, and had not
                                left when --duration was over: the client or the server lags
With --count, connections x count = received + lost.
Connections are opened before the first message is sent.
Latency counts from the sending of a message; with --rate from the instant at which it was due.

Exit codes: 0 all right; 1 could not run, or not one connection; 2 wrong usage;
  3 something wrong, lost, unexpected, or a connection failed or broken, idle ones too;
  130 interrupted)";

// What was written, before it is understood.
struct Texts {
    std::string host, port, message, size, seed, connections, count, duration, depth, rate, messages_per_connection, idle, threads, source;
    std::string expect = "echo", framing = "none", reply_framing, connect_timeout = "10s", timeout = "30s";
    bool interactive = false;
    bool quiet = false;
};

// Ends the parsing with a usage error.
struct UsageError {
    std::string text;
};

[[noreturn]] void refuse(std::string text) {
    throw UsageError{std::move(text)};
}

template <class T>
T value_of(const char* option, base::Result<T> result) {
    if (!result) {
        refuse(std::string(option) + ": " + result.error());
    }
    return *std::move(result);
}

std::uint64_t number_in(const char* option, const std::string& text, std::uint64_t least, std::uint64_t most) {
    const auto number = parse_unsigned(text);
    if (!number || *number < least || *number > most) {
        refuse(std::string(option) + ": \"" + text + "\" is no number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return *number;
}

std::string host_without_brackets(const std::string& host) {
    return host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

void understand_expect(const std::string& text, Options& options) {
    if (text == "echo") {
        options.expect = Options::Expect::echo;
    } else if (text == "any") {
        options.expect = Options::Expect::any;
    } else if (text.starts_with("text:")) {
        options.expect = Options::Expect::text;
        options.expected_text = value_of("--expect", unescape(std::string_view(text).substr(5)));
    } else {
        refuse("--expect: \"" + text + "\" is none of echo, any and text:TEXT");
    }
}

// A message or an expected reply that cannot be what was meant, given the framing.
void check_payload(const char* option, const std::string& payload, const Framing& framing) {
    if (framing.type == Framing::Type::none && payload.empty()) {
        refuse(std::string(option) + ": without framing an empty text is no message");
    }
    if (framing.type == Framing::Type::delimiter && (payload + framing.delimiter).find(framing.delimiter) != payload.size()) {
        refuse(std::string(option) + ": the text contains the delimiter, and would be several messages");
    }
    if (payload.size() > framing.payload_max()) {
        refuse(std::string(option) + ": a length prefix of " + std::to_string(framing.prefix_bytes) + " byte(s) cannot say " +
               std::to_string(payload.size()));
    }
}

void check_together(const Options& options) {
    const bool is_framed = options.framing.type != Framing::Type::none;
    if (options.message) {
        check_payload("--message", *options.message, options.framing);
    } else {
        if (!is_framed && options.sizes.min == 0) {
            refuse("--size: without framing a message has at least 1 byte");
        }
        if (options.sizes.max > options.framing.payload_max()) {
            refuse("--size: a length prefix of " + std::to_string(options.framing.prefix_bytes) + " byte(s) cannot say " +
                   std::to_string(options.sizes.max));
        }
    }
    if (options.expect == Options::Expect::text) {
        check_payload("--expect", options.expected_text, options.reply_framing);
    }
    if (options.expect == Options::Expect::echo && options.reply_framing != options.framing) {
        refuse("--reply-framing: an echo comes back as it was sent; other framing needs --expect text:TEXT or any");
    }
    if (options.threads > options.connections) {
        refuse("--threads: " + std::to_string(options.threads) + " threads cannot share " + std::to_string(options.connections) +
               " connection(s); give at least as many --connections");
    }
    // What the server takes for one message is uncertain without framing, and so is what one read brings.
    if (options.expect == Options::Expect::text && !is_framed && options.depth > 1) {
        refuse("--expect text with a --depth above 1 needs --framing: without it the server cannot tell messages apart");
    }
    if (options.expect == Options::Expect::any && options.reply_framing.type == Framing::Type::none && options.depth > 1) {
        refuse("--expect any with a --depth above 1 needs framed replies (--framing): without it they cannot be told apart");
    }
}

Options understand(const Texts& texts, const CLI::App& app, bool has_terminal) {
    Options options;
    options.host = host_without_brackets(texts.host);
    options.port = static_cast<std::uint16_t>(number_in("PORT", texts.port, 1, 65'535));
    options.framing = value_of("--framing", parse_framing(texts.framing));
    options.reply_framing = texts.reply_framing.empty() ? options.framing : value_of("--reply-framing", parse_framing(texts.reply_framing));
    options.connect_timeout_ns = value_of("--connect-timeout", parse_duration_ns(texts.connect_timeout));
    options.timeout_ns = value_of("--timeout", parse_duration_ns(texts.timeout));
    options.is_quiet = texts.quiet;
    if (!texts.source.empty()) {
        options.sources = value_of("--source", parse_sources(texts.source));
    }

    const bool has_message = app.count("--message") != 0;
    const bool has_size = app.count("--size") != 0;
    options.is_interactive = texts.interactive || (!has_message && !has_size && has_terminal);
    if (options.is_interactive) {
        for (const char* option : {"--message", "--size", "--seed", "--connections", "--count", "--duration", "--depth", "--expect",
                                   "--rate", "--messages-per-connection", "--idle", "--threads"}) {
            if (app.count(option) != 0) {
                refuse(texts.interactive ? std::string(option) + " and --interactive exclude each other: the questions ask for it"
                                         : std::string(option) + " needs --message TEXT or --size BYTES beside it");
            }
        }
        return options;
    }
    if (!has_message && !has_size) {
        refuse("nothing to send: give --message TEXT or --size BYTES; or --interactive, to be asked although there is no terminal");
    }

    if (has_message) {
        options.message = value_of("--message", unescape(texts.message));
    } else {
        options.sizes = value_of("--size", parse_size_range(texts.size));
    }
    if (!texts.seed.empty()) {
        options.seed = number_in("--seed", texts.seed, 0, UINT64_MAX);
    }
    if (!texts.connections.empty()) {
        options.connections = static_cast<std::uint32_t>(number_in("--connections", texts.connections, 1, connections_max));
    }
    if (!texts.duration.empty()) {
        options.count = 0;
        options.duration_ns = value_of("--duration", parse_duration_ns(texts.duration));
    }
    if (!texts.count.empty()) {
        options.count = number_in("--count", texts.count, 1, count_max);
    }
    if (!texts.depth.empty()) {
        options.depth = static_cast<std::uint32_t>(number_in("--depth", texts.depth, 1, depth_max));
    }
    if (!texts.rate.empty()) {
        options.rate = number_in("--rate", texts.rate, 1, rate_max);
    }
    if (!texts.messages_per_connection.empty()) {
        options.messages_per_connection = number_in("--messages-per-connection", texts.messages_per_connection, 1, count_max);
    }
    if (!texts.idle.empty()) {
        options.idle = static_cast<std::uint32_t>(number_in("--idle", texts.idle, 1, connections_max));
    }
    if (!texts.threads.empty()) {
        options.threads = static_cast<std::uint32_t>(number_in("--threads", texts.threads, 1, io_threads_max));
    }
    understand_expect(texts.expect, options);
    check_together(options);
    return options;
}

}  // namespace

ParsedOptions parse_options(std::vector<std::string> arguments, bool has_terminal) {
    Texts texts;
    CLI::App app("Sends messages to a server over many connections and checks every reply, byte for byte.", "client");
    app.set_version_flag("--version", std::string("client ") + PORTICO_VERSION);
    app.footer(footer);
    // CLI11 wraps no lines: long texts are cut by hand to fit a terminal of 100 columns.
    app.get_formatter()->column_width(26);
    app.add_option("HOST", texts.host, "Name or address (IPv4, IPv6) of the server")->required()->type_name("");
    app.add_option("PORT", texts.port, "Its port")->required()->type_name("");

    app.option_defaults()->group("What is sent");
    CLI::Option* message =
        app.add_option("--message", texts.message, "This text, as it is; escapes: \\n \\r \\t \\\\ \\xHH")->type_name("TEXT");
    app.add_option("--size", texts.size, "Generated bytes instead: N, or MIN-MAX for random sizes; 64K, 1M")
        ->type_name("N")
        ->excludes(message);
    app.add_option("--seed", texts.seed, "Of the generated bytes and sizes [1]")->type_name("N");
    app.add_option("--framing", texts.framing,
                   "How messages and replies are told apart [none]; added to what is sent:\n"
                   "  delimiter[:TEXT]                   TEXT behind each [\\n]\n"
                   "  length_prefix:1|2|4[:big|little]   its length before each [big]")
        ->type_name("HOW");

    app.option_defaults()->group("How much, and how fast");
    CLI::Option* count = app.add_option("--count", texts.count, "Messages of each connection [1]")->type_name("N");
    app.add_option("--duration", texts.duration, "Send for so long instead: 10, 10s, 500ms, 1m")->type_name("TIME")->excludes(count);
    app.add_option("--depth", texts.depth, "Messages in flight on each connection, at most [1]")->type_name("N");
    app.add_option("--rate", texts.rate,
                   "Messages a second, over all connections, at evenly spaced instants\n"
                   "(an open loop) [the next as soon as --depth allows]")
        ->type_name("N");

    app.option_defaults()->group("Connections");
    app.add_option("--connections", texts.connections, "How many, all open at once [1]")->type_name("N");
    app.add_option("--messages-per-connection", texts.messages_per_connection,
                   "After so many a connection ends in order, and a new one goes on [all]")
        ->type_name("N");
    app.add_option("--idle", texts.idle, "Further connections, opened first, that say nothing to the end [0]")->type_name("N");
    app.add_option("--source", texts.source,
                   "Local addresses to connect from, in turn, where one has too few ports:\n"
                   "ADDRESS or FIRST-LAST, several with commas [the system's choice]")
        ->type_name("ADDRESS");
    app.add_option("--threads", texts.threads, "That share the connections [1]")->type_name("N");
    app.add_option("--connect-timeout", texts.connect_timeout, "For each connection [10s]")->type_name("TIME");
    app.add_option("--timeout", texts.timeout,
                   "A connection is given up when a reply is due and no byte\nmoves either way for so long [30s]")
        ->type_name("TIME");

    app.option_defaults()->group("Replies");
    app.add_option("--expect", texts.expect,
                   "What is a right reply [echo]:\n"
                   "  echo       the message itself\n"
                   "  text:TEXT  TEXT, with escapes as above\n"
                   "  any        whatever one read brings; with --framing: any frame")
        ->type_name("WHAT");
    app.add_option("--reply-framing", texts.reply_framing, "Of the replies, where it is not that of the messages")->type_name("HOW");

    app.option_defaults()->group("The program");
    app.add_flag("--interactive", texts.interactive, "Ask what to send, although standard input is no terminal");
    app.add_flag("--quiet", texts.quiet, "No progress and no summary; failures are still reported");

    const auto usage_error = [](const std::string& text) {
        return ParsedOptions{std::nullopt, "client: " + text + "\nclient --help says more\n", exit_code::usage};
    };
    try {
        std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
        app.parse(std::move(arguments));
        return {understand(texts, app, has_terminal), {}, 0};
    } catch (const CLI::Success& asked) {  // --help, --version
        std::ostringstream out;
        app.exit(asked, out, out);
        return {std::nullopt, out.str(), exit_code::all_right};
    } catch (const CLI::ParseError& error) {
        return usage_error(error.what());
    } catch (const UsageError& error) {
        return usage_error(error.text);
    }
}

}  // namespace portico::client
