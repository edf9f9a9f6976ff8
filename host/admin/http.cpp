#include "admin/http.hpp"

#include <boost/beast/http/status.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "admin/json_text.hpp"

namespace portico::admin {

namespace {

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7)
std::string http_date(std::chrono::system_clock::time_point time) {
    static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
    char text[64];
    std::snprintf(text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT",
                  days[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                  months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                  static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return text;
}

bool decode(std::string_view text, std::string& decoded) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '+') {
            decoded += ' ';
        } else if (text[at] != '%') {
            decoded += text[at];
        } else {
            std::uint8_t byte = 0;
            const char* const begin = text.data() + at + 1;
            if (text.size() - at < 3 ||
                std::from_chars(begin, begin + 2, byte, 16).ptr != begin + 2) {
                return false;
            }
            decoded += static_cast<char>(byte);
            at += 2;
        }
    }
    return true;
}

}  // namespace

Response Response::error(std::uint32_t status, std::string_view sentence) {
    return json(status, "{\"error\":" + json_string(sentence) + "}\n");
}

Response Response::json(std::uint32_t status, std::string body) {
    return {status, "application/json", std::move(body), {}};
}

std::string to_bytes(const Response& response, bool with_body, bool closes) {
    const auto reason = boost::beast::http::obsolete_reason(
        static_cast<boost::beast::http::status>(response.status));
    std::string bytes = "HTTP/1.1 " + std::to_string(response.status) + ' ';
    bytes.append(reason.data(), reason.size());
    const auto add = [&](std::string_view name, std::string_view value) {
        bytes.append("\r\n").append(name).append(": ").append(value);
    };
    add("Date", http_date(std::chrono::system_clock::now()));
    if (!response.content_type.empty()) {
        add("Content-Type", response.content_type);
    }
    add("Content-Length", std::to_string(response.body.size()));
    add("Cache-Control", "no-store");
    add("X-Content-Type-Options", "nosniff");
    add("X-Frame-Options", "DENY");
    add("Referrer-Policy", "no-referrer");
    add("Cross-Origin-Resource-Policy", "same-origin");
    bool has_policy = false;
    for (const auto& [name, value] : response.headers) {
        has_policy = has_policy || name == "Content-Security-Policy";
        add(name, value);
    }
    if (!has_policy) {
        add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    }
    if (closes) {
        add("Connection", "close");
    }
    bytes += "\r\n\r\n";
    if (with_body) {
        bytes += response.body;
    }
    return bytes;
}

bool parse_query(std::string_view text, Query& query) {
    while (!text.empty()) {
        const std::size_t end = text.find('&');
        const std::string_view part = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (part.empty()) {
            continue;
        }
        const std::size_t equals = part.find('=');
        auto& [name, value] = query.emplace_back();
        if (!decode(part.substr(0, equals), name) ||
            (equals != std::string_view::npos && !decode(part.substr(equals + 1), value))) {
            return false;
        }
    }
    return true;
}

}  // namespace portico::admin
