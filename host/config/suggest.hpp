// Finds the known key that was probably meant by a mistyped one.
#pragma once

#include <span>
#include <string_view>

namespace portico::config {

// Empty if none is near. Case, hyphens and underscores do not count, so "sendQueueBytes" finds
// "send_queue_bytes". Two swapped neighbours count as one difference.
[[nodiscard]] std::string_view nearest(std::string_view typed,
                                       std::span<const std::string_view> known);

}  // namespace portico::config
