// A host that does nothing but answer and note what the admin endpoint asks of it.
#pragma once

#include <string>
#include <vector>

#include "admin/host_control.hpp"

struct FakeHost final : portico::admin::HostControl {
    portico::admin::HostState now = portico::admin::HostState::ready;
    std::vector<std::string> names{"echo", "other"};
    std::vector<portico::Metric> counted;
    portico::admin::Status shown;
    portico::admin::ConnectionPage page;
    std::string trouble;            // what drain and undo_drain answer
    std::vector<std::string> done;  // "drain echo"

    portico::admin::HostState state() override { return now; }
    portico::admin::Status status() override { return shown; }
    std::vector<portico::Metric> metrics() override { return counted; }
    std::vector<std::string> listeners() override { return names; }
    portico::admin::ConnectionPage connections(const std::string& listener, std::uint32_t after,
                                               std::size_t limit) override {
        done.push_back("connections " + listener + " " + std::to_string(after) + " " +
                       std::to_string(limit));
        return page;
    }
    bool close_connection(std::uint64_t id, bool aborts) override {
        done.push_back((aborts ? "abort " : "close ") + std::to_string(id));
        return id == 0x17;
    }
    std::string drain(const std::string& listener) override {
        done.push_back("drain " + listener);
        return trouble;
    }
    std::string undo_drain(const std::string& listener) override {
        done.push_back("undo " + listener);
        return trouble;
    }
    void set_log_level(portico::base::LogLevel level) override {
        done.push_back("level " + std::to_string(static_cast<int>(level)));
    }
    void reopen_log() override { done.emplace_back("reopen"); }
};
