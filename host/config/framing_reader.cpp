#include "config/framing_reader.hpp"

#include <algorithm>

namespace portico::config {

namespace {

constexpr std::size_t delimiter_bytes_max = 16;
constexpr std::uint32_t frame_bytes_max = 16'777'216;

// The largest payload that a prefix of this many bytes can announce.
std::uint32_t most_for_prefix(std::uint32_t prefix_bytes) {
    return prefix_bytes == 1 ? 255u : prefix_bytes == 2 ? 65'535u : frame_bytes_max;
}

// Returns false, with a mistake, if the key is present and does not fit the type.
bool fits(ObjectReader& reader, std::string_view key, bool fitting, std::string_view expected) {
    const Node* node = reader.value(key);
    if (fitting || node == nullptr) {
        return fitting;
    }
    reader.mistake(key, *node, expected);
    return false;
}

void read_delimiter(ObjectReader& reader, std::string& delimiter) {
    const std::string_view expected = "1 to 16 bytes of text, such as \"\\n\"";
    if (const Node* node = reader.string("delimiter", expected)) {
        if (node->text.empty() || node->text.size() > delimiter_bytes_max) {
            reader.mistake("delimiter", *node, expected);
        } else {
            delimiter = node->text;
        }
    }
}

// Returns true if it was read, or is absent.
bool read_prefix_bytes(ObjectReader& reader, std::uint32_t& prefix_bytes) {
    const Node* node = reader.value("bytes");
    if (node == nullptr) {
        return true;
    }
    const bool known = node->magnitude == 1 || node->magnitude == 2 || node->magnitude == 4;
    if (node->kind != Node::Kind::integer || node->negative || !known) {
        reader.mistake("bytes", *node, "1, 2 or 4");
        return false;
    }
    prefix_bytes = static_cast<std::uint32_t>(node->magnitude);
    return true;
}

}  // namespace

void read_framing(ObjectReader reader, Framing& framing) {
    using Type = Framing::Type;
    using Order = Framing::ByteOrder;
    if (!reader.present()) {
        return;
    }
    const bool typed = reader.choice<Type, Type>("type", framing.type,
                                                 {{"none", Type::none},
                                                  {"delimiter", Type::delimiter},
                                                  {"length_prefix", Type::length_prefix}});
    if (reader.value("type") == nullptr) {
        reader.missing("type", "\"none\", \"delimiter\" or \"length_prefix\"");
    }
    // If the type is unknown, each key is still checked by itself.
    const bool delimited = !typed || framing.type == Type::delimiter;
    const bool prefixed = !typed || framing.type == Type::length_prefix;
    if (fits(reader, "delimiter", delimited, "no such key: it belongs to the type \"delimiter\"")) {
        read_delimiter(reader, framing.delimiter);
    }
    bool prefix_known = typed;
    if (fits(reader, "bytes", prefixed, "no such key: it belongs to the type \"length_prefix\"")) {
        prefix_known = read_prefix_bytes(reader, framing.prefix_bytes) && typed;
    }
    if (fits(reader, "order", prefixed, "no such key: it belongs to the type \"length_prefix\"")) {
        reader.choice<Order, Order>("order", framing.order,
                                    {{"big", Order::big}, {"little", Order::little}});
    }
    if (fits(reader, "max_bytes", delimited || prefixed,
             "no such key: without framing there are no frames")) {
        const bool by_prefix = prefix_known && framing.type == Type::length_prefix;
        const std::uint32_t most = by_prefix ? most_for_prefix(framing.prefix_bytes)
                                             : frame_bytes_max;
        framing.max_bytes = std::min(framing.max_bytes, most);
        reader.integer("max_bytes", framing.max_bytes, 1, most,
                       most == frame_bytes_max     ? ""
                       : framing.prefix_bytes == 1 ? "the most that fits a 1-byte prefix"
                                                   : "the most that fits a 2-byte prefix");
    }
    reader.reject_unknown_keys();
}

}  // namespace portico::config
