// What the host counts about the callbacks of one instance: how long some of them took, and how
// many failed. The numbers are in the server's store of metrics, so they belong to the listener and
// the plugin, and go on if the instance is made anew.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "plugin/callback_names.hpp"
#include "plugin/metrics.hpp"

namespace portico::plugin {

class CallbackCounts {
public:
    static constexpr const char* seconds_name = "portico_callback_seconds";
    static constexpr const char* errors_name = "portico_callback_errors_total";

    // Before the first callback. Without a store nothing is counted. Throws std::bad_alloc.
    void use(Metrics& store, const std::string& listener, const std::string& plugin);

    // `worker`: the number of the calling worker. `name`: of CallScope.
    void took(std::uint32_t worker, const char* name, std::uint64_t duration_ns) const noexcept;
    // A callback returned a status below 0 that counts as a failure. `worker`: or
    // MetricCells::no_worker. If there is no memory for the first one of its kind, that is not
    // counted.
    void failed(std::uint32_t worker, const char* name, std::int32_t status) noexcept;

    // The value of "status": "invalid" for PORTICO_INVALID.
    [[nodiscard]] static const char* status_label(std::int32_t status) noexcept;

private:
    static constexpr std::size_t statuses = 16;  // those of the ABI, and all others

    [[nodiscard]] MetricSeries* series_of_errors(std::size_t callback, std::int32_t status);

    Metrics* store_ = nullptr;
    std::array<MetricSeries*, callback_names.size()> seconds_{};
    ListenerMetric* errors_ = nullptr;
    // Found when the first error of the kind comes. The release of the store pairs with the acquire
    // of the next error. Two threads may both look it up; they find the same.
    std::array<std::array<std::atomic<MetricSeries*>, statuses>, callback_names.size()>
        error_series_{};
};

}  // namespace portico::plugin
