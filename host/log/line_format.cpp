#include "log/line_format.hpp"

#include "log/access_line.hpp"
#include "log/json_line.hpp"
#include "log/line_time.hpp"
#include "log/number_text.hpp"

namespace portico::log {

namespace {

constexpr std::size_t head_max = 96;  // of a line: priority, time, level, connection

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

// See sd-daemon(3).
std::string_view priority_of(base::LogLevel level) noexcept {
    switch (level) {
        case base::LogLevel::trace:
        case base::LogLevel::debug: return "<7>";
        case base::LogLevel::warn: return "<4>";
        case base::LogLevel::error: return "<3>";
        case base::LogLevel::info:
        case base::LogLevel::always:
        case base::LogLevel::off: break;
    }
    return "<6>";
}

void append_head(std::string& out, LineFormat format, const LineHead& head) {
    if (!format.is_journal) {
        append_time(out, head.time);
        out += ' ';
    }
    out += name_of(head.level);
    out += ' ';
    if (!head.listener.empty()) {
        out += "listener=";
        append_escaped(out, head.listener);
        out += ' ';
    }
    if (head.connection != 0) {
        out += "conn=";
        append_number(out, head.connection, 16);
        out += ' ';
    }
}

void begin_line(std::string& out, LineFormat format, const LineHead& head, std::size_t rest) {
    out.reserve(out.size() + head_max + head.listener.size() + rest);
    if (format.is_journal) {
        out += priority_of(head.level);
    }
}

}  // namespace

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

void append_line(std::string& out, LineFormat format, const LineHead& head, std::string_view text) {
    begin_line(out, format, head, text.size());
    if (format.kind == LineFormat::Kind::json) {
        append_json_line(out, !format.is_journal, head, text);
    } else {
        append_head(out, format, head);
        append_escaped(out, text);
    }
    out += '\n';
}

void append_access_line(std::string& out, LineFormat format, const LineHead& head,
                        const base::Access& access) {
    constexpr std::size_t usual_rest = 256;
    begin_line(out, format, head, usual_rest);
    if (format.kind == LineFormat::Kind::json) {
        append_json_access(out, !format.is_journal, head, access);
    } else {
        append_head(out, format, head);
        append_access_text(out, access);
    }
    out += '\n';
}

std::string escaped(std::string_view text) {
    std::string line;
    append_escaped(line, text);
    return line;
}

}  // namespace portico::log
