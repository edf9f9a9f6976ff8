// Typed reads from one JSON object. A read leaves the default if the key is absent, and adds a
// mistake if the value does not fit. It never stops. A key is known once it was asked for, so there
// is no second list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/json_source.hpp"
#include "config/mistakes.hpp"

namespace portico::config {

// "listeners[0].limits". A key that is no plain word is quoted: "settings["two words"]".
[[nodiscard]] std::string join_path(std::string_view path, std::string_view key);
[[nodiscard]] std::string element_path(std::string_view path, std::size_t index);

// "found VALUE, expected WHAT".
[[nodiscard]] std::string found_expected(const Node& node, std::string_view expected);

// Adds a mistake for every repeated key of the tree.
void check_repeated_keys(const Node& node, const std::string& path, Mistakes& mistakes);

class ObjectReader {
public:
    // `node` is an object, or null if it is absent; then every read finds nothing.
    ObjectReader(const Node* node, std::string path, Mistakes& mistakes);

    [[nodiscard]] bool present() const noexcept { return node_ != nullptr; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::string path_of(std::string_view key) const { return join_path(path_, key); }

    // The value as it is, or null if the key is absent. Makes the key known.
    const Node* value(std::string_view key);

    // Every member, for an object whose keys are names. None if the object is absent.
    [[nodiscard]] std::vector<const Node*> members() const;

    // Returns a value of that kind. Null if it is absent, or of another kind, which is a mistake.
    const Node* string(std::string_view key, std::string_view expected);
    const Node* array(std::string_view key, std::string_view expected);
    const Node* object(std::string_view key);
    ObjectReader object_reader(std::string_view key) {
        return ObjectReader(object(key), path_of(key), mistakes_);
    }

    // Reads a whole number within the range. A mistake adds `because` to the range. Returns true if
    // it was read, or is absent.
    bool integer(std::string_view key, std::uint32_t& out, std::uint32_t least, std::uint32_t most,
                 std::string_view because = "");

    // Reads one of a few words. Returns true if one was read.
    template <class Value, class Word>
    bool choice(std::string_view key, Value& out,
                std::initializer_list<std::pair<std::string_view, Word>> words) {
        const Node* node = value(key);
        if (node == nullptr) {
            return false;
        }
        std::vector<std::string_view> names;
        for (const auto& [name, meaning] : words) {
            if (node->kind == Node::Kind::string && node->text == name) {
                out = meaning;
                return true;
            }
            names.push_back(name);
        }
        not_one_of(key, *node, names);
        return false;
    }
    // The same, but keeps the word itself.
    bool choice(std::string_view key, std::string& out,
                std::initializer_list<std::string_view> words);

    // Adds a mistake on the key's line, or on the object's if the key is absent.
    void mistake(std::string_view key, std::string_view text);
    void mistake(std::string_view key, const Node& found, std::string_view expected);
    void missing(std::string_view key, std::string_view expected);

    // Call it after every known key was asked for.
    void reject_unknown_keys();

private:
    void not_one_of(std::string_view key, const Node& node,
                    const std::vector<std::string_view>& names);
    const Node* of_kind(Node::Kind kind, std::string_view key, std::string_view expected);

    const Node* node_;
    std::string path_;
    Mistakes& mistakes_;
    std::vector<std::string_view> known_;
};

}  // namespace portico::config
