// What went wrong in the callbacks of one listener: errors that they returned, by status, and
// callbacks that the watchdog has reported.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

#include "portico/status.h"

namespace portico::plugin {

// Concurrency: any thread counts and any thread reads, relaxed: a count orders nothing. Workers
// share the counters, because an error is rare and closes a connection.
class FaultCounts {
public:
    struct Error {
        std::string_view callback;  // "on_data", "timer": constant
        std::string_view status;    // "PROTOCOL_ERROR", without PORTICO_: constant
        std::uint64_t count = 0;
    };
    struct Stuck {
        std::string_view callback;
        std::uint64_t count = 0;
    };

    // `callback`: a name that CallScope takes. An unknown status counts as PORTICO_ERROR.
    void count_error(std::string_view callback, portico_status status) noexcept;
    void count_stuck(std::string_view callback) noexcept;

    // Those that are not 0.
    [[nodiscard]] std::vector<Error> errors() const;
    [[nodiscard]] std::vector<Stuck> stuck() const;

private:
    static constexpr std::size_t callbacks_max = 12;
    static constexpr std::size_t statuses_max = 15;
    using Counter = std::atomic<std::uint64_t>;

    std::array<std::array<Counter, statuses_max>, callbacks_max> errors_{};
    std::array<Counter, callbacks_max> stuck_{};
};

}  // namespace portico::plugin
