// The known key that a mistyped one was probably meant to be.
#pragma once

#include <span>
#include <string_view>

namespace portico::config {

// Empty when none is near enough to be worth saying. Case, hyphens and underscores do not count as
// differences, so that "sendQueueBytes" finds "send_queue_bytes"; two neighbours swapped count as
// one.
[[nodiscard]] std::string_view nearest(std::string_view typed,
                                       std::span<const std::string_view> known);

}  // namespace portico::config
