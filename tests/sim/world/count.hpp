// Counts what a service does, in the host's metrics and beside them: its callbacks, on workers, and
// the calls of its threads. At the end both must have the same number.
#pragma once

#include <cstdint>

#include "support/extension.hpp"

#include "portico/ext/metrics.h"
#include "portico/portico.h"

namespace portico::sim {

class Count {
public:
    static constexpr char name[] = "done_total";

    // In create. False: the host refuses it.
    [[nodiscard]] bool define(const portico_setup& setup) noexcept {
        instance_ = setup.instance;
        metrics_ = test::extension<portico_metrics>(*setup.host, instance_, PORTICO_EXT_METRICS);
        portico_metric_definition definition{};
        definition.struct_size = sizeof definition;
        definition.kind = PORTICO_METRIC_COUNTER;
        definition.name = name;
        definition.name_size = sizeof name - 1;
        portico_metric metric = 0;
        return metrics_->define(instance_, &definition, &metric) == PORTICO_OK &&
               metrics_->get_series(instance_, metric, nullptr, 0, 0, &series_) == PORTICO_OK;
    }

    // From any thread. After destroy the host counts no more. (Sums of quarters are exact.)
    void add() noexcept {
        const double amount = 0.25 * (1 + calls_++ % 8);
        added_ += metrics_->add(instance_, series_, amount) == PORTICO_OK ? amount : 0;
    }

    [[nodiscard]] double added() const noexcept { return added_; }

private:
    portico_instance* instance_ = nullptr;
    const portico_metrics* metrics_ = nullptr;
    portico_series series_ = 0;
    std::uint32_t calls_ = 0;
    double added_ = 0;
};

}  // namespace portico::sim
