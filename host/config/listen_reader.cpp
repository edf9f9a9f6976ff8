#include "config/listen_reader.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "config/meant_address.hpp"
#include "config/utf8.hpp"
#include "io/address.hpp"

namespace portico::config {

namespace {

constexpr std::string_view listen_key = "listen";

constexpr std::string_view expected_address =
    "an address such as \"127.0.0.1:5000\", \"[::1]:5000\", \"localhost:5000\" or \"5000\"";

// Says what to write for an address in another program's notation; empty for anything else.
std::string meant_by(std::string_view text) {
    constexpr std::string_view example = "5000";
    if (text.size() > excerpt_characters) {
        return {};  // too long to repeat
    }
    if (std::string meant = meant_by_notation(text, example); !meant.empty()) {
        return meant;
    }
    const std::size_t colon = text.rfind(':');
    const std::string_view host = text.substr(0, colon);
    if (host == "*" || (host.empty() && colon == 0)) {
        const std::string port(colon == std::string_view::npos ? example : text.substr(colon + 1));
        return in_quotes("0.0.0.0:" + port) + " for all IPv4 addresses of this machine, or " +
               in_quotes("[::]:" + port) + " for all IPv6 ones";
    }
    return meant_by_parts(text, example);
}

// Says what is wrong with the text of an address, else fills `parsed`: "found ..., expected ...".
std::string fault_of(const Node& node, io::HostPort& parsed) {
    const std::string& text = node.text;
    if (has_spaces(text)) {
        return found_expected(node, std::string(expected_address) + ", without spaces");
    }
    if (const std::string meant = meant_by(text); !meant.empty()) {
        return found_expected(node, meant);
    }
    base::Result<io::HostPort> result = io::parse_host_port(text);
    if (!result) {
        // It repeats the whole text before its reason.
        std::string_view reason = result.error();
        const std::string repeated = '"' + text + '"';
        reason.remove_prefix(reason.starts_with(repeated) ? repeated.size() : 0);
        return "found " + in_quotes(text) + std::string(reason);
    }
    parsed = std::move(*result);
    return {};
}

// Reads the addresses of one listener.
class Reading {
public:
    Reading(const std::string& listener_path, std::vector<ListenAddress>& listen,
            TakenAddresses& taken, Mistakes& mistakes)
        : listener_path_(listener_path), listen_(listen), taken_(taken), mistakes_(mistakes) {}

    // `key`: "listen", or "listen[1]" for the entry of a list.
    void read(const Node& node, const std::string& key) {
        const std::string path = listener_path_ + "." + key;
        io::HostPort parsed;
        if (node.kind != Node::Kind::string) {
            mistakes_.add(node.line, path, found_expected(node, expected_address));
        } else if (const std::string fault = fault_of(node, parsed); !fault.empty()) {
            mistakes_.add(node.line, path, fault);
        } else {
            listen_.push_back({node.text, key, node.line});
            take(node, path, key == listen_key ? listener_path_ : path, parsed);
        }
    }

private:
    // `owner`: the name of this address in the mistake of another one.
    void take(const Node& node, const std::string& path, const std::string& owner,
              const io::HostPort& parsed) {
        if (parsed.port == 0) {
            return;  // any free port, so never the same
        }
        std::string host = parsed.host.empty() ? "127.0.0.1" : parsed.host;
        std::transform(host.begin(), host.end(), host.begin(), lower);
        const auto [other, inserted] = taken_.emplace(std::pair(host, parsed.port),
                                                      Place{owner, node.line});
        if (!inserted) {
            const bool is_own = other->second.path.starts_with(listener_path_ + ".");
            const std::string_view expected = is_own ? "an address that the list has only once"
                                                     : "an address that no other listener has";
            mistakes_.add(node.line, path,
                          found_expected(node, std::string(expected) + " (" +
                                                   text_of(other->second) + " has it)"));
        }
    }

    const std::string& listener_path_;
    std::vector<ListenAddress>& listen_;
    TakenAddresses& taken_;
    Mistakes& mistakes_;
};

}  // namespace

void read_single_listen(ObjectReader& object, ListenAddress& listen, TakenAddresses& taken,
                        Mistakes& mistakes) {
    const Node* node = object.value(listen_key);
    if (node == nullptr) {
        object.missing(listen_key, expected_address);
        return;
    }
    std::vector<ListenAddress> one;
    Reading(object.path(), one, taken, mistakes).read(*node, std::string(listen_key));
    if (!one.empty()) {
        listen = one.front();
    }
}

void read_listen(ObjectReader& listener, std::vector<ListenAddress>& listen, TakenAddresses& taken,
                 Mistakes& mistakes) {
    const std::string expected = std::string(expected_address) + ", or a list of them";
    const Node* node = listener.value(listen_key);
    Reading reading(listener.path(), listen, taken, mistakes);
    if (node == nullptr) {
        listener.missing(listen_key, expected);
    } else if (node->kind == Node::Kind::string) {
        reading.read(*node, std::string(listen_key));
    } else if (node->kind != Node::Kind::array) {
        listener.mistake(listen_key, *node, expected);
    } else if (node->children.empty() || node->children.size() > listen_addresses_max) {
        listener.mistake(listen_key, *node,
                         "a list of 1 to " + std::to_string(listen_addresses_max) + " addresses");
    } else {
        for (std::size_t index = 0; index < node->children.size(); ++index) {
            reading.read(node->children[index], element_path(listen_key, index));
        }
    }
}

}  // namespace portico::config
