#include "config/schema_reader.hpp"

#include <algorithm>
#include <array>

#include "config/suggest.hpp"
#include "config/utf8.hpp"

namespace portico::config {

namespace {

// The place of each key, for the mistake if it stands in another one.
struct Home {
    std::string_view key;
    std::string_view place;
};
constexpr std::string_view at_top = "at the top level";
constexpr std::string_view in_listener = "in a listener";
constexpr std::array homes = {
    Home{"io", at_top},
    Home{"plugin_directory", at_top},
    Home{"listeners", at_top},
    Home{"log", at_top},
    Home{"admin", at_top},
    Home{"shutdown", at_top},
    Home{"backend", "in \"io\""},
    Home{"ports", "in \"io\""},
    Home{"threads", "in \"io\""},
    Home{"receive_buffer_bytes", "in \"io\""},
    Home{"receive_buffers", "in \"io\""},
    Home{"name", in_listener},
    Home{"listen", in_listener},
    Home{"plugin", in_listener},
    Home{"settings", in_listener},
    Home{"framing", in_listener},
    Home{"limits", in_listener},
    Home{"blocking_threads", in_listener},
    Home{"executor_threads", in_listener},
    Home{"executor_queue", in_listener},
    Home{"watchdog_ms", in_listener},
    Home{"upstreams", in_listener},
    Home{"address", "in an upstream"},
    Home{"connect_timeout_ms", "in an upstream"},
    Home{"send_proxy", "in an upstream"},
    Home{"type", "in \"framing\""},
    Home{"delimiter", "in \"framing\""},
    Home{"bytes", "in \"framing\""},
    Home{"order", "in \"framing\""},
    Home{"max_bytes", "in \"framing\""},
    Home{"connections", "in \"limits\""},
    Home{"send_queue_bytes", "in \"limits\""},
    Home{"send_queue_low_bytes", "in \"limits\""},
    Home{"max_send_bytes", "in \"limits\""},
    Home{"unconsumed_bytes", "in \"limits\""},
    Home{"idle_timeout_ms", "in \"limits\""},
    Home{"half_close_timeout_ms", "in \"limits\""},
    Home{"close_timeout_ms", "in \"limits\""},
    Home{"keepalive_idle_ms", "in \"limits\""},
    Home{"keepalive_interval_ms", "in \"limits\""},
    Home{"keepalive_probes", "in \"limits\""},
    Home{"unacknowledged_timeout_ms", "in \"limits\""},
    Home{"level", "in \"log\""},
    Home{"file", "in \"log\""},
    Home{"access", "in \"log\""},
    Home{"queue", "in \"log\""},
    Home{"format", "in \"log\""},
    Home{"rotate", "in \"log\""},
    Home{"keep", "in \"rotate\""},
    Home{"token_file", "in \"admin\""},
    Home{"drain_ms", "in \"shutdown\""},
};

// "a", "b" or "c"
std::string list_of(const std::vector<std::string_view>& names) {
    std::string text;
    for (std::size_t index = 0; index < names.size(); ++index) {
        text += index == 0 ? "" : index + 1 == names.size() ? " or " : ", ";
        text += '"' + std::string(names[index]) + '"';
    }
    return text;
}

}  // namespace

std::string join_path(std::string_view path, std::string_view key) {
    const bool plain = !key.empty() && key.size() <= 64 &&
                       std::all_of(key.begin(), key.end(), [](char letter) {
                           return (letter >= 'a' && letter <= 'z') ||
                                  (letter >= 'A' && letter <= 'Z') ||
                                  (letter >= '0' && letter <= '9') || letter == '_' ||
                                  letter == '-' || letter == '$';
                       });
    if (!plain) {
        return std::string(path) + "[" + in_quotes(key) + "]";
    }
    return path.empty() ? std::string(key) : std::string(path) + "." + std::string(key);
}

std::string element_path(std::string_view path, std::size_t index) {
    return std::string(path) + "[" + std::to_string(index) + "]";
}

std::string found_expected(const Node& node, std::string_view expected) {
    return "found " + describe(node) + ", expected " + std::string(expected);
}

void check_repeated_keys(const Node& node, const std::string& path, Mistakes& mistakes) {
    for (std::size_t index = 0; index < node.children.size(); ++index) {
        const Node& child = node.children[index];
        const bool member = node.kind == Node::Kind::object;
        if (!member && child.children.empty()) {
            continue;
        }
        if (child.first_line != 0 && !mistakes.wants(child.line)) {
            mistakes.count_one();
            continue;
        }
        const std::string child_path = member ? join_path(path, child.key)
                                              : element_path(path, index);
        if (child.first_line != 0) {
            mistakes.add(child.line, child_path,
                         "found the key " + in_quotes(child.key) +
                             " again, expected it once (first on line " +
                             std::to_string(child.first_line) + ")");
            continue;
        }
        check_repeated_keys(child, child_path, mistakes);
    }
}

ObjectReader::ObjectReader(const Node* node, std::string path, Mistakes& mistakes)
    : node_(node), path_(std::move(path)), mistakes_(mistakes) {}

const Node* ObjectReader::value(std::string_view key) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
        known_.push_back(key);
    }
    return node_ == nullptr ? nullptr : node_->find(key);
}

std::vector<const Node*> ObjectReader::members() const {
    std::vector<const Node*> all;
    if (node_ != nullptr) {
        for (const Node& child : node_->children) {
            if (child.first_line == 0) {  // else it is a repeated key
                all.push_back(&child);
            }
        }
    }
    return all;
}

const Node* ObjectReader::of_kind(Node::Kind kind, std::string_view key,
                                  std::string_view expected) {
    const Node* node = value(key);
    if (node == nullptr || node->kind == kind) {
        return node;
    }
    mistake(key, *node, expected);
    return nullptr;
}

const Node* ObjectReader::string(std::string_view key, std::string_view expected) {
    return of_kind(Node::Kind::string, key, expected);
}

const Node* ObjectReader::array(std::string_view key, std::string_view expected) {
    return of_kind(Node::Kind::array, key, expected);
}

const Node* ObjectReader::object(std::string_view key) {
    return of_kind(Node::Kind::object, key, "an object, {...}");
}

bool ObjectReader::integer(std::string_view key, std::uint32_t& out, std::uint32_t least,
                           std::uint32_t most, std::string_view because) {
    const Node* node = value(key);
    if (node == nullptr) {
        return true;
    }
    if (node->kind == Node::Kind::integer && !node->negative && node->magnitude >= least &&
        node->magnitude <= most) {
        out = static_cast<std::uint32_t>(node->magnitude);
        return true;
    }
    std::string expected = "a whole number from " + std::to_string(least) + " to " +
                           std::to_string(most);
    if (!because.empty()) {
        expected += " (" + std::string(because) + ")";
    } else if (node->kind == Node::Kind::real &&
               node->text.find_first_of(".eE") != std::string::npos) {
        expected += ", without a point or an exponent";
    }
    mistake(key, *node, expected);
    return false;
}

bool ObjectReader::choice(std::string_view key, std::string& out,
                          std::initializer_list<std::string_view> words) {
    const Node* node = value(key);
    if (node == nullptr) {
        return false;
    }
    if (node->kind == Node::Kind::string &&
        std::find(words.begin(), words.end(), node->text) != words.end()) {
        out = node->text;
        return true;
    }
    not_one_of(key, *node, words);
    return false;
}

void ObjectReader::not_one_of(std::string_view key, const Node& node,
                              const std::vector<std::string_view>& names) {
    mistake(key, node, list_of(names));
}

void ObjectReader::mistake(std::string_view key, std::string_view text) {
    const Node* node = node_ == nullptr ? nullptr : node_->find(key);
    const int line = node != nullptr ? node->line : node_ != nullptr ? node_->line : 1;
    mistakes_.add(line, path_of(key), text);
}

void ObjectReader::mistake(std::string_view key, const Node& found, std::string_view expected) {
    if (mistakes_.wants(found.line)) {
        mistakes_.add(found.line, path_of(key), found_expected(found, expected));
    } else {
        mistakes_.count_one();
    }
}

void ObjectReader::missing(std::string_view key, std::string_view expected) {
    mistake(key, "found nothing, expected " + std::string(expected));
}

void ObjectReader::reject_unknown_keys() {
    if (node_ == nullptr) {
        return;
    }
    for (const Node& child : node_->children) {
        const std::string_view key = child.key;
        if (child.first_line != 0 || std::find(known_.begin(), known_.end(), key) != known_.end()) {
            continue;
        }
        if (!mistakes_.wants(child.line)) {
            mistakes_.count_one();
            continue;
        }
        std::string text = "unknown key " + in_quotes(key);
        const auto home = std::find_if(homes.begin(), homes.end(),
                                       [&](const Home& at) { return at.key == key; });
        if (home != homes.end()) {
            text += "; it belongs " + std::string(home->place);
        } else if (const std::string_view near = nearest(key, known_); !near.empty()) {
            text += "; did you mean " + in_quotes(near) + "?";
        } else {
            text += ", expected " + list_of(known_);
        }
        mistakes_.add(child.line, path_of(key), text);
    }
}

}  // namespace portico::config
