#include "messages/framing.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "messages/text.hpp"

namespace portico::client {

namespace {

constexpr std::size_t delimiter_bytes_max = 16;

base::Failure expected_framing(std::string_view text) {
    return base::Failure{'"' + std::string(text) +
                         "\" is not a framing; expected none, delimiter[:TEXT] (TEXT of 1 to 16 "
                         "bytes), length_prefix:1|2|4[:big|little], "
                         "fixed:BYTES (at least 1) or idle:TIME"};
}

// Called after a mismatch that follows `matched` bytes of the delimiter: returns the longest
// shorter match that `byte` continues. The delimiter has at most 16 bytes, so the plain comparison
// is fine.
std::uint32_t fall_back(std::string_view delimiter, std::uint32_t matched, char byte) noexcept {
    for (std::uint32_t shorter = matched; shorter > 0; --shorter) {
        const bool continues = delimiter[shorter - 1] == byte;
        if (continues && delimiter.substr(0, shorter - 1) ==
                             delimiter.substr(matched - (shorter - 1), shorter - 1)) {
            return shorter;
        }
    }
    return 0;
}

}  // namespace

std::uint64_t Framing::payload_min() const noexcept {
    switch (type) {
        case Type::none:
        case Type::idle: return 1;  // an empty message cannot be seen
        case Type::fixed: return fixed_bytes;
        case Type::delimiter:
        case Type::length_prefix: break;
    }
    return 0;
}

std::uint64_t Framing::payload_max() const noexcept {
    switch (type) {
        case Type::length_prefix: return (std::uint64_t{1} << (8 * prefix_bytes)) - 1;
        case Type::fixed: return fixed_bytes;
        case Type::none:
        case Type::idle:
        case Type::delimiter: break;
    }
    return std::numeric_limits<std::uint64_t>::max();
}

base::Result<Framing> parse_framing(std::string_view text) {
    Framing framing;
    if (text == "none") {
        return framing;
    }
    if (text == "delimiter") {
        framing.type = Framing::Type::delimiter;
        return framing;
    }
    if (text.starts_with("delimiter:")) {
        framing.type = Framing::Type::delimiter;
        auto delimiter = unescape(text.substr(text.find(':') + 1));
        if (!delimiter) {
            return base::Failure{delimiter.error()};
        }
        framing.delimiter = *std::move(delimiter);
        if (framing.delimiter.empty() || framing.delimiter.size() > delimiter_bytes_max) {
            return expected_framing(text);
        }
        return framing;
    }
    constexpr std::string_view length_prefix = "length_prefix:";
    if (text.starts_with(length_prefix)) {
        framing.type = Framing::Type::length_prefix;
        std::string_view rest = text.substr(length_prefix.size());
        if (rest.ends_with(":little")) {
            framing.order = Framing::ByteOrder::little;
            rest.remove_suffix(7);
        } else if (rest.ends_with(":big")) {
            rest.remove_suffix(4);
        }
        if (rest != "1" && rest != "2" && rest != "4") {
            return expected_framing(text);
        }
        framing.prefix_bytes = static_cast<std::uint32_t>(rest.front() - '0');
        return framing;
    }
    constexpr std::string_view fixed = "fixed:";
    if (text.starts_with(fixed)) {
        auto sizes = parse_size_range(text.substr(fixed.size()));
        if (!sizes || sizes->min == 0 || sizes->min != sizes->max) {
            return expected_framing(text);
        }
        framing.type = Framing::Type::fixed;
        framing.fixed_bytes = sizes->min;
        return framing;
    }
    constexpr std::string_view idle = "idle:";
    if (text.starts_with(idle)) {
        auto time = parse_duration_ns(text.substr(idle.size()));
        if (!time) {
            return base::Failure{'"' + std::string(text) + "\": " + time.error()};
        }
        framing.type = Framing::Type::idle;
        framing.idle_ns = *time;
        return framing;
    }
    return expected_framing(text);
}

FrameScanner::Piece FrameScanner::scan(const Framing& framing,
                                       std::span<const std::byte> bytes) noexcept {
    switch (framing.type) {
        case Framing::Type::delimiter: return scan_delimiter(framing.delimiter, bytes);
        case Framing::Type::fixed: return scan_fixed(framing.fixed_bytes, bytes);
        case Framing::Type::idle: return {bytes.size(), false};
        case Framing::Type::none:
        case Framing::Type::length_prefix: break;
    }
    return scan_length(framing, bytes);
}

FrameScanner::Piece FrameScanner::scan_delimiter(std::string_view delimiter,
                                                 std::span<const std::byte> bytes) noexcept {
    const char* text = reinterpret_cast<const char*>(bytes.data());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (matched_ == 0) {
            const void* first = std::memchr(text + i, delimiter.front(), bytes.size() - i);
            if (first == nullptr) {
                return {bytes.size(), false};
            }
            i = static_cast<std::size_t>(static_cast<const char*>(first) - text);
        }
        if (text[i] == delimiter[matched_]) {
            ++matched_;
        } else {
            matched_ = fall_back(delimiter, matched_, text[i]);
        }
        if (matched_ == delimiter.size()) {
            matched_ = 0;
            return {i + 1, true};
        }
    }
    return {bytes.size(), false};
}

FrameScanner::Piece FrameScanner::scan_length(const Framing& framing,
                                              std::span<const std::byte> bytes) noexcept {
    std::size_t used = 0;
    for (; matched_ < framing.prefix_bytes && used < bytes.size(); ++used, ++matched_) {
        const auto byte = std::to_integer<std::uint64_t>(bytes[used]);
        if (framing.order == Framing::ByteOrder::big) {
            payload_left_ = payload_left_ << 8 | byte;
        } else {
            payload_left_ |= byte << (8 * matched_);
        }
    }
    if (matched_ < framing.prefix_bytes) {
        return {used, false};
    }
    const Piece piece = take_payload(used, bytes);
    if (piece.complete) {
        matched_ = 0;
    }
    return piece;
}

FrameScanner::Piece FrameScanner::scan_fixed(std::uint64_t frame_bytes,
                                             std::span<const std::byte> bytes) noexcept {
    if (payload_left_ == 0) {
        payload_left_ = frame_bytes;
    }
    return take_payload(0, bytes);
}

FrameScanner::Piece FrameScanner::take_payload(std::size_t used,
                                               std::span<const std::byte> bytes) noexcept {
    const std::uint64_t taken = std::min<std::uint64_t>(payload_left_, bytes.size() - used);
    payload_left_ -= taken;
    return {used + static_cast<std::size_t>(taken), payload_left_ == 0};
}

}  // namespace portico::client
