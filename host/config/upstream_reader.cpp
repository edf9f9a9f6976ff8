#include "config/upstream_reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "config/framing_reader.hpp"
#include "config/limits_reader.hpp"
#include "config/utf8.hpp"
#include "io/address.hpp"

namespace portico::config {

namespace {

constexpr std::string_view an_address =
    "an address with a port, such as \"127.0.0.1:6000\", \"[::1]:6000\" or \"db.internal:6000\"";

// Says what to write instead of an address in another notation; empty for anything else.
std::string upstream_meant_by(std::string_view text) {
    if (text.size() > excerpt_characters) {
        return {};  // too long to repeat
    }
    if (text.starts_with("unix:") || text.starts_with("/") || text.starts_with("@")) {
        return "a TCP address such as \"127.0.0.1:6000\": Unix sockets are not supported";
    }
    if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
        const std::string_view rest = text.substr(scheme + 3);
        return in_quotes(rest.substr(0, rest.find('/'))) + ": address and port alone";
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        const bool is_port = text.find_first_not_of("0123456789") == std::string_view::npos;
        return is_port || text.empty() ? ""
                                       : in_quotes(std::string(text) + ":6000") + ", with a port";
    }
    if (text.starts_with("[") && text.ends_with("]")) {
        return in_quotes(std::string(text) + ":6000") + ", with a port";
    }
    const std::string host(text.substr(0, colon));
    if (!text.starts_with("[") && host.find(':') != std::string::npos && io::parse_address(host)) {
        return in_quotes("[" + host + "]" + std::string(text.substr(colon))) +
               ": an IPv6 address needs brackets";
    }
    return {};
}

bool has_blanks(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint point = decode(text, at);
        if (is_control(point.value) || is_space(point.value)) {
            return true;
        }
        at += std::max<std::size_t>(point.size, 1);
    }
    return false;
}

void read_address(ObjectReader& reader, std::string& address) {
    const Node* node = reader.string("address", an_address);
    if (node == nullptr) {
        if (reader.value("address") == nullptr) {
            reader.missing("address", an_address);
        }
        return;
    }
    const std::string& text = node->text;
    if (has_blanks(text)) {
        reader.mistake("address", *node, std::string(an_address) + ", without spaces");
        return;
    }
    if (const std::string meant = upstream_meant_by(text); !meant.empty()) {
        reader.mistake("address", *node, meant);
        return;
    }
    auto parsed = io::parse_host_port(text);
    if (!parsed) {
        // It repeats the whole text before its reason.
        std::string_view reason = parsed.error();
        const std::string repeated = '"' + text + '"';
        reason.remove_prefix(reason.starts_with(repeated) ? repeated.size() : 0);
        reader.mistake("address", "found " + in_quotes(text) + std::string(reason));
    } else if (parsed->port == 0 || parsed->host == "*") {
        reader.mistake("address", *node, std::string(an_address) + "; the port is 1 to 65535");
    } else {
        address = text;
    }
}

Upstream read_upstream(ObjectReader reader, std::string name, int line) {
    Upstream upstream;
    upstream.name = std::move(name);
    upstream.line = line;
    read_address(reader, upstream.address);
    reader.integer("connect_timeout_ms", upstream.connect_timeout_ms, 1, timeout_ms_max);
    read_framing(reader.object_reader("framing"), upstream.framing);
    read_limits(reader.object_reader("limits"), upstream.limits);
    static_cast<void>(reader.choice<SendProxy, SendProxy>(
        "send_proxy", upstream.send_proxy, {{"v1", SendProxy::v1}, {"v2", SendProxy::v2}}));
    reader.reject_unknown_keys();
    return upstream;
}

}  // namespace

void read_upstreams(ObjectReader reader, std::vector<Upstream>& upstreams) {
    for (const Node* node : reader.members()) {
        if (!is_one_word(node->key)) {
            reader.mistake(node->key, "found the name " + in_quotes(node->key) + ", expected " +
                                          std::string(one_word));
        } else if (reader.object(node->key) != nullptr) {
            upstreams.push_back(
                read_upstream(reader.object_reader(node->key), node->key, node->line));
        }
    }
}

}  // namespace portico::config
