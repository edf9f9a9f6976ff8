#include "program/status_table.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

namespace portico {

namespace {

using Json = nlohmann::json;
using Row = std::vector<std::string>;

std::string number(const Json& value) {
    return std::to_string(value.get<std::uint64_t>());
}

// "1,234" would not sort and not paste, so bytes are scaled instead: "1.2 MiB".
std::string bytes_text(const Json& value) {
    constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    auto amount = value.get<double>();
    std::size_t unit = 0;
    while (amount >= 1'024 && unit + 1 < std::size(units)) {
        amount /= 1'024;
        ++unit;
    }
    char text[32];
    std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
    return text;
}

std::string duration_text(double seconds) {
    const auto all = static_cast<std::uint64_t>(seconds);
    const std::uint64_t days = all / 86'400;
    char text[64];
    std::snprintf(text, sizeof text, "%02u:%02u:%02u", static_cast<unsigned>(all / 3'600 % 24),
                  static_cast<unsigned>(all / 60 % 60), static_cast<unsigned>(all % 60));
    return (days != 0 ? std::to_string(days) + " d " : "") + text;
}

// Columns two blanks apart; the first row is the head.
std::string table(const std::vector<Row>& rows) {
    std::vector<std::size_t> widths(rows.front().size());
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    std::string text;
    for (const Row& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i] + std::string(widths[i] + 2 - row[i].size(), ' ');
        }
        text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
    }
    return text;
}

std::string listeners_text(const Json& status) {
    std::vector<Row> rows{
        {"LISTENER", "STATE", "ADDRESS", "PLUGIN", "OPEN", "LIMIT", "ACCEPTED", "QUEUED"}};
    const Json& plugins = status.at("plugins");
    for (std::size_t i = 0; i < status.at("listeners").size(); ++i) {
        const Json& listener = status.at("listeners").at(i);
        const Json& connections = listener.at("connections");
        std::string addresses;
        for (const Json& endpoint : listener.at("endpoints")) {
            addresses += (addresses.empty() ? "" : ",") + endpoint.at("address").get<std::string>();
        }
        std::string plugin = listener.at("plugin").get<std::string>();
        if (i < plugins.size() && !plugins.at(i).at("version").get<std::string>().empty()) {
            plugin += " " + plugins.at(i).at("version").get<std::string>();
        }
        rows.push_back(
            {listener.at("name").get<std::string>(), listener.at("state").get<std::string>(),
             addresses, plugin, number(connections.at("open")), number(connections.at("limit")),
             number(connections.at("accepted")), bytes_text(listener.at("queued_bytes"))});
    }
    return table(rows);
}

std::string workers_text(const Json& status) {
    std::string text;
    for (const Json& worker : status.at("workers")) {
        if (const auto callback = worker.find("callback"); callback != worker.end()) {
            text += "worker " + number(worker.at("index")) + " is in " +
                    callback->at("name").get<std::string>() + " of listener " +
                    callback->at("listener").get<std::string>();
            if (const auto id = callback->find("connection"); id != callback->end()) {
                text += ", connection " + id->get<std::string>();
            }
            text += '\n';
        }
    }
    return text;
}

std::string warnings_text(const Json& status) {
    std::string text;
    for (const Json& warning : status.at("warnings")) {
        const std::string listener = warning.at("listener").get<std::string>();
        text += "  " + warning.at("time").get<std::string>() + " " +
                warning.at("level").get<std::string>() +
                (listener.empty() ? "" : " [" + listener + "]") + " " +
                warning.at("text").get<std::string>() + '\n';
    }
    return text.empty() ? text : "\nlast warnings:\n" + text;
}

std::string to_text(const Json& status) {
    const Json& host = status.at("host");
    const Json& io = status.at("io");
    const std::string state = host.at("state").get<std::string>();
    std::string text = "portico " + host.at("version").get<std::string>() + ", process " +
                       number(host.at("pid")) + ": " + state + ", up " +
                       duration_text(host.at("uptime_seconds").get<double>()) + "\n" +
                       host.at("configuration").get<std::string>() + "; log level " +
                       status.at("log").at("level").get<std::string>() + "\n";
    if (state != "starting") {
        text += io.at("backend").get<std::string>() + ", " + number(io.at("worker_threads")) +
                " workers, " + number(status.at("connections").at("open")) + " connections open, " +
                number(status.at("connections").at("outbound_open")) + " outbound\n\n" +
                listeners_text(status);
    }
    const std::string busy = workers_text(status);
    return text + (busy.empty() ? "" : "\n" + busy) + warnings_text(status);
}

}  // namespace

std::string status_table(std::string_view json) {
    try {
        return to_text(Json::parse(json));
    } catch (const Json::exception&) {
        return {};
    }
}

}  // namespace portico
