// A line of the log as a sink writes it: as text, or as one JSON object (json_line.hpp).
//
//     2026-01-31T12:00:00.123Z info listener=echo conn=2a text
//
// For systemd's journal a line begins with its priority and has no time, because the journal has
// its own:
//
//     <6>info listener=echo conn=2a text
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/log.hpp"

namespace portico::log {

struct LineFormat {
    enum class Kind : std::uint8_t { text, json };

    Kind kind = Kind::text;
    bool is_journal = false;

    bool operator==(const LineFormat&) const = default;
};

// What every line has. An empty `listener` and a `connection` of 0 are left out.
struct LineHead {
    std::chrono::system_clock::time_point time;
    base::LogLevel level = base::LogLevel::info;
    std::string_view listener;
    std::uint64_t connection = 0;
};

// A longer text is cut, and ends with "...".
inline constexpr std::size_t text_max = 4'096;

// Append a line with its newline, which is the only control byte in it.
void append_line(std::string& out, LineFormat format, const LineHead& head, std::string_view text);
void append_access_line(std::string& out, LineFormat format, const LineHead& head,
                        const base::Access& access);

// The text alone, with control bytes escaped, and cut.
[[nodiscard]] std::string escaped(std::string_view text);

// "info"
[[nodiscard]] std::string_view name_of(base::LogLevel level) noexcept;

}  // namespace portico::log
