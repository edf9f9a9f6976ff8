// A whole configuration, as an operator might write it. Reading it always ends with a configuration
// that keeps every documented range, or with mistakes that name file, line and place in one clean
// line each. It never throws, and always gives the same result.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "config/json_source.hpp"
#include "config/load.hpp"
#include "config/utf8.hpp"

using namespace portico;

namespace {

const std::string file = "/etc/portico/host.json";

bool is_digit(char letter) {
    return letter >= '0' && letter <= '9';
}

// The line that a mistake names, from 1. What follows the number and its colon is left in `rest`.
std::size_t line_of(std::string_view mistake, std::string_view& rest) {
    PORTICO_ASSERT(mistake.starts_with(file + ":"));
    rest = mistake.substr(file.size() + 1);
    std::size_t line = 0;
    PORTICO_ASSERT(!rest.empty() && is_digit(rest.front()) && rest.front() != '0');
    for (; !rest.empty() && is_digit(rest.front()); rest.remove_prefix(1)) {
        line = line * 10 + static_cast<std::size_t>(rest.front() - '0');
    }
    PORTICO_ASSERT(rest.starts_with(":"));
    rest.remove_prefix(1);
    return line;
}

void check_mistake(const std::string& mistake, std::size_t lines) {
    std::string_view rest;
    const std::size_t line = line_of(mistake, rest);
    PORTICO_ASSERT(line >= 1 && line <= lines);
    PORTICO_ASSERT(rest.size() > 10 && !rest.ends_with(' '));
    PORTICO_ASSERT(!config::first_invalid(mistake).has_value());
    for (std::size_t at = 0; at < mistake.size();) {
        const config::CodePoint point = config::decode(mistake, at);
        PORTICO_ASSERT(!config::is_control(point.value));
        at += point.size;
    }
}

template <class Number>
void check_range(Number value, Number least, Number most) {
    PORTICO_ASSERT(value >= least && value <= most);
}

void check_framing(const config::Framing& framing) {
    using Type = config::Framing::Type;
    check_range<std::size_t>(framing.delimiter.size(), 1, 16);
    PORTICO_ASSERT(framing.prefix_bytes == 1 || framing.prefix_bytes == 2 ||
                   framing.prefix_bytes == 4);
    check_range(framing.max_bytes, 1U, 16'777'216U);
    if (framing.type == Type::length_prefix && framing.prefix_bytes < 4) {
        PORTICO_ASSERT(framing.max_bytes < 1U << (8 * framing.prefix_bytes));
    }
}

void check_limits(const config::Limits& limits) {
    constexpr std::uint32_t gibibyte = 1U << 30;
    check_range(limits.connections, 1U, 1'000'000U);
    check_range(limits.send_queue_bytes, 64U, gibibyte);
    check_range(limits.send_queue_low_bytes, 0U, limits.send_queue_bytes - 1);
    check_range(limits.max_send_bytes, 1U, gibibyte);
    check_range(limits.unconsumed_bytes, 1U, gibibyte);
    check_range(limits.idle_timeout_ms, 0U, config::timeout_ms_max);
    check_range(limits.half_close_timeout_ms, 1U, config::timeout_ms_max);
    check_range(limits.close_timeout_ms, 1U, config::timeout_ms_max);
    check_range(limits.keepalive_idle_ms, 0U, config::keepalive_ms_max);
    check_range(limits.keepalive_interval_ms, 1U, config::keepalive_ms_max);
    check_range(limits.keepalive_probes, 1U, config::keepalive_probes_max);
    check_range(limits.unacknowledged_timeout_ms, 0U, config::timeout_ms_max);
}

// Each value knows its line of the file.
void check_lines(const config::Lines& known, const config::Node& node, const std::string& pointer,
                 std::size_t lines) {
    check_range<std::size_t>(static_cast<std::size_t>(known.of(pointer)), 1, lines);
    std::size_t index = 0;
    for (const config::Node& child : node.children) {
        std::string step;
        for (const char letter : child.key) {
            step += letter == '~' ? "~0" : letter == '/' ? "~1" : std::string(1, letter);
        }
        check_lines(known, child,
                    pointer + "/" +
                        (node.kind == config::Node::Kind::array ? std::to_string(index++) : step),
                    lines);
    }
}

// Normalised JSON is an object, has no mistakes, and is its own normal form.
void check_settings(const config::Settings& settings, std::size_t lines) {
    const config::Parsed parsed = config::parse_json(settings.json);
    PORTICO_ASSERT(parsed.error.text.empty() && parsed.root.kind == config::Node::Kind::object);
    PORTICO_ASSERT(config::to_json_text(parsed.root) == settings.json);
    PORTICO_ASSERT(settings.file == file && settings.path.starts_with("listeners["));
    check_lines(settings.lines, parsed.root, "", lines);
}

void check_upstreams(const std::vector<config::Upstream>& upstreams, std::size_t lines) {
    std::set<std::string> names;
    for (const config::Upstream& upstream : upstreams) {
        PORTICO_ASSERT(names.insert(upstream.name).second);
        check_range<std::size_t>(config::code_points(upstream.name), 1, 64);
        PORTICO_ASSERT(!upstream.address.empty());
        check_range(upstream.connect_timeout_ms, 1U, config::timeout_ms_max);
        check_range<std::size_t>(static_cast<std::size_t>(upstream.line), 1, lines);
        check_framing(upstream.framing);
        check_limits(upstream.limits);
        PORTICO_ASSERT(upstream.send_proxy <= config::SendProxy::v2);
    }
}

void check_valid(const config::Config& read, std::size_t lines) {
    PORTICO_ASSERT(read.file == file);
    PORTICO_ASSERT(read.plugin_directory.empty() || read.plugin_directory.front() == '/');
    PORTICO_ASSERT(read.log.file.empty() || read.log.file.front() == '/');
    check_range(read.io.threads, 0U, 1'024U);
    check_range(read.io.receive_buffer_bytes, 512U, 1U << 20);
    check_range(read.io.receive_buffers, 16U, 1U << 20);
    check_range(read.log.queue, 16U, 1U << 20);
    check_range(read.drain_ms, 0U, config::timeout_ms_max);
    PORTICO_ASSERT(read.admin.token_file.empty() ||
                   (read.admin.token_file.front() == '/' && !read.admin.listen.text.empty()));
    PORTICO_ASSERT(!read.listeners.empty());
    std::set<std::string> names;
    for (const config::Listener& listener : read.listeners) {
        PORTICO_ASSERT(names.insert(listener.name).second);
        check_range<std::size_t>(config::code_points(listener.name), 1, 64);
        PORTICO_ASSERT(listener.name.find_first_of(" \t\r\n\"'") == std::string::npos);
        PORTICO_ASSERT(!listener.plugin.empty() &&
                       listener.plugin.find_first_of("/\\:") == std::string::npos);
        check_range<std::size_t>(listener.listen.size(), 1, config::listen_addresses_max);
        for (const config::ListenAddress& entry : listener.listen) {
            PORTICO_ASSERT(!entry.text.empty() && entry.key.starts_with("listen"));
            check_range<std::size_t>(static_cast<std::size_t>(entry.line), 1, lines);
        }
        check_range(listener.blocking_threads, 1U, 1'024U);
        check_range(listener.executor_threads, 1U, 1'024U);
        check_range(listener.executor_queue, 1U, 65'536U);
        check_range(listener.watchdog_ms.value_or(0), 0U, config::timeout_ms_max);
        check_range<std::size_t>(static_cast<std::size_t>(listener.line), 1, lines);
        check_framing(listener.framing);
        check_limits(listener.limits);
        check_settings(listener.settings, lines);
        check_upstreams(listener.upstreams, lines);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const std::size_t lines = 1 +
                              static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    const config::Loaded loaded = config::load_text(text, file);
    PORTICO_ASSERT(config::load_text(text, file).mistakes == loaded.mistakes);
    for (const std::string& mistake : loaded.mistakes) {
        check_mistake(mistake, lines);
    }
    if (loaded.mistakes.empty()) {
        check_valid(loaded.config, lines);
    }
    // A line of comment in front moves every mistake down by one line and changes nothing else. (An
    // encoding's mark, and a text of only blanks, have messages of their own.)
    const bool marked = size != 0 && data[0] >= 0x80;
    if (!marked && text.find_first_not_of(" \t\r\n") != std::string::npos) {
        const config::Loaded moved = config::load_text("// one line more\n" + text, file);
        PORTICO_ASSERT(moved.mistakes.size() == loaded.mistakes.size());
        for (std::size_t i = 0; i < moved.mistakes.size(); ++i) {
            std::string_view rest;
            std::string_view moved_rest;
            PORTICO_ASSERT(line_of(moved.mistakes[i], moved_rest) ==
                           line_of(loaded.mistakes[i], rest) + 1);
            // Texts may name lines themselves ("first on line 3").
            PORTICO_ASSERT(rest.find(" line ") != std::string_view::npos || moved_rest == rest);
        }
    }
    return 0;
}
