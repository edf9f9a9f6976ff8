#include "measure/totals.hpp"

#include <algorithm>

namespace portico::client {

void Totals::add(const Totals& other) {
    for (const auto figure : {&Totals::connections_opened,
                              &Totals::connections_failed,
                              &Totals::connections_broken,
                              &Totals::connections_replaced,
                              &Totals::reconnects,
                              &Totals::outage_failed,
                              &Totals::idle_opened,
                              &Totals::idle_broken,
                              &Totals::hostile_opened,
                              &Totals::hostile_ended,
                              &Totals::hostile_failed,
                              &Totals::sent,
                              &Totals::sent_late,
                              &Totals::not_sent,
                              &Totals::warm_up,
                              &Totals::received,
                              &Totals::wrong,
                              &Totals::lost,
                              &Totals::duplicate,
                              &Totals::reordered,
                              &Totals::late,
                              &Totals::crossed,
                              &Totals::unexpected,
                              &Totals::unanswered,
                              &Totals::bytes_sent,
                              &Totals::bytes_received,
                              &Totals::failures_without_reason}) {
        this->*figure += other.*figure;
    }
    if (first_send_ns == 0 || (other.first_send_ns != 0 && other.first_send_ns < first_send_ns)) {
        first_send_ns = other.first_send_ns;
    }
    last_send_ns = std::max(last_send_ns, other.last_send_ns);
    last_reply_ns = std::max(last_reply_ns, other.last_reply_ns);
    outage_ns = std::max(outage_ns, other.outage_ns);
    interrupted = interrupted || other.interrupted;
    latency_ns.add(other.latency_ns);
    service_ns.add(other.service_ns);
    lag_ns.add(other.lag_ns);
    read_lag_ns.add(other.read_lag_ns);
    connect_ns.add(other.connect_ns);
    series.add(other.series);
    for (const auto& [reason, count] : other.failures) {
        failures[reason] += count;
    }
}

}  // namespace portico::client
