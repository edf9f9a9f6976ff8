#include "net/proxy_header.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/assert.hpp"

namespace portico::net {

namespace {

using Family = io::Address::Family;

std::span<const std::byte> as_bytes(std::string_view text) noexcept {
    return std::as_bytes(std::span(text.data(), text.size()));
}

// Without port and brackets. (A scope means nothing to another machine.)
std::string host_text(io::Address address) {
    address.port = 0;
    address.scope_id = 0;
    std::string text = io::to_string(address);
    text.resize(text.rfind(':'));
    return text.starts_with('[') ? text.substr(1, text.size() - 2) : text;
}

std::vector<std::byte> text_header(const io::Address& source, const io::Address& destination) {
    std::string text = "PROXY UNKNOWN\r\n";
    if (source.family != Family::none) {
        text = std::string("PROXY ") + (source.family == Family::v4 ? "TCP4 " : "TCP6 ") +
               host_text(source) + ' ' + host_text(destination) + ' ' +
               std::to_string(source.port) + ' ' + std::to_string(destination.port) + "\r\n";
    }
    const std::span<const std::byte> bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> binary_header(const io::Address& source, const io::Address& destination) {
    constexpr std::array<std::uint8_t, 12> signature = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                                        0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
    constexpr std::uint8_t version_and_local = 0x20;
    constexpr std::uint8_t version_and_proxy = 0x21;
    std::vector<std::byte> header;
    const auto put = [&](std::uint8_t byte) { header.push_back(static_cast<std::byte>(byte)); };
    const auto put_16 = [&](std::size_t number) {
        put(static_cast<std::uint8_t>(number >> 8));
        put(static_cast<std::uint8_t>(number & 0xFF));
    };
    std::for_each(signature.begin(), signature.end(), put);
    if (source.family == Family::none) {
        put(version_and_local);
        put(0x00);  // unspecified
        put_16(0);
        return header;
    }
    const bool is_v4 = source.family == Family::v4;
    const std::size_t size = is_v4 ? 4 : 16;
    put(version_and_proxy);
    put(is_v4 ? 0x11 : 0x21);  // TCP
    put_16(2 * size + 4);
    for (const io::Address* address : {&source, &destination}) {
        std::for_each_n(address->bytes.begin(), size, put);
    }
    put_16(source.port);
    put_16(destination.port);
    return header;
}

}  // namespace

std::vector<std::byte> proxy_header(config::SendProxy version, const io::Address& source,
                                    const io::Address& destination) {
    PORTICO_ASSERT(version != config::SendProxy::none);
    const bool is_known = source.family != Family::none && source.family == destination.family;
    const auto make = version == config::SendProxy::v1 ? text_header : binary_header;
    return is_known ? make(source, destination) : make({}, {});
}

}  // namespace portico::net
