// What a verification asks of the system: memory that nobody may touch, the C library's count of
// bytes, and a last word when the process crashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace portico::verify {

// Shows bytes so that the first one after them cannot be read.
class GuardedBytes {
public:
    GuardedBytes() = default;
    ~GuardedBytes();
    GuardedBytes(const GuardedBytes&) = delete;
    GuardedBytes& operator=(const GuardedBytes&) = delete;

    // A copy of the bytes, until hide(). Null if the system gives no memory.
    [[nodiscard]] const std::uint8_t* show(const std::uint8_t* bytes, std::size_t count) noexcept;
    // Until the next show() none of it can be read either.
    void hide() noexcept;

    [[nodiscard]] bool contains(const void* address) const noexcept;

private:
    std::uint8_t* begin_ = nullptr;
    std::size_t usable_ = 0;  // bytes before the page that nobody may read
    std::size_t all_ = 0;
};

// The bytes that the C library has given out in this process and not got back. 0 if it does not
// say.
[[nodiscard]] std::uint64_t bytes_in_use() noexcept;

// Calls `last_words` when the process is about to end by a wrong address (which is passed), an
// abort or another fault. It may write to standard error and nothing else.
void on_crash(void (*last_words)(const void* address) noexcept) noexcept;

}  // namespace portico::verify
