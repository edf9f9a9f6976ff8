#include "log/line_format.hpp"

#include <cstdio>

namespace portico::log {

namespace {

constexpr std::size_t text_max = 4'096;
constexpr std::size_t head_max = 64;  // of a line: time, level, connection

void append_escaped(std::string& line, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    for (const char c : text.substr(0, text_max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
            line += c;
        } else {
            line += "\\x";
            line += digits[byte >> 4];
            line += digits[byte & 15];
        }
    }
    if (text.size() > text_max) {
        line += "...";
    }
}

std::string_view name_of(base::LogLevel level) noexcept {
    switch (level) {
        case base::LogLevel::trace: return "trace";
        case base::LogLevel::debug: return "debug";
        case base::LogLevel::warn: return "warn";
        case base::LogLevel::error: return "error";
        case base::LogLevel::info:
        case base::LogLevel::always:
        case base::LogLevel::off: break;
    }
    return "info";
}

void append_time(std::string& line, std::chrono::system_clock::time_point time) {
    using namespace std::chrono;
    const auto moment = floor<milliseconds>(time);
    const auto day = floor<days>(moment);
    const year_month_day date(day);
    const hh_mm_ss clock(moment - day);
    char text[head_max];
    std::snprintf(
        text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
        static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    line += text;
}

}  // namespace

std::string format_line(std::chrono::system_clock::time_point time, base::LogLevel level,
                        std::string_view listener, std::uint64_t connection,
                        std::string_view text) {
    std::string line;
    line.reserve(head_max + listener.size() + text.size());
    append_time(line, time);
    line += name_of(level);
    line += ' ';
    if (!listener.empty()) {
        line += "listener=";
        append_escaped(line, listener);
        line += ' ';
    }
    if (connection != 0) {
        char number[24];
        std::snprintf(number, sizeof number, "conn=%llx ",
                      static_cast<unsigned long long>(connection));
        line += number;
    }
    append_escaped(line, text);
    line += '\n';
    return line;
}

std::string escaped(std::string_view text) {
    std::string line;
    append_escaped(line, text);
    return line;
}

}  // namespace portico::log
