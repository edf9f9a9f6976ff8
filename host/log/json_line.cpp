// Apart from json_source.cpp only this file of the host includes nlohmann/json.
#include "log/json_line.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "log/line_time.hpp"
#include "log/number_text.hpp"

namespace portico::log {

namespace {

void append_member(std::string& out, std::string_view name, std::string_view text) {
    out += ",\"";
    out += name;
    out += "\":";
    append_json_string(out, text);
}

// A word of the log's own, or an address: nothing in it needs an escape.
void append_word(std::string& out, std::string_view name, std::string_view word) {
    out += ",\"";
    out += name;
    out += "\":\"";
    out += word;
    out += '"';
}

template <class Number>
void append_member_number(std::string& out, std::string_view name, Number number) {
    out += ",\"";
    out += name;
    out += "\":";
    append_number(out, number);
}

void append_json_head(std::string& out, bool has_time, const LineHead& head,
                      std::string_view type) {
    out += '{';
    if (has_time) {
        out += "\"time\":\"";
        append_time(out, head.time);
        out += "\",";
    }
    out += "\"type\":\"";
    out += type;
    out += '"';
    append_word(out, "level", name_of(head.level));
    if (!head.listener.empty()) {
        append_member(out, "listener", head.listener);
    }
    if (head.connection != 0) {
        out += ",\"connection\":\"";
        append_number(out, head.connection, 16);
        out += '"';
    }
}

bool is_plain(char c) noexcept {
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

}  // namespace

// Access lines have plain texts, one for each connection, so these do not go through the library.
void append_json_string(std::string& out, std::string_view text) {
    if (std::all_of(text.begin(), text.end(), is_plain)) {
        out += '"';
        out += text;
        out += '"';
        return;
    }
    out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void append_json_line(std::string& out, bool has_time, const LineHead& head,
                      std::string_view text) {
    append_json_head(out, has_time, head, "log");
    if (text.size() <= text_max) {
        append_member(out, "text", text);
    } else {
        append_member(out, "text", std::string(text.substr(0, text_max)) + "...");
    }
    out += '}';
}

void append_json_access(std::string& out, bool has_time, const LineHead& head,
                        const base::Access& access) {
    append_json_head(out, has_time, head, "access");
    append_member(out, "plugin", access.plugin);
    append_word(out, "origin", access.is_outbound ? "connected" : "accepted");
    append_word(out, "peer", access.peer);
    if (!access.local.empty()) {
        append_word(out, "local", access.local);
    }
    append_member_number(out, "received_bytes", access.received_bytes);
    append_member_number(out, "sent_bytes", access.sent_bytes);
    append_member_number(out, "messages", access.messages);
    out += ",\"duration_ms\":";
    append_milliseconds(out, access.duration_ns);
    append_word(out, "reason", access.reason_name);
    append_member_number(out, "status", access.status);
    append_member_number(out, "native_error", access.native_error);
    out += '}';
}

}  // namespace portico::log
