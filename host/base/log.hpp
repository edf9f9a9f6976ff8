// The log as every layer sees it: lines with a level, a listener's name and a connection's number.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace portico::base {

enum class LogLevel : std::uint8_t {
    trace,
    debug,
    info,
    warn,
    error,
    always,  // scripts wait for these: written at every level but off
    off,
};

// A connection that has ended, for its access line.
struct Access {
    std::string peer;         // "127.0.0.1:5000"
    std::string_view reason;  // "closed by the peer"
    std::uint64_t received_bytes = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t messages = 0;      // offered to the plugin and taken
    std::uint64_t duration_ns = 0;   // since it was opened; 0: it never was
    std::string local{};             // that the peer connected to; empty: the line leaves it out
    bool is_outbound = false;        // this side connected
    std::string_view reason_name{};  // "peer": the reason in a word
    std::string_view plugin{};       // as the configuration names it
    std::int32_t status = 0;         // that a callback returned, if that is the reason
    std::uint32_t native_error = 0;  // the system's number, if that is the reason
};

// Thread-safe; never blocks. Implemented in host/log.
class Log {
public:
    [[nodiscard]] bool enabled(LogLevel level) const noexcept {
        return level >= level_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] LogLevel level() const noexcept { return level_.load(std::memory_order_relaxed); }

    // An empty `listener` and a `connection` of 0 are left out of the line. Control bytes in `text`
    // are escaped, and it is cut at 4,096 bytes.
    virtual void write(LogLevel level, std::string_view listener, std::uint64_t connection,
                       std::string_view text) noexcept = 0;

    // For a text that must be composed: `text` returns it as a std::string, and is called only if
    // the level is enabled. If there is no memory for the line, it is lost and counted; nothing
    // else happens.
    template <class Text>
    void compose(LogLevel level, std::string_view listener, std::uint64_t connection,
                 Text&& text) noexcept {
        if (!enabled(level)) {
            return;
        }
        try {
            const std::string composed = text();
            write(level, listener, connection, composed);
        } catch (...) {
            count_lost();
        }
    }

    // True if access lines are written anywhere.
    [[nodiscard]] bool logs_access() const noexcept {
        return logs_access_.load(std::memory_order_relaxed);
    }
    // Writes the line of a connection that has ended. `access` returns it as an Access, and is
    // called only if access lines are written. If memory is out, this line too is lost and counted.
    template <class Make>
    void compose_access(std::string_view listener, std::uint64_t connection,
                        Make&& access) noexcept {
        if (!logs_access()) {
            return;
        }
        try {
            write_access(listener, connection, access());
        } catch (...) {
            count_lost();
        }
    }

protected:
    explicit Log(LogLevel level, bool logs_access = false) noexcept
        : level_(level), logs_access_(logs_access) {}
    ~Log() = default;

    // [any thread]
    void change_level(LogLevel level, bool logs_access) noexcept {
        level_.store(level, std::memory_order_relaxed);
        logs_access_.store(logs_access, std::memory_order_relaxed);
    }

private:
    virtual void count_lost() noexcept {}
    virtual void write_access(std::string_view, std::uint64_t, const Access&) {}

    // Relaxed: a line that is written meanwhile may go by the old level.
    std::atomic<LogLevel> level_;
    std::atomic<bool> logs_access_;
};

}  // namespace portico::base
