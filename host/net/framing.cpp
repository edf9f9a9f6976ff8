#include "net/framing.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace portico::net {

namespace {

Frame delimited(const config::Framing& framing, std::span<const std::byte> bytes,
                std::size_t& scanned) noexcept {
    const char* begin = reinterpret_cast<const char*>(bytes.data());
    const std::size_t delimiter_size = framing.delimiter.size();
    // The delimiter may begin in bytes that were scanned before.
    std::size_t at = scanned >= delimiter_size ? scanned - (delimiter_size - 1) : 0;
    for (;;) {
        const void* found = bytes.size() - at >= delimiter_size
                                ? std::memchr(begin + at, framing.delimiter.front(),
                                              bytes.size() - at - (delimiter_size - 1))
                                : nullptr;
        if (found == nullptr) {
            scanned = bytes.size();
            // The bytes may end with a part of the delimiter, which is not payload.
            const bool too_long = bytes.size() > framing.max_bytes + (delimiter_size - 1);
            return {too_long ? Frame::Kind::too_long : Frame::Kind::incomplete, 0, 0, 0};
        }
        at = static_cast<std::size_t>(static_cast<const char*>(found) - begin);
        if (std::memcmp(begin + at, framing.delimiter.data(), delimiter_size) == 0) {
            break;
        }
        ++at;
    }
    scanned = 0;
    if (at > framing.max_bytes) {
        return {Frame::Kind::too_long, 0, 0, 0};
    }
    return {Frame::Kind::complete, at + delimiter_size, 0, at};
}

Frame length_prefixed(const config::Framing& framing, std::span<const std::byte> bytes) noexcept {
    const std::size_t prefix = framing.prefix_bytes;
    if (bytes.size() < prefix) {
        return {};
    }
    std::uint32_t length = 0;
    for (std::size_t i = 0; i < prefix; ++i) {
        const std::size_t from = framing.order == config::Framing::ByteOrder::big ? i
                                                                                  : prefix - 1 - i;
        length = length << 8 | std::to_integer<std::uint32_t>(bytes[from]);
    }
    if (length > framing.max_bytes) {
        return {Frame::Kind::too_long, 0, 0, 0};
    }
    if (bytes.size() - prefix < length) {
        return {};
    }
    return {Frame::Kind::complete, prefix + length, prefix, length};
}

}  // namespace

Frame next_frame_slow_path(const config::Framing& framing, std::span<const std::byte> bytes,
                           std::size_t& scanned) noexcept {
    if (bytes.empty()) {
        return {};
    }
    switch (framing.type) {
        case config::Framing::Type::none:
            return {Frame::Kind::complete, bytes.size(), 0, bytes.size()};
        case config::Framing::Type::delimiter: return delimited(framing, bytes, scanned);
        case config::Framing::Type::length_prefix: return length_prefixed(framing, bytes);
    }
    return {};
}

}  // namespace portico::net
