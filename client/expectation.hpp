// Checks one connection's replies, byte for byte, as they come and in whatever pieces. Keeps a few numbers and no bytes: what should have
// come is made again by the MessageSource.
//
// Without framing a reply is as long as it should be, so a wrong byte leaves no way to tell where the next reply begins: the checker says
// `wrong` and is not to be asked again. With framing a wrong reply ends where its frame ends, and the next one is checked as usual.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "framing.hpp"
#include "message.hpp"

namespace portico::client {

struct Expectation {
    const MessageSource* replies = nullptr;  // null: any bytes do (a read is a reply, or a frame where there is framing)
    Framing framing;
};

// The first difference of a wrong reply.
struct Difference {
    static constexpr std::size_t shown_max = 16;

    MessageId message;
    std::uint64_t offset = 0;  // in the reply, framing included
    std::array<std::byte, shown_max> expected{};
    std::array<std::byte, shown_max> got{};
    std::size_t expected_size = 0;  // less than shown_max at the end of the reply; 0: nothing more should have come
    std::size_t got_size = 0;       // less at the end of a read; 0: the frame ended too soon
};

class ReplyChecker {
public:
    enum class Event : std::uint8_t {
        more,        // the reply goes on
        reply,       // a reply is complete and right
        wrong,       // a reply is wrong: see difference()
        unexpected,  // bytes, or a frame, that answer nothing
    };
    struct Step {
        std::size_t used = 0;
        Event event = Event::more;
    };

    explicit ReplyChecker(std::uint32_t connection) noexcept { id_.connection = connection; }

    // Looks at the start of `bytes` (not empty); ask again with those that were not used. `started`: the number of the last message whose
    // sending has begun.
    [[nodiscard]] Step check(const Expectation& expectation, std::span<const std::byte> bytes, std::uint64_t started) noexcept;

    // For a new connection, whose first reply answers the message that is next: what has come of a reply is forgotten.
    void restart() noexcept {
        offset_ = 0;
        is_wrong_ = false;
        scanner_ = {};
    }

    // Of the last reply that was wrong.
    [[nodiscard]] const Difference& difference() const noexcept { return difference_; }

private:
    [[nodiscard]] Step check_unframed(const MessageSource& replies, std::span<const std::byte> bytes) noexcept;
    [[nodiscard]] Step check_frame(const Expectation& expectation, std::span<const std::byte> bytes, std::uint64_t started) noexcept;
    // Notes a difference at `offset_` + `at` of the current reply.
    void differs(const MessageSource& replies, std::span<const std::byte> bytes, std::size_t at) noexcept;
    void next() noexcept;

    MessageId id_;              // of the message that the current reply answers
    std::uint64_t offset_ = 0;  // how much of the current reply has come
    std::uint64_t size_ = 0;    // how long it should be; known once its first byte has come
    bool is_wrong_ = false;     // the current frame
    FrameScanner scanner_;
    Difference difference_;
};

}  // namespace portico::client
