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
        case CloseReason::drain: return "drained";
        case CloseReason::drain_deadline: return "the host stops, cut at the deadline";
        case CloseReason::no_memory: return "out of memory";
        case CloseReason::connect_failed: return "the connect failed";
        case CloseReason::connect_timeout: return "connect timeout";
    }
    return "unknown";
}

const char* name_of(CloseReason reason) noexcept {
    switch (reason) {
        case CloseReason::none: return "none";
        case CloseReason::plugin: return "plugin";
        case CloseReason::peer: return "peer";
        case CloseReason::reset: return "reset";
        case CloseReason::error: return "error";
        case CloseReason::plugin_error: return "plugin_error";
        case CloseReason::idle: return "idle";
        case CloseReason::half_close: return "half_close";
        case CloseReason::frame: return "frame";
        case CloseReason::unconsumed: return "unconsumed";
        case CloseReason::drain: return "drain";
        case CloseReason::drain_deadline: return "drain_deadline";
        case CloseReason::no_memory: return "no_memory";
        case CloseReason::connect_failed: return "connect_failed";
        case CloseReason::connect_timeout: return "connect_timeout";
    }
    return "unknown";
}

}  // namespace portico::net
