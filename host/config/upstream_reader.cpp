#include "config/upstream_reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "config/framing_reader.hpp"
#include "config/limits_reader.hpp"
#include "config/meant_address.hpp"
#include "config/utf8.hpp"
#include "io/address.hpp"

namespace portico::config {

namespace {

constexpr std::string_view an_address =
    "an address with a port, such as \"127.0.0.1:6000\", \"[::1]:6000\" or \"db.internal:6000\"";

// Says what to write instead of an address in another notation; empty for anything else.
std::string upstream_meant_by(std::string_view text) {
    constexpr std::string_view example = "6000";
    if (text.size() > excerpt_characters) {
        return {};  // too long to repeat
    }
    std::string meant = meant_by_notation(text, example);
    return !meant.empty() ? meant : meant_by_parts(text, example);
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
    if (has_spaces(text)) {
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
