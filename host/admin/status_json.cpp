#include "admin/status_json.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>

#include "admin/json_text.hpp"
#include "portico/abi.h"

namespace portico::admin {

namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

double seconds(std::chrono::milliseconds duration) {
    return static_cast<double>(duration.count()) / 1'000;
}

const char* name_of(HostState state) noexcept {
    switch (state) {
        case HostState::starting: return "starting";
        case HostState::ready: return "ready";
        case HostState::stopping: break;
    }
    return "stopping";
}

const char* name_of(ListenerState state) noexcept {
    switch (state) {
        case ListenerState::listening: return "listening";
        case ListenerState::draining: return "draining";
        case ListenerState::drained: return "drained";
        case ListenerState::stopping: break;
    }
    return "stopping";
}

const char* name_of(ConnectionState state) noexcept {
    switch (state) {
        case ConnectionState::opening: return "opening";
        case ConnectionState::connecting: return "connecting";
        case ConnectionState::open: return "open";
        case ConnectionState::closing: break;
    }
    return "closing";
}

constexpr const char* system_name =
#ifdef _WIN32
    "Windows";
#else
    "Linux";
#endif

Json host_json(const Status& status) {
    return {{"version", PORTICO_VERSION},
            {"abi", std::to_string(PORTICO_ABI_MAJOR) + "." + std::to_string(PORTICO_ABI_MINOR)},
            {"system", system_name},
            {"pid", status.pid},
            {"configuration", status.configuration},
            {"state", name_of(status.state)},
            {"started", utc_text(status.started)},
            {"uptime_seconds", seconds(status.uptime)}};
}

Json io_json(const Statistics& statistics) {
    return {{"backend", statistics.backend},
            {"processors", statistics.processors},
            {"worker_threads", statistics.worker_threads},
            {"receive_buffers_in_use", statistics.receive_buffers_in_use},
            {"send_chunks_in_use", statistics.send_chunks_in_use},
            {"operations",
             {{"waits", statistics.waits},
              {"receives", statistics.receives},
              {"sends", statistics.sends},
              {"accepts", statistics.accepts},
              {"wakes", statistics.wakes},
              {"cancels", statistics.cancels},
              {"completions", statistics.completions}}}};
}

Json listener_json(const ListenerStatus& listener) {
    Json endpoints = Json::array();
    for (const Endpoint& endpoint : listener.endpoints) {
        endpoints.push_back({{"address", endpoint.address},
                             {"port", endpoint.port},
                             {"listen_index", endpoint.listen_index}});
    }
    return {{"name", listener.name},
            {"plugin", listener.plugin},
            {"state", name_of(listener.state)},
            {"endpoints", std::move(endpoints)},
            {"connections",
             {{"open", listener.open}, {"limit", listener.limit}, {"accepted", listener.accepted}}},
            {"outbound", {{"open", listener.outbound_open}, {"begun", listener.outbound_begun}}},
            {"queued_bytes", listener.queued_bytes},
            {"full_queues", listener.full_queues}};
}

Json plugin_json(const PluginStatus& plugin, HostState state) {
    return {{"listener", plugin.listener},
            {"name", plugin.name},
            {"version", plugin.version},
            {"file", plugin.file},
            {"flags", Json(plugin.flags)},
            {"state", state == HostState::stopping ? "stopping" : "running"}};
}

Json worker_json(const WorkerStatus& worker) {
    Json json = {{"index", worker.index}};
    if (worker.callback != nullptr) {
        json["callback"] = {{"name", worker.callback}, {"listener", worker.listener}};
        if (worker.connection != 0) {
            json["callback"]["connection"] = id_text(worker.connection);
        }
    }
    return json;
}

Json warning_json(const Warning& warning) {
    Json json = {{"time", utc_text(warning.time)},
                 {"level", level_text(warning.level)},
                 {"listener", warning.listener}};
    if (warning.connection != 0) {
        json["connection"] = id_text(warning.connection);
    }
    json["text"] = warning.text;
    return json;
}

Json connection_json(const ConnectionStatus& connection) {
    return {{"id", id_text(connection.id)},
            {"listener", connection.listener},
            {"direction", connection.is_outbound ? "outbound" : "accepted"},
            {"peer", connection.peer},
            {"local", connection.local},
            {"state", name_of(connection.state)},
            {"age_seconds", seconds(connection.age)},
            {"received_bytes", connection.received_bytes},
            {"sent_bytes", connection.sent_bytes},
            {"queued_bytes", connection.queued_bytes},
            {"queue_full", connection.is_queue_full}};
}

template <class Items, class Make>
Json list_of(const Items& items, Make&& make) {
    Json list = Json::array();
    for (const auto& item : items) {
        list.push_back(make(item));
    }
    return list;
}

}  // namespace

std::string json_string(std::string_view text) {
    return text_of(Json(std::string(text)));
}

std::string utc_text(Time time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - day));
    char text[64];
    std::snprintf(
        text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
        static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    return text;
}

std::string id_text(std::uint64_t connection) {
    char text[24];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(connection));
    return text;
}

const char* level_text(base::LogLevel level) noexcept {
    switch (level) {
        case base::LogLevel::trace: return "trace";
        case base::LogLevel::debug: return "debug";
        case base::LogLevel::info:
        case base::LogLevel::always: break;
        case base::LogLevel::warn: return "warn";
        case base::LogLevel::error: return "error";
        case base::LogLevel::off: return "off";
    }
    return "info";
}

std::string status_json(const Status& status, Time now) {
    const Statistics& statistics = status.statistics;
    return text_of({{"schema", "portico-status"},
                    {"version", 1},
                    {"time", utc_text(now)},
                    {"host", host_json(status)},
                    {"io", io_json(statistics)},
                    {"connections",
                     {{"open", statistics.connections_open},
                      {"accepted", statistics.connections_accepted},
                      {"outbound_open", statistics.outbound_open},
                      {"outbound_begun", statistics.outbound_begun}}},
                    {"listeners", list_of(status.listeners, listener_json)},
                    {"plugins", list_of(status.plugins,
                                        [&](const PluginStatus& plugin) {
                                            return plugin_json(plugin, status.state);
                                        })},
                    {"workers", list_of(status.workers, worker_json)},
                    {"log", {{"level", level_text(status.log_level)}}},
                    {"warnings", list_of(status.warnings, warning_json)}}) +
           "\n";
}

std::string connections_json(const ConnectionPage& page, Time now) {
    return text_of({{"schema", "portico-connections"},
                    {"version", 1},
                    {"time", utc_text(now)},
                    {"connections", list_of(page.connections, connection_json)},
                    {"next", page.next ? Json(std::to_string(*page.next)) : Json(nullptr)}}) +
           "\n";
}

}  // namespace portico::admin
