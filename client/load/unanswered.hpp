// The messages of one connection that have begun: which of them are answered, and when the others
// began. Keeps a few numbers and a ring of times, whatever the run's length.
//
//     1 .. settled           answered, or passed over: a later one was answered first, or they were
//                            given up
//     settled + 1 .. begun   a reply is due
//
// A reply to one that was passed over may still come. It is told from a second reply to one that
// was answered as long as its time is kept: for window() messages from the last one that has begun
// back, which is at least twice as many as may be due at once.
#pragma once

#include <cstdint>
#include <memory>

namespace portico::client {

struct MessageTimes {
    std::uint64_t began_ns = 0;  // to leave
    std::uint64_t due_ns = 0;    // with a rate
};

class Unanswered {
public:
    // How a reply stands to the others of its connection.
    enum class Turn : std::uint8_t {
        own,        // none is owed to an earlier message, or those were passed over by it
        reordered,  // it comes behind the reply to a later message
        late,       // it comes although it was given up
        duplicate,  // it was there before
        forgotten,  // to a message of so long ago that it may be any of these; or to none at all
    };
    struct Answer {
        Turn turn = Turn::own;
        std::uint64_t passed_over = 0;  // messages before it
        MessageTimes times;             // of its message; not of a duplicate or forgotten one
    };

    // `depth`: as many may be due at once. `keeps_due`: whether due_ns is kept.
    Unanswered(std::uint32_t depth, bool keeps_due);

    // The next message begins: its number, from 1.
    std::uint64_t begin(MessageTimes times) noexcept;
    // A reply to this message has come.
    [[nodiscard]] Answer answer(std::uint64_t number) noexcept;
    // One has come that does not tell to which. It stands for the message whose turn it is, and,
    // where that one is answered all the same, for another one that is not. Forgotten where none is
    // due any more.
    [[nodiscard]] Answer answer_unknown() noexcept;
    // No reply is due any more. How many were.
    std::uint64_t give_up() noexcept;

    [[nodiscard]] std::uint64_t begun() const noexcept { return begun_; }
    [[nodiscard]] std::uint64_t settled() const noexcept { return settled_; }
    [[nodiscard]] std::uint64_t due() const noexcept { return begun_ - settled_; }
    // Of those that are settled: how many have had no reply.
    [[nodiscard]] std::uint64_t lost() const noexcept {
        return missing_ > unknown_ ? missing_ - unknown_ : 0;
    }
    [[nodiscard]] std::uint64_t window() const noexcept { return std::uint64_t{mask_} + 1; }
    // Of a message within the window.
    [[nodiscard]] MessageTimes times(std::uint64_t number) const noexcept;

private:
    static constexpr std::uint64_t answered = 0;  // in the place of a time

    [[nodiscard]] bool is_kept(std::uint64_t number) const noexcept {
        return number != 0 && number <= begun_ && begun_ - number < window();
    }

    std::uint64_t begun_ = 0;
    std::uint64_t settled_ = 0;
    std::uint64_t given_up_ = 0;  // up to this number, but for those that were answered before
    std::uint64_t missing_ = 0;   // settled without a reply of their own
    std::uint64_t unknown_ = 0;   // replies that did not tell to which
    // the window's size less 1; a message's place is its number's low bits
    const std::uint32_t mask_;
    std::unique_ptr<std::uint64_t[]> began_ns_;
    std::unique_ptr<std::uint64_t[]> due_ns_;
};

}  // namespace portico::client
