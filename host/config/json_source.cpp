// Only this file of the host includes nlohmann's parser, which is slow to compile.
#include "config/json_source.hpp"

#include <cstddef>
#include <iterator>
#include <map>
#include <unordered_map>
#include <utility>

#include <nlohmann/json.hpp>

#include "config/syntax_error.hpp"
#include "config/utf8.hpp"

namespace portico::config {

namespace {

using Json = nlohmann::json;

// The place that the parser has reached. A line break belongs to the line that it ends, because
// after a number the parser has already taken one more character, which may be the line break.
struct Progress {
    int line = 1;
    std::size_t bytes = 0;
    bool after_line_break = false;

    void take(char byte) noexcept {
        line += after_line_break ? 1 : 0;
        after_line_break = byte == '\n';
        ++bytes;
    }
};

// Feeds the parser and counts, because the parser's events do not say where they are.
class CountingIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator() = default;
    CountingIterator(const char* at, Progress* progress) : at_(at), progress_(progress) {}

    reference operator*() const noexcept { return *at_; }
    CountingIterator& operator++() noexcept {
        progress_->take(*at_);
        ++at_;
        return *this;
    }
    CountingIterator operator++(int) noexcept {
        CountingIterator before = *this;
        ++*this;
        return before;
    }
    bool operator==(const CountingIterator&) const = default;

private:
    const char* at_ = nullptr;
    Progress* progress_ = nullptr;
};

class TreeBuilder final : public nlohmann::json_sax<Json> {
public:
    TreeBuilder(std::string_view text, const Progress& progress)
        : text_(text), progress_(progress) {}

    bool null() override {
        add(Node::Kind::null);
        return true;
    }
    bool boolean(bool value) override {
        add(Node::Kind::boolean).boolean = value;
        return true;
    }
    bool number_integer(Json::number_integer_t value) override {
        Node& node = add(Node::Kind::integer);
        node.negative = value < 0;
        node.magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value)
                                   : static_cast<std::uint64_t>(value);
        node.text = std::to_string(value);
        return true;
    }
    bool number_unsigned(Json::number_unsigned_t value) override {
        Node& node = add(Node::Kind::integer);
        node.magnitude = value;
        node.text = std::to_string(value);
        return true;
    }
    bool number_float(Json::number_float_t value, const std::string& written) override {
        Node& node = add(Node::Kind::real);
        node.real = value;
        node.text = written;
        return true;
    }
    bool string(std::string& value) override {
        add(Node::Kind::string).text = value;
        return true;
    }
    bool binary(Json::binary_t&) override { return false; }  // text never has it
    bool start_object(std::size_t) override { return open(Node::Kind::object); }
    bool start_array(std::size_t) override { return open(Node::Kind::array); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(std::string& name) override {
        key_ = name;
        key_line_ = progress_.line;
        const auto [at, inserted] = open_.back().keys.emplace(name, key_line_);
        first_line_ = inserted ? 0 : at->second;
        return true;
    }

    bool parse_error(std::size_t position, const std::string& token,
                     const Json::exception& exception) override {
        ParserReport report;
        report.end = position;
        report.token = token;
        report.message = exception.what();
        report.root_complete = complete_;
        for (const Open& open : open_) {
            report.open.push_back({open.node->kind == Node::Kind::object ? '{' : '[', open.line});
        }
        error = explain(text_, report);
        return false;
    }

    Node root;
    SyntaxError error;

private:
    struct Open {
        Node* node;  // does not move, because only the innermost open node grows
        int line;    // of the bracket itself
        std::unordered_map<std::string, int> keys;
    };

    Node& add(Node::Kind kind) {
        Node* node = &root;
        if (open_.empty()) {
            complete_ = kind != Node::Kind::array && kind != Node::Kind::object;
            node->line = progress_.line;
        } else {
            Node& parent = *open_.back().node;
            node = &parent.children.emplace_back();
            node->line = progress_.line;
            if (parent.kind == Node::Kind::object) {
                node->key = std::move(key_);
                node->line = key_line_;
                node->first_line = first_line_;
            }
        }
        node->kind = kind;
        return *node;
    }

    bool open(Node::Kind kind) {
        if (open_.size() == nesting_max) {
            error = error_at(text_, progress_.bytes - 1,
                             "found more than " + std::to_string(nesting_max) +
                                 " brackets open at once, expected at most " +
                                 std::to_string(nesting_max));
            return false;
        }
        Node& node = add(kind);
        open_.push_back({&node, progress_.line, {}});
        return true;
    }

    bool close() {
        open_.pop_back();
        complete_ = open_.empty();
        return true;
    }

    std::string_view text_;
    const Progress& progress_;
    std::vector<Open> open_;
    std::string key_;
    int key_line_ = 1;
    int first_line_ = 0;
    bool complete_ = false;
};

// Writes the tree itself, not through a Json: the destructor of a Json with objects and arrays
// allocates, and so ends the process if memory runs out.
void append_json(const Node& node, std::string& text) {
    switch (node.kind) {
        case Node::Kind::null: text += "null"; return;
        case Node::Kind::boolean: text += node.boolean ? "true" : "false"; return;
        case Node::Kind::integer: text += node.text; return;
        case Node::Kind::real: text += Json(node.real).dump(); return;
        case Node::Kind::string: text += Json(node.text).dump(); return;
        case Node::Kind::array: {
            text += '[';
            for (const Node& child : node.children) {
                text += &child == &node.children.front() ? "" : ",";
                append_json(child, text);
            }
            text += ']';
            return;
        }
        case Node::Kind::object: break;
    }
    std::map<std::string_view, const Node*> members;
    for (const Node& child : node.children) {
        members.emplace(child.key, &child);  // keeps the first of repeated keys
    }
    char before = '{';
    for (const auto& [key, child] : members) {
        text += std::exchange(before, ',');
        text += Json(key).dump();
        text += ':';
        append_json(*child, text);
    }
    text += members.empty() ? "{}" : "}";
}

// Stops as soon as there is more than an excerpt shows.
void append_short(const Node& node, std::string& text) {
    const bool object = node.kind == Node::Kind::object;
    switch (node.kind) {
        case Node::Kind::null: text += "null"; return;
        case Node::Kind::boolean: text += node.boolean ? "true" : "false"; return;
        case Node::Kind::integer:
        case Node::Kind::real: text += node.text; return;
        case Node::Kind::string: text += in_quotes(node.text); return;
        case Node::Kind::array:
        case Node::Kind::object: break;
    }
    text += object ? '{' : '[';
    for (const Node& child : node.children) {
        if (text.size() > 4 * excerpt_characters) {
            return;
        }
        text += &child == &node.children.front() ? "" : ", ";
        text += object ? in_quotes(child.key) + ": " : "";
        append_short(child, text);
    }
    text += object ? '}' : ']';
}

}  // namespace

const Node* Node::find(std::string_view name) const noexcept {
    for (const Node& child : children) {
        if (child.key == name) {
            return &child;
        }
    }
    return nullptr;
}

Parsed parse_json(std::string_view text) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (text.starts_with(byte_order_mark)) {
        text.remove_prefix(byte_order_mark.size());
    }
    Parsed parsed;
    parsed.error = check_encoding(text);
    if (!parsed.error.text.empty()) {
        return parsed;
    }
    // The parser would expect the rest of a byte-order mark.
    if (text.starts_with(byte_order_mark.front())) {
        parsed.error = error_at(
            text, 0,
            "found \"" + excerpt(text.substr(0, byte_order_mark.size())) + "\", expected \"{\"");
        return parsed;
    }
    Progress progress;
    TreeBuilder builder(text, progress);
    const CountingIterator begin(text.data(), &progress);
    const CountingIterator end(text.data() + text.size(), &progress);
    constexpr bool to_the_end = true;
    constexpr bool ignore_comments = true;
    if (!Json::sax_parse(begin, end, &builder, Json::input_format_t::json, to_the_end,
                         ignore_comments)) {
        parsed.error = std::move(builder.error);
    }
    parsed.root = std::move(builder.root);
    return parsed;
}

std::string describe(const Node& node) {
    if (node.kind == Node::Kind::string) {
        return in_quotes(node.text);
    }
    std::string text;
    append_short(node, text);
    return excerpt(text);
}

std::string to_json_text(const Node& node) {
    std::string text;
    append_json(node, text);
    return text;
}

}  // namespace portico::config
