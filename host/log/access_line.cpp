#include "log/access_line.hpp"

#include <cstdio>

#include "base/clock.hpp"

namespace portico::log {

std::string access_text(const base::Access& access) {
    constexpr std::uint64_t per_thousandth_ms = base::nanoseconds_per_millisecond / 1'000;
    const std::uint64_t thousandths = access.duration_ns / per_thousandth_ms;
    char figures[160];
    std::snprintf(figures, sizeof figures,
                  " in=%llu out=%llu messages=%llu ms=%llu.%03llu closed: ",
                  static_cast<unsigned long long>(access.received_bytes),
                  static_cast<unsigned long long>(access.sent_bytes),
                  static_cast<unsigned long long>(access.messages),
                  static_cast<unsigned long long>(thousandths / 1'000),
                  static_cast<unsigned long long>(thousandths % 1'000));
    std::string text = access.is_outbound ? "upstream=" : "peer=";
    text += access.peer;
    if (!access.local.empty()) {
        text += " local=" + access.local;
    }
    text += figures;
    text += access.reason;
    return text;
}

}  // namespace portico::log
