// What the functions for connections have in common: their answers, and the parts of those that
// send.
#pragma once

#include <optional>

#include "net/connection.hpp"
#include "portico/host.h"

namespace portico::plugin {

[[nodiscard]] inline portico_status status_of(net::SendResult result) noexcept {
    switch (result) {
        case net::SendResult::queued: return PORTICO_OK;
        case net::SendResult::would_block: return PORTICO_WOULD_BLOCK;
        case net::SendResult::too_large: return PORTICO_TOO_LARGE;
        case net::SendResult::finished: return PORTICO_CLOSING;
        case net::SendResult::gone: return PORTICO_GONE;
        case net::SendResult::no_memory: return PORTICO_NO_MEMORY;
    }
    return PORTICO_ERROR;
}

[[nodiscard]] inline portico_status status_of(net::CallResult result) noexcept {
    switch (result) {
        case net::CallResult::accepted: return PORTICO_OK;
        case net::CallResult::gone: return PORTICO_GONE;
        case net::CallResult::no_memory: return PORTICO_NO_MEMORY;
    }
    return PORTICO_ERROR;
}

// Nothing if the arguments are not allowed.
[[nodiscard]] inline std::optional<net::Parts> parts_of(const portico_part* first,
                                                        std::uint32_t count,
                                                        std::uint32_t stride) noexcept {
    constexpr std::uint32_t part_bytes_min = 16;  // of portico_part in version 1.0
    if (first == nullptr || count == 0 || count > PORTICO_PARTS_MAX || stride < part_bytes_min ||
        stride % 8 != 0) {
        return std::nullopt;
    }
    // No limit of a configuration is that large.
    const net::Parts parts(first, count, stride, UINT32_MAX);
    return parts.has_hole() ? std::nullopt : std::optional(parts);
}

}  // namespace portico::plugin
