#include "net/close_reason.hpp"

namespace portico::net {

const char* to_string(CloseReason reason) noexcept {
    switch (reason) {
        case CloseReason::none: return "none";
        case CloseReason::plugin: return "by the plugin";
        case CloseReason::peer: return "the peer finished";
        case CloseReason::reset: return "reset by the peer";
        case CloseReason::error: return "system error";
        case CloseReason::plugin_error: return "a plugin callback failed";
        case CloseReason::idle: return "idle timeout";
        case CloseReason::half_close: return "half-close timeout";
        case CloseReason::frame: return "frame too long";
        case CloseReason::unconsumed: return "too many unconsumed bytes";
        case CloseReason::drain: return "the host stops";
        case CloseReason::drain_deadline: return "the host stops, cut at the deadline";
        case CloseReason::no_memory: return "out of memory";
        case CloseReason::connect_failed: return "the connect failed";
        case CloseReason::connect_timeout: return "connect timeout";
    }
    return "unknown";
}

}  // namespace portico::net
