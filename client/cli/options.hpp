// The command line as plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/address.hpp"
#include "load/hostile.hpp"
#include "load/schedule.hpp"
#include "messages/framing.hpp"
#include "messages/message_template.hpp"
#include "messages/pattern.hpp"
#include "messages/text.hpp"
#include "report/thresholds.hpp"

namespace portico::client {

struct Options {
    enum class Expect : std::uint8_t { echo, text, pattern, any };
    enum class ProgressShown : std::uint8_t { live, plain, none };
    enum class Summary : std::uint8_t { readable, plain };

    std::string host;
    std::uint16_t port = 0;
    bool is_interactive = false;

    std::optional<std::string> message;        // unescaped, or a file's bytes
    std::vector<MessagePiece> message_pieces;  // instead of it, if it has places to fill in
    SizeRange sizes;                           // without a message
    std::uint64_t seed = 1;
    std::uint32_t connections = 1;
    std::uint32_t idle = 0;
    std::vector<Hostile> hostile;
    std::uint32_t threads = 1;
    std::vector<io::Address> sources;  // empty: the system chooses
    std::uint64_t count = 1;           // 0: until duration_ns is over
    std::uint64_t duration_ns = 0;
    std::uint64_t warm_up_ns = 0;
    std::uint64_t ramp_up_ns = 0;
    std::uint64_t messages_per_connection = 0;  // 0: all
    Rate rate;                                  // none: as fast as replies come
    bool reconnect = false;
    Arrivals arrivals = Arrivals::even;
    std::uint32_t depth = 1;
    Expect expect = Expect::echo;
    std::vector<MessagePiece> expected_pieces;  // of a text
    std::optional<Pattern> expected_pattern;
    std::optional<std::string> script_file;  // UTF-8; instead of a message and what is expected
    Framing framing;                         // of the messages
    Framing reply_framing;                   // of the replies; the same unless set
    std::uint64_t connect_timeout_ns = 0;
    std::uint64_t timeout_ns = 0;
    bool is_quiet = false;
    std::optional<ProgressShown> progress;  // nothing: depends on the error output and is_quiet
    std::optional<Summary> summary;         // nothing: depends on the output
    std::string json_file;                  // UTF-8; "-": standard output; empty: none
    std::string report_file;                // likewise
    std::vector<Threshold> thresholds;
};

// The result of a command line: a run, or a `text` to print before the program ends (to the error
// output if exit_code is not 0).
struct ParsedOptions {
    std::optional<Options> options;
    std::string text;
    int exit_code = 0;
};

// `arguments` in UTF-8 without the program's name. `may_ask`: if they do not say what to send, the
// program asks the questions of the article's client.
[[nodiscard]] ParsedOptions parse_options(std::vector<std::string> arguments, bool may_ask);

inline constexpr std::uint32_t connections_max = 1'000'000;
inline constexpr std::uint64_t count_max = 1'000'000'000'000;
inline constexpr std::uint32_t depth_max = 65'536;
inline constexpr std::uint32_t io_threads_max = 256;
inline constexpr std::uint64_t rate_max = 100'000'000;

}  // namespace portico::client
