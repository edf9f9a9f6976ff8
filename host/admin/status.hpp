// What an operator may see of a running host, as plain data. docs/reference/status_json.md says
// what each member means.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "portico/server.hpp"

namespace portico::admin {

using Time = std::chrono::system_clock::time_point;

enum class HostState : std::uint8_t { starting, ready, stopping };
enum class ListenerState : std::uint8_t { listening, draining, drained, stopping };
enum class ConnectionState : std::uint8_t { opening, connecting, open, closing };

struct ListenerStatus {
    std::string name;
    std::string plugin;
    ListenerState state = ListenerState::listening;
    std::vector<Endpoint> endpoints;
    std::uint64_t open = 0;
    std::uint64_t limit = 0;
    std::uint64_t accepted = 0;
    std::uint64_t outbound_open = 0;
    std::uint64_t outbound_begun = 0;
    std::uint64_t queued_bytes = 0;
    std::uint64_t full_queues = 0;
};

struct PluginStatus {
    std::string listener;
    std::string name;
    std::string version;
    std::string file;
    std::vector<std::string> flags;
};

struct WorkerStatus {
    std::uint32_t index = 0;
    const char* callback = nullptr;  // null: none runs
    std::string listener;
    std::uint64_t connection = 0;  // 0: none
};

struct Warning {
    Time time;
    base::LogLevel level = base::LogLevel::warn;
    std::string listener;
    std::uint64_t connection = 0;  // 0: none
    std::string text;
};

struct Status {
    HostState state = HostState::starting;
    std::uint64_t pid = 0;
    std::string configuration;
    Time started;
    std::chrono::milliseconds uptime{};
    base::LogLevel log_level = base::LogLevel::info;
    Statistics statistics;
    std::vector<ListenerStatus> listeners;
    std::vector<PluginStatus> plugins;
    std::vector<WorkerStatus> workers;
    std::vector<Warning> warnings;
};

struct ConnectionStatus {
    std::uint64_t id = 0;
    std::string listener;
    bool is_outbound = false;
    std::string peer;
    std::string local;
    ConnectionState state = ConnectionState::open;
    std::chrono::milliseconds age{};
    std::uint64_t received_bytes = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t queued_bytes = 0;
    bool is_queue_full = false;
};

struct ConnectionPage {
    std::vector<ConnectionStatus> connections;
    std::optional<std::uint32_t> next;
};

}  // namespace portico::admin
