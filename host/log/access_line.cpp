#include "log/access_line.hpp"

#include "log/number_text.hpp"

namespace portico::log {

void append_access_text(std::string& out, const base::Access& access) {
    if (!access.plugin.empty()) {
        out += "plugin=";
        out += access.plugin;
        out += ' ';
    }
    out += access.is_outbound ? "upstream=" : "peer=";
    out += access.peer;
    if (!access.local.empty()) {
        out += " local=";
        out += access.local;
    }
    out += " in=";
    append_number(out, access.received_bytes);
    out += " out=";
    append_number(out, access.sent_bytes);
    out += " messages=";
    append_number(out, access.messages);
    out += " ms=";
    append_milliseconds(out, access.duration_ns);
    if (access.status != 0) {
        out += " status=";
        append_number(out, access.status);
    }
    if (access.native_error != 0) {
        out += " error=";
        append_number(out, access.native_error);
    }
    out += " closed: ";
    out += access.reason;
}

std::string access_text(const base::Access& access) {
    std::string text;
    append_access_text(text, access);
    return text;
}

}  // namespace portico::log
