#include "config/lines.hpp"

#include <algorithm>
#include <charconv>

#include "config/json_source.hpp"

namespace portico::config {

namespace {

// RFC 6901
std::string pointer_step(std::string_view key) {
    std::string step;
    step.reserve(key.size());
    for (const char letter : key) {
        if (letter == '~' || letter == '/') {
            step += letter == '~' ? "~0" : "~1";
        } else {
            step += letter;
        }
    }
    return step;
}

}  // namespace

Lines::Lines(const Node& node) : line_(node.line) {
    if (node.kind == Node::Kind::array) {
        elements_.reserve(node.children.size());
        for (const Node& child : node.children) {
            elements_.emplace_back(child);
        }
        return;
    }
    for (const Node& child : node.children) {
        if (child.first_line == 0) {
            members_.push_back({pointer_step(child.key), Lines(child)});
        }
    }
    std::sort(members_.begin(), members_.end(),
              [](const Member& left, const Member& right) { return left.key < right.key; });
}

int Lines::of(std::string_view pointer) const noexcept {
    const Lines* at = this;
    while (!pointer.empty()) {
        pointer.remove_prefix(1);
        const std::string_view step = pointer.substr(0, pointer.find('/'));
        pointer.remove_prefix(step.size());
        if (!at->elements_.empty()) {
            std::size_t index = at->elements_.size();
            std::from_chars(step.data(), step.data() + step.size(), index);
            if (index >= at->elements_.size()) {
                return 0;
            }
            at = &at->elements_[index];
            continue;
        }
        const auto member = std::lower_bound(
            at->members_.begin(), at->members_.end(), step,
            [](const Member& left, std::string_view right) { return left.key < right; });
        if (member == at->members_.end() || member->key != step) {
            return 0;
        }
        at = &member->lines;
    }
    return at->line_;
}

std::size_t Lines::size() const noexcept {
    std::size_t count = 1;
    for (const Lines& element : elements_) {
        count += element.size();
    }
    for (const Member& member : members_) {
        count += member.lines.size();
    }
    return count;
}

}  // namespace portico::config
