#include "load/hostile.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "load/plan.hpp"
#include "messages/mix.hpp"
#include "messages/text.hpp"

namespace portico::client {

namespace {

constexpr std::size_t piece_bytes = 65'536;
constexpr std::uint64_t each_max = 100'000;

// Returns a byte that is not in the delimiter, so that no frame ends with it.
std::byte never_in(std::string_view delimiter) noexcept {
    char byte = 'x';
    while (delimiter.find(byte) != delimiter.npos) {
        ++byte;
    }
    return static_cast<std::byte>(byte);
}

}  // namespace

base::Result<std::vector<Hostile>> parse_hostile(std::string_view text) {
    std::vector<std::pair<Hostile, std::uint64_t>> wanted;
    while (true) {
        const std::size_t comma = text.find(',');
        const std::string_view one = text.substr(0, comma);
        const std::size_t colon = one.find(':');
        const std::string_view name = one.substr(0, colon);
        const auto mode = std::find_if(hostile_names.begin(), hostile_names.end(),
                                       [&](const auto& each) { return each.first == name; });
        if (mode == hostile_names.end()) {
            std::string names;
            for (const auto& each : hostile_names) {
                names += (names.empty() ? "" : ", ") + std::string(each.first);
            }
            return base::Failure{"\"" + std::string(name) + "\" is not one of " + names};
        }
        const auto count = colon == one.npos ? std::optional<std::uint64_t>(1)
                                             : parse_unsigned(one.substr(colon + 1));
        if (!count || *count < 1 || *count > each_max) {
            return base::Failure{"\"" + std::string(one) +
                                 "\": the count must be a number from 1 to " +
                                 std::to_string(each_max)};
        }
        wanted.emplace_back(mode->second, *count);
        if (comma == text.npos) {
            break;
        }
        text.remove_prefix(comma + 1);
    }
    std::vector<Hostile> all;
    for (bool has_added = true; has_added;) {
        has_added = false;
        for (auto& [mode, left] : wanted) {
            if (left != 0) {
                all.push_back(mode);
                --left;
                has_added = true;
            }
        }
    }
    return all;
}

HostileBytes::HostileBytes(const LoadPlan& plan) {
    constexpr MessageId first{1, 1};
    message.resize(
        static_cast<std::size_t>(std::min<std::uint64_t>(plan.messages->size(first), piece_bytes)));
    plan.messages->fill(first, 0, message);
    if (message.empty()) {  // an empty message without a frame around it
        message.push_back(std::byte{'x'});
    }
    do {
        messages.insert(messages.end(), message.begin(), message.end());
    } while (messages.size() + message.size() <= piece_bytes);
    const Framing& framing = plan.framing;
    const std::byte filler = framing.type == Framing::Type::delimiter ? never_in(framing.delimiter)
                                                                      : std::byte{'x'};
    endless_more.assign(piece_bytes, filler);
    endless = endless_more;
    if (framing.type == Framing::Type::length_prefix) {
        std::fill_n(endless.begin(), framing.prefix_bytes, std::byte{0xff});
    }
    garbage.resize(piece_bytes);
    for (std::size_t i = 0; i < garbage.size(); ++i) {
        garbage[i] = static_cast<std::byte>(mix(plan.seed + i) & 0xff);
    }
}

}  // namespace portico::client
