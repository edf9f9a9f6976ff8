// Lines that wait for a sink's thread, one behind the other in one piece of memory, so that the
// thread writes many at once. If there are too many, the oldest are dropped. Its owner locks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace portico::log {

class LineQueue {
public:
    explicit LineQueue(std::size_t lines_max) : lines_max_(lines_max) {}

    // `line` ends with its newline, the only one in it. Returns whether another one was dropped for
    // it. Throws std::bad_alloc; then nothing has changed.
    bool push(std::string_view line);
    // Moves all lines into `lines`, whose memory it takes in exchange. Allocates nothing.
    void take(std::string& lines) noexcept;

    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] std::size_t lines_max() const noexcept { return lines_max_; }

private:
    const std::size_t lines_max_;
    std::string text_;
    std::size_t first_ = 0;  // in text_, of the oldest line: those before it were dropped
    std::size_t count_ = 0;
};

}  // namespace portico::log
