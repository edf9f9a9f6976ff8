#include "net/traffic.hpp"

#include <algorithm>
#include <numeric>

#include "base/assert.hpp"
#include "net/worker.hpp"

namespace portico::net {

std::uint64_t TrafficTotals::closed_in_all() const noexcept {
    return std::accumulate(closed.begin(), closed.end(), std::uint64_t{0});
}

Traffic::Traffic(const std::vector<WorkerGroup*>& homes) {
    for (const WorkerGroup* group : homes) {
        homes_.push_back({group, row_count_ - 1});
        row_count_ += group->thread_count();
    }
    rows_ = std::make_unique<TrafficRow[]>(row_count_);
}

TrafficRow& Traffic::row_of(const WorkerGroup& home) noexcept {
    const auto found = std::find_if(homes_.begin(), homes_.end(),
                                    [&](const Home& one) { return one.group == &home; });
    PORTICO_ASSERT(found != homes_.end());
    return rows_[found->first_row];
}

TrafficRow& Traffic::row_of(const Worker& worker) noexcept {
    return *(&row_of(worker.group()) + worker.group().place_of(worker));
}

TrafficTotals Traffic::read() const noexcept {
    TrafficTotals totals;
    for (std::size_t i = 0; i < row_count_; ++i) {
        const TrafficRow& row = rows_[i];
        totals.received_bytes += row.received_bytes.load();
        totals.sent_bytes += row.sent_bytes.load();
        totals.messages += row.messages.load();
        totals.queued_bytes += row.queued_bytes.load();
        totals.unsent_bytes += row.unsent_bytes.load();
        for (std::size_t reason = 0; reason < close_reasons; ++reason) {
            totals.closed[reason] += row.closed[reason].load();
        }
        for (std::size_t why = 0; why < refusals; ++why) {
            totals.refused[why] += row.refused[why].load();
        }
    }
    // Bytes that one worker has queued and another one has sent may be read in between.
    if (static_cast<std::int64_t>(totals.queued_bytes) < 0) {
        totals.queued_bytes = 0;
    }
    return totals;
}

}  // namespace portico::net
