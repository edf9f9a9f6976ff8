// Checks one connection's replies byte for byte, in whatever pieces they come. Keeps only a few
// numbers, and the first bytes of a reply that is not the next one, because the MessageSource makes
// the expected bytes again.
//
// Without framing only the expected length shows where a reply ends. After a wrong byte nothing
// shows where the next one begins: the checker returns `wrong` and must not be used again. With
// framing a wrong reply ends with its frame, and the next one is checked as usual. If messages name
// themselves, framed replies may come in any order:
//
//     as_expected -> identifying -> recognised
//          |             |              |
//          +-------------+--------------+---> wrong
//
// Each byte is compared with the message whose turn it is. If one differs in a reply's head, the
// head is completed, and the reply is compared with the message that the head names.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "messages/finding.hpp"
#include "messages/framing.hpp"
#include "messages/message.hpp"
#include "messages/pattern.hpp"

namespace portico::client {

struct Expectation {
    // null: any bytes do (each read is a reply; with framing, each frame)
    const MessageSource* replies = nullptr;
    Framing framing;
    std::uint32_t connections = 1;  // no message has a higher connection number
    // One for each message in turn, again and again; empty if there are none. If a message has a
    // pattern, its framed reply must match it, and `replies` does not apply.
    std::span<const std::optional<Pattern>> patterns;
    bool texts_have_no_frames = false;  // a reply without a pattern has the length of `replies`

    [[nodiscard]] const Pattern* pattern_of(std::uint64_t number) const noexcept {
        if (patterns.empty()) {
            return nullptr;
        }
        const std::optional<Pattern>& its =
            patterns[static_cast<std::size_t>((number - 1) % patterns.size())];
        return its ? &*its : nullptr;
    }
    [[nodiscard]] bool has_frame(std::uint64_t number) const noexcept {
        return framing.type != Framing::Type::none &&
               (!texts_have_no_frames || pattern_of(number) != nullptr);
    }

    // True if a reply names its message.
    [[nodiscard]] bool tells_messages() const noexcept {
        return replies != nullptr && framing.type != Framing::Type::none &&
               replies->identity_bytes() != 0;
    }
};

class ReplyChecker {
public:
    enum class Event : std::uint8_t {
        more,        // the reply is not complete yet
        reply,       // a reply is complete and right
        wrong,       // a reply is wrong
        crossed,     // a reply is complete and right, but another connection's
        unexpected,  // bytes, or a frame, that answer nothing
    };
    struct Step {
        std::size_t used = 0;
        Event event = Event::more;
        // `finding` describes a wrong reply's first difference; the reply may not be complete yet
        bool differs = false;
        // The message that a reply answers. wrong: the number is 0 if the reply does not name it.
        // unexpected: no meaning.
        MessageId message{};
    };

    explicit ReplyChecker(std::uint32_t connection) noexcept : connection_(connection) {}

    // Checks the start of `bytes` (not empty); call again with those that were not used. `next`:
    // the message whose reply is next; `begun`: the number of the last message that has begun.
    [[nodiscard]] Step check(const Expectation& expectation, std::span<const std::byte> bytes,
                             MessageId next, std::uint64_t begun, Finding& finding) noexcept;

    // Only with a framing of Type::idle: nothing has come for idle_ns, so the reply that
    // is_within_reply() is complete.
    [[nodiscard]] Step end_reply(const Expectation& expectation, std::uint64_t begun,
                                 Finding& finding) noexcept;
    [[nodiscard]] bool is_within_reply() const noexcept { return offset_ != 0; }

    // Prepares for a new connection: forgets an incomplete reply.
    void restart() noexcept {
        offset_ = 0;
        scanner_ = {};
    }

private:
    enum class State : std::uint8_t {
        as_expected,
        identifying,
        recognised,
        wrong,
        wrong_unknown,
        unexpected
    };

    [[nodiscard]] Step check_unframed(const MessageSource& replies,
                                      std::span<const std::byte> bytes, Finding& finding) noexcept;
    [[nodiscard]] Step check_frame(const Expectation& expectation, std::span<const std::byte> bytes,
                                   std::uint64_t begun, Finding& finding) noexcept;
    [[nodiscard]] Step ended_frame(std::size_t used, bool differs) noexcept;
    void begin_frame(const Expectation& expectation) noexcept;
    bool compare_with_pattern(const Expectation& expectation, const Pattern& pattern,
                              std::span<const std::byte> part, bool is_last,
                              Finding& finding) noexcept;
    // Each compares part of a reply; `is_last`: the part reaches the reply's end. Returns whether
    // the finding describes a difference now.
    bool compare(const Expectation& expectation, std::span<const std::byte> part, bool is_last,
                 std::uint64_t begun, Finding& finding) noexcept;
    bool compare_with_expected(const Expectation& expectation, std::span<const std::byte> part,
                               bool is_last, std::uint64_t begun, Finding& finding) noexcept;
    bool identify(const Expectation& expectation, std::span<const std::byte> rest, bool is_last,
                  std::uint64_t begun, Finding& finding) noexcept;
    bool compare_with_recognised(const Expectation& expectation, std::uint64_t offset,
                                 std::span<const std::byte> part, bool is_last, std::uint64_t begun,
                                 Finding& finding) noexcept;
    bool is_wrong(const MessageSource& replies, std::uint64_t differs_at,
                  std::span<const std::byte> came, Finding& finding) noexcept;
    bool is_unknown(const MessageSource& replies, std::span<const std::byte> rest,
                    std::uint64_t begun, Finding& finding) noexcept;
    void note(const MessageSource& replies, std::uint64_t differs_at,
              std::span<const std::byte> came, Finding& finding) const noexcept;

    // Sets id_ and size_ from the head; false if there is no such message.
    [[nodiscard]] bool recognise(const Expectation& expectation, std::uint64_t begun) noexcept;
    // The number of bytes of `part`, at `offset` of the reply, that equal those of message id_.
    [[nodiscard]] std::size_t same_from(const MessageSource& replies, std::uint64_t offset,
                                        std::span<const std::byte> part) const noexcept;
    [[nodiscard]] bool is_all(std::uint64_t offset, std::span<const std::byte> part,
                              std::size_t same, bool is_last) const noexcept {
        return same == part.size() && (!is_last || offset + same == size_);
    }

    const std::uint32_t connection_;
    MessageId id_;              // the message that the current reply answers, or should
    MessageId expected_;        // the message that was next when the reply began
    std::uint64_t offset_ = 0;  // how much of the current reply has come
    std::uint64_t size_ = 0;    // how long it should be; known once its first byte has come
    State state_ = State::as_expected;
    std::uint8_t head_size_ = 0;  // bytes in head_
    // while identifying, and with a pattern: the reply's first bytes
    std::array<std::byte, MessageSource::identity_bytes_max> head_{};
    Pattern::Places places_ = Pattern::start;  // of the pattern
    FrameScanner scanner_;
};

}  // namespace portico::client
