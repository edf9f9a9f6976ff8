// What the host itself counts, for the embedder. docs/reference/metrics.md lists the names.
//
// A read takes no lock that a worker takes for a connection or a message: it adds up what each
// worker has counted for itself. It walks listeners and workers, and no connections.
#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.hpp"
#include "io/process_usage.hpp"
#include "server/implementation.hpp"

namespace portico {

namespace {

// Whose numbers a series has.
struct Who {
    std::string_view listener;
    std::string plugin;
    std::string_view upstream;  // of outbound connections
};

// Orders what has such a member `who`.
constexpr auto by_name = [](const auto& one, const auto& other) {
    return std::tie(one.who.listener, one.who.plugin, one.who.upstream) <
           std::tie(other.who.listener, other.who.plugin, other.who.upstream);
};

const char* name_of(net::Refusal refusal) noexcept {
    switch (refusal) {
        case net::Refusal::plugin: return "plugin";
        case net::Refusal::no_memory: return "no_memory";
        case net::Refusal::stopping: return "stopping";
        case net::Refusal::limit: return "limit";
    }
    return "unknown";
}

constexpr const char* windows_or([[maybe_unused]] const char* windows,
                                 [[maybe_unused]] const char* other) noexcept {
#ifdef _WIN32
    return windows;
#else
    return other;
#endif
}

// The reasons that accepted connections, and outbound ones, may have.
constexpr std::size_t first_reason = static_cast<std::size_t>(net::CloseReason::plugin);
constexpr std::size_t first_outbound_reason = static_cast<std::size_t>(
    net::CloseReason::connect_failed);

struct Accepted {
    Who who;
    std::uint64_t open = 0;
    std::uint64_t accepted = 0;
    net::TrafficTotals totals;
};

struct Outbound {
    Who who;
    std::uint64_t begun = 0;
    net::TrafficTotals totals;
};

// One family for each number that both kinds of connections have.
struct Shared {
    const char* name;  // after "portico_" or "portico_outbound_"
    const char* help;
    bool is_gauge;
    std::uint64_t net::TrafficTotals::*value;
};
constexpr Shared shared_families[] = {
    {"received_bytes_total", "Bytes that were read from the sockets.", false,
     &net::TrafficTotals::received_bytes},
    {"sent_bytes_total", "Bytes that the system has taken to send.", false,
     &net::TrafficTotals::sent_bytes},
    {"unsent_bytes_total",
     "Bytes of ended connections that were accepted to be sent and have not reached the peer.",
     false, &net::TrafficTotals::unsent_bytes},
    {"messages_total", "Messages that the plugin has taken.", false, &net::TrafficTotals::messages},
    {"send_queue_bytes", "Bytes that wait in send queues now, as their limit counts them.", true,
     &net::TrafficTotals::queued_bytes},
};

void begin(MetricList& list, const Shared& family, const std::string& prefix) {
    if (family.is_gauge) {
        list.gauge(prefix + family.name, family.help);
    } else {
        list.counter(prefix + family.name, family.help);
    }
}

void add_accepted(MetricList& list, const std::vector<Accepted>& all) {
    const auto each = [&](auto&& add) {
        for (const Accepted& one : all) {
            add(one);
        }
    };
    list.gauge("portico_connections_open", "Accepted connections that are open now.");
    each([&](const Accepted& one) {
        list.add({{"listener", one.who.listener}, {"plugin", one.who.plugin}}, one.open);
    });
    list.counter("portico_connections_accepted_total", "Connections that were accepted.");
    each([&](const Accepted& one) {
        list.add({{"listener", one.who.listener}, {"plugin", one.who.plugin}}, one.accepted);
    });
    list.counter("portico_connections_closed_total",
                 "Accepted connections that have ended, by the reason.");
    each([&](const Accepted& one) {
        for (std::size_t i = first_reason; i < first_outbound_reason; ++i) {
            list.add({{"listener", one.who.listener},
                      {"plugin", one.who.plugin},
                      {"reason", net::name_of(static_cast<net::CloseReason>(i))}},
                     one.totals.closed[i]);
        }
    });
    list.counter("portico_connections_refused_total",
                 "Clients that were turned away, by the reason.");
    each([&](const Accepted& one) {
        for (const net::Refusal why :
             {net::Refusal::plugin, net::Refusal::no_memory, net::Refusal::stopping}) {
            list.add({{"listener", one.who.listener},
                      {"plugin", one.who.plugin},
                      {"reason", name_of(why)}},
                     one.totals.refused[static_cast<std::size_t>(why)]);
        }
    });
    for (const Shared& family : shared_families) {
        begin(list, family, "portico_");
        each([&](const Accepted& one) {
            list.add({{"listener", one.who.listener}, {"plugin", one.who.plugin}},
                     one.totals.*family.value);
        });
    }
}

void add_outbound(MetricList& list, const std::vector<Outbound>& all) {
    const auto each = [&](auto&& add) {
        for (const Outbound& one : all) {
            add(one);
        }
    };
    const auto add = [&](const Outbound& one, std::uint64_t value) {
        list.add({{"listener", one.who.listener},
                  {"plugin", one.who.plugin},
                  {"upstream", one.who.upstream}},
                 value);
    };
    const auto add_reason = [&](const Outbound& one, const char* reason, std::uint64_t value) {
        list.add({{"listener", one.who.listener},
                  {"plugin", one.who.plugin},
                  {"upstream", one.who.upstream},
                  {"reason", reason}},
                 value);
    };
    list.gauge("portico_outbound_connections_open",
               "Connections to other servers that connect or are connected now.");
    each([&](const Outbound& one) {
        add(one, one.begun - std::min(one.begun, one.totals.closed_in_all()));
    });
    list.counter("portico_outbound_connections_begun_total",
                 "Connects to other servers that were begun, successful or not.");
    each([&](const Outbound& one) { add(one, one.begun); });
    list.counter("portico_outbound_connections_closed_total",
                 "Connections to other servers that have ended, by the reason.");
    each([&](const Outbound& one) {
        for (std::size_t i = first_reason; i < net::close_reasons; ++i) {
            add_reason(one, net::name_of(static_cast<net::CloseReason>(i)), one.totals.closed[i]);
        }
    });
    list.counter("portico_outbound_connections_refused_total",
                 "Connects to other servers that the host refused, by the reason.");
    each([&](const Outbound& one) {
        for (const net::Refusal why : {net::Refusal::limit, net::Refusal::no_memory}) {
            add_reason(one, name_of(why), one.totals.refused[static_cast<std::size_t>(why)]);
        }
    });
    for (const Shared& family : shared_families) {
        begin(list, family, "portico_outbound_");
        each([&](const Outbound& one) { add(one, one.totals.*family.value); });
    }
}

void add_process(MetricList& list, std::optional<double> start_seconds) {
    const io::ProcessUsage usage = io::process_usage();
    list.counter("process_cpu_seconds_total",
                 "Processor time that the process has used, in user and kernel mode.",
                 usage.cpu_seconds);
    list.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.",
               usage.resident_bytes);
    list.gauge("process_virtual_memory_bytes",
               windows_or("Memory that is committed to the process.",
                          "Size of the address space of the process."),
               usage.virtual_bytes);
    list.gauge("process_open_fds",
               windows_or("Handles that the process has open.",
                          "File descriptors that the process has open."),
               usage.open_fds);
    list.gauge("process_max_fds",
               windows_or("The most handles that the process can have.",
                          "The most file descriptors that the process may have."),
               usage.max_fds);
    list.gauge("process_start_time_seconds", "When the process was started, in seconds since 1970.",
               start_seconds);
}

}  // namespace

void Server::Implementation::add_connections(MetricList& list) const {
    std::vector<Accepted> accepted;
    std::vector<Outbound> outbound;
    for (const std::unique_ptr<Service>& service : services_) {
        const std::string& listener = service->listener->name;
        const std::string plugin = service->instance->plugin_name();
        // Accepted last: more may be open than were accepted when that was read, but not the other
        // way round.
        const net::TrafficTotals totals = service->acceptor->traffic().read();
        accepted.push_back({{listener, plugin, {}},
                            service->acceptor->open_connections(),
                            service->acceptor->accepted_connections(),
                            totals});
        service->connector->for_each_outbound(
            [&](std::string_view upstream, const net::Connector::Outbound& counts) {
                const net::TrafficTotals its = counts.traffic.read();
                const std::uint64_t begun = counts.begun.load();
                // Most plugins never connect to an address of their own.
                if (!upstream.empty() || begun != 0 || its.refused != decltype(its.refused){}) {
                    outbound.push_back({{listener, plugin, upstream}, begun, its});
                }
            });
    }
    std::sort(accepted.begin(), accepted.end(), by_name);
    std::sort(outbound.begin(), outbound.end(), by_name);
    add_accepted(list, accepted);
    add_outbound(list, outbound);
}

void Server::Implementation::add_stuck_callbacks(MetricList& list) const {
    struct Watched {
        Who who;
        const StuckCounts* counts;
    };
    std::vector<Watched> watched;
    for (const std::unique_ptr<Service>& service : services_) {
        if (service->watchdog_ms != 0) {
            watched.push_back(
                {{service->listener->name, service->instance->plugin_name(), {}}, &service->stuck});
        }
    }
    std::sort(watched.begin(), watched.end(), by_name);
    // Each callback has a series from the start, so that an alert sees the first one.
    list.counter("portico_stuck_callbacks_total",
                 "Callbacks of the plugin that ran for longer than the listener's watchdog_ms.");
    for (const auto& [who, counts] : watched) {
        for (std::size_t i = 0; i < plugin::callback_names.size(); ++i) {
            list.add({{"listener", who.listener},
                      {"plugin", who.plugin},
                      {"callback", plugin::callback_names[i].label}},
                     counts->read(i));
        }
    }
}

void Server::Implementation::add_workers(MetricList& list) {
    struct Used {
        std::string worker;
        double seconds = 0;
        double ratio = 0;
    };
    std::vector<Used> workers;
    io::Counters counters;
    std::size_t index = 0;
    for_each_group([&](net::WorkerGroup& group) {
        counters += group.port().counters();
        for (const std::unique_ptr<net::Worker>& worker : group.workers()) {
            BusyRatio& ratio = busy_ratios_[index++];
            if (const auto used = worker->cpu_clock().used_ns()) {
                const bool accepts = accepting_port_ != nullptr &&
                                     &group == accepting_port_->group.get();
                workers.push_back({accepts ? "accept" : std::to_string(worker->index()),
                                   static_cast<double>(*used) / base::nanoseconds_per_second,
                                   ratio.at(base::now_ns(), *used)});
            }
        }
    });
    list.gauge("portico_worker_busy_ratio",
               "Share of the last second or more in which the worker's thread ran, from 0 to 1.");
    for (const Used& one : workers) {
        list.add({{"worker", one.worker}}, one.ratio);
    }
    list.counter("portico_worker_cpu_seconds_total",
                 "Processor time that the worker's thread has used.");
    for (const Used& one : workers) {
        list.add({{"worker", one.worker}}, one.seconds);
    }
    list.counter("portico_port_waits_total", "Calls that waited at a completion port.");
    list.add({}, counters.waits);
    list.counter("portico_completions_total", "Operations that completion ports have completed.");
    list.add({}, counters.completions);
}

void Server::Implementation::prepare_host_metrics() {
    process_start_seconds_ = io::process_start_seconds();
    busy_ratios_.clear();
    for_each_group([&](net::WorkerGroup& group) {
        busy_ratios_.resize(busy_ratios_.size() + group.thread_count(), BusyRatio(base::now_ns()));
    });
}

void Server::Implementation::add_host_metrics(MetricList& list) {
    list.gauge("portico_build_info", "The version of Portico; always 1.");
    list.add({{"version", version()},
              {"abi", plugin::abi_version()},
              {"system", windows_or("windows", "linux")}},
             1);
    add_connections(list);
    add_stuck_callbacks(list);
    add_workers(list);
    add_process(list, process_start_seconds_);
}

}  // namespace portico
