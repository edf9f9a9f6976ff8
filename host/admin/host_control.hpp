// What the admin endpoint asks of the server that it belongs to. All functions may be called from
// any thread, as long as the endpoint runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "admin/status.hpp"

namespace portico::admin {

class HostControl {
public:
    [[nodiscard]] virtual HostState state() = 0;
    [[nodiscard]] virtual Status status() = 0;
    [[nodiscard]] virtual std::vector<Metric> metrics() = 0;

    // Names of the listeners; empty while the host starts.
    [[nodiscard]] virtual std::vector<std::string> listeners() = 0;
    // At most `limit` connections of a listener (empty: of all), from place `after` on.
    [[nodiscard]] virtual ConnectionPage connections(const std::string& listener,
                                                     std::uint32_t after, std::size_t limit) = 0;
    // False: there is none with this id.
    [[nodiscard]] virtual bool close_connection(std::uint64_t id, bool aborts) = 0;

    // Empty if it was done, else what is wrong.
    [[nodiscard]] virtual std::string drain(const std::string& listener) = 0;
    [[nodiscard]] virtual std::string undo_drain(const std::string& listener) = 0;

    virtual void set_log_level(base::LogLevel level) = 0;
    virtual void reopen_log() = 0;

protected:
    ~HostControl() = default;
};

}  // namespace portico::admin
