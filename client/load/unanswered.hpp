// The messages of one connection that have begun: which of them are answered, and when the others
// began. Keeps a few numbers and a ring of times, however long the run is.
//
//     1 .. settled           answered, or passed over: a later one was answered first, or they were
//                            given up
//     settled + 1 .. begun   a reply is due
//
// A reply to a message that was passed over may still come. It can be distinguished from a second
// reply as long as the message's time is kept: for the last window() messages that have begun, at
// least twice as many as may be due at once.
#pragma once

#include <cstdint>
#include <memory>

namespace portico::client {

struct MessageTimes {
    std::uint64_t began_ns = 0;  // when it began to leave
    std::uint64_t due_ns = 0;    // with a rate: when it was due
};

class Unanswered {
public:
    // The order of a reply among those of its connection.
    enum class Turn : std::uint8_t {
        own,        // its message was next, or it passes over those before
        reordered,  // it comes after the reply to a later message
        late,       // its message had been given up
        duplicate,  // its message was answered before
        forgotten,  // its message began too long ago to know, or there is none
    };
    struct Answer {
        Turn turn = Turn::own;
        std::uint64_t passed_over = 0;  // messages before its own
        MessageTimes times;             // of its message; unset for a duplicate or forgotten one
    };

    // At most `depth` may be due at once. `keeps_due`: due_ns is kept too.
    Unanswered(std::uint32_t depth, bool keeps_due);

    // The next message begins. Returns its number, from 1.
    std::uint64_t begin(MessageTimes times) noexcept;
    // A reply to this message has come.
    [[nodiscard]] Answer answer(std::uint64_t number) noexcept;
    // A reply has come that does not name its message. It counts for the message whose turn it is;
    // if that one is answered later after all, it counts for another unanswered one. Forgotten if
    // none is due any more.
    [[nodiscard]] Answer answer_unknown() noexcept;
    // Gives up all replies that are due. Returns how many.
    std::uint64_t give_up() noexcept;

    [[nodiscard]] std::uint64_t begun() const noexcept { return begun_; }
    [[nodiscard]] std::uint64_t settled() const noexcept { return settled_; }
    [[nodiscard]] std::uint64_t due() const noexcept { return begun_ - settled_; }
    // The number of settled messages without a reply.
    [[nodiscard]] std::uint64_t lost() const noexcept {
        return missing_ > unknown_ ? missing_ - unknown_ : 0;
    }
    [[nodiscard]] std::uint64_t window() const noexcept { return std::uint64_t{mask_} + 1; }
    // Only for a message within the window.
    [[nodiscard]] MessageTimes times(std::uint64_t number) const noexcept;

private:
    static constexpr std::uint64_t answered = 0;  // instead of a time

    [[nodiscard]] bool is_kept(std::uint64_t number) const noexcept {
        return number != 0 && number <= begun_ && begun_ - number < window();
    }

    std::uint64_t begun_ = 0;
    std::uint64_t settled_ = 0;
    std::uint64_t given_up_ = 0;  // all up to this number, except those answered before
    std::uint64_t missing_ = 0;   // settled without a reply of their own
    std::uint64_t unknown_ = 0;   // replies that did not name their message
    // the window's size less 1; a message's place is the low bits of its number
    const std::uint32_t mask_;
    std::unique_ptr<std::uint64_t[]> began_ns_;
    std::unique_ptr<std::uint64_t[]> due_ns_;
};

}  // namespace portico::client
