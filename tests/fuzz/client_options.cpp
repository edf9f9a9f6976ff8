// Any command line of the client, one argument a line. It ends with options that keep every
// documented range and fit together, so messages can be made from them; or with help; or with one
// usage error and exit code 2. No exception escapes.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "cli/load_run.hpp"
#include "cli/options.hpp"
#include "messages/message.hpp"

using namespace portico;
using client::Options;

namespace {

void check_payload(const std::string& payload, const client::Framing& framing) {
    using Type = client::Framing::Type;
    PORTICO_ASSERT(payload.size() >= framing.payload_min() &&
                   payload.size() <= framing.payload_max());
    if (framing.type == Type::delimiter) {
        client::FrameScanner scanner;
        const std::string framed = payload + framing.delimiter;
        const client::FrameScanner::Piece piece = scanner.scan(framing, client::bytes_of(framed));
        PORTICO_ASSERT(piece.complete && piece.size == framed.size());
    }
}

void check_options(const Options& options) {
    PORTICO_ASSERT(options.port != 0);
    PORTICO_ASSERT(options.connections >= 1 && options.connections <= client::connections_max);
    PORTICO_ASSERT(options.depth >= 1 && options.depth <= client::depth_max);
    PORTICO_ASSERT(options.count <= client::count_max &&
                   (options.count == 0) == (options.duration_ns != 0));
    PORTICO_ASSERT(options.timeout_ns >= base::nanoseconds_per_millisecond &&
                   options.connect_timeout_ns >= base::nanoseconds_per_millisecond);
    if (options.is_interactive) {
        PORTICO_ASSERT(!options.message && options.sizes.max == 0);
        return;
    }
    if (options.script_file) {
        PORTICO_ASSERT(!options.message && options.message_pieces.empty() &&
                       options.sizes.max == 0 && options.depth == 1 && options.rate == 0);
        return;
    }
    const bool framed = options.reply_framing.type != client::Framing::Type::none;
    if (options.message) {
        check_payload(*options.message, options.framing);
    } else if (options.message_pieces.empty()) {
        PORTICO_ASSERT(options.sizes.min <= options.sizes.max &&
                       options.sizes.max <= options.framing.payload_max());
        PORTICO_ASSERT(options.sizes.min >= options.framing.payload_min());
    }
    if (options.expect == Options::Expect::text) {
        const auto expected = client::make_template_messages(options.seed, options.expected_pieces);
        std::string filled_in(static_cast<std::size_t>(expected->size({1, 1})), ' ');
        expected->fill({1, 1}, 0, std::as_writable_bytes(std::span(filled_in)));
        check_payload(filled_in, options.reply_framing);
    }
    PORTICO_ASSERT(options.expect != Options::Expect::echo ||
                   options.framing == options.reply_framing ||
                   (options.framing.adds_nothing() && options.reply_framing.adds_nothing()));
    PORTICO_ASSERT(options.framing.type != client::Framing::Type::idle);
    PORTICO_ASSERT(options.reply_framing.type != client::Framing::Type::idle || options.depth == 1);
    PORTICO_ASSERT((options.expect == Options::Expect::pattern) ==
                   options.expected_pattern.has_value());
    PORTICO_ASSERT(options.expect != Options::Expect::pattern || framed);
    PORTICO_ASSERT(options.expect != Options::Expect::any || framed || options.depth == 1);
    const auto payloads = client::payloads_of(options);
    const std::uint64_t bytes = payloads->size({1, 1});
    if (!options.message_pieces.empty()) {
        std::string filled_in(static_cast<std::size_t>(bytes), ' ');
        payloads->fill({1, 1}, 0, std::as_writable_bytes(std::span(filled_in)));
        check_payload(filled_in, options.framing);
        PORTICO_ASSERT(payloads->match({1, 1}, 0, client::bytes_of(filled_in)) == filled_in.size());
    }
    PORTICO_ASSERT(options.warm_up_ns == 0 || options.count == 0);
    PORTICO_ASSERT(options.arrivals == client::Arrivals::even || options.rate != 0);
    for (const client::Threshold& each : options.thresholds) {
        PORTICO_ASSERT(each.figure != nullptr);
    }
    PORTICO_ASSERT(bytes <= payloads->size_max() &&
                   (bytes != 0 || options.framing.type != client::Framing::Type::none));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const bool has_terminal = (data[0] & 1) != 0;
    std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
    std::vector<std::string> arguments;
    while (!rest.empty() && arguments.size() < 40) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        arguments.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    for (const std::string& argument : arguments) {
        if (argument.starts_with("--message-file")) {
            return 0;  // could be any file of this machine, even an endless one
        }
    }
    const client::ParsedOptions parsed = client::parse_options(arguments, has_terminal);
    if (parsed.options) {
        PORTICO_ASSERT(parsed.text.empty() && parsed.exit_code == 0);
        check_options(*parsed.options);
        return 0;
    }
    PORTICO_ASSERT(parsed.exit_code == 0 || parsed.exit_code == 2);
    PORTICO_ASSERT(!parsed.text.empty() && parsed.text.back() == '\n');
    if (parsed.exit_code == 2) {
        PORTICO_ASSERT(parsed.text.starts_with("client: ") &&
                       parsed.text.ends_with("\nsee client --help\n"));
    }
    return 0;
}
