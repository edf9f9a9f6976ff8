// Metrics as text for a monitoring system: the formats of Prometheus (0.0.4) and OpenMetrics (1.0).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "portico/server.hpp"

namespace portico::admin {

enum class Exposition : std::uint8_t { prometheus, openmetrics };

// Which of the two a client wants, by its Accept header; empty: Prometheus's.
[[nodiscard]] Exposition exposition_for(std::string_view accept);

[[nodiscard]] std::string_view content_type(Exposition format) noexcept;

// One block for each metric that has a series, in the given order.
[[nodiscard]] std::string exposition(const std::vector<Metric>& metrics, Exposition format);

}  // namespace portico::admin
