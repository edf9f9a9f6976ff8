// The log, as every layer sees it: lines with a level, a listener's name and a connection's number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace portico::base {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };

// Thread-safe; never blocks. Implemented in host/log.
class Log {
public:
    [[nodiscard]] bool enabled(LogLevel level) const noexcept { return level >= level_; }

    // `listener` may be empty, `connection` 0: then they are left out of the line. Control bytes in `text` are escaped, and it is cut at 4,096
    // bytes.
    virtual void write(LogLevel level, std::string_view listener, std::uint64_t connection, std::string_view text) noexcept = 0;

    // For a text that has to be put together: `text` returns it as a std::string, and is called only where the level is enabled. The one place where
    // want of memory for a line ends: the line is lost, and counted.
    template <class Text>
    void compose(LogLevel level, std::string_view listener, std::uint64_t connection, Text&& text) noexcept {
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

protected:
    explicit Log(LogLevel level) noexcept : level_(level) {}
    ~Log() = default;

private:
    virtual void count_lost() noexcept {}

    const LogLevel level_;
};

}  // namespace portico::base
