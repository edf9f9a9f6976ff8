// One thing that was wrong with the replies of a connection, with the bytes that show it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "messages/message.hpp"
#include "messages/pattern.hpp"

namespace portico::client {

struct Finding {
    enum class Kind : std::uint8_t {
        wrong,  // a reply that differs from what it should be
        // no reply to `expected` (or to `count` messages from there on) before the one to `came`;
        // came.number 0: none within the timeout
        lost,
        duplicate,   // the reply to `came`, a second time
        reordered,   // the reply to `came`, after the one to a later message
        late,        // the reply to `came`, which had been given up
        crossed,     // the reply to `came`, another connection's message
        unexpected,  // bytes that answer nothing
    };
    static constexpr std::size_t shown_max = 16;

    Kind kind = Kind::wrong;
    std::uint32_t connection = 1;  // on which the reply came, or should have come
    // the message whose reply was next, or the one that a wrong reply names
    MessageId expected;
    MessageId came;           // see the kinds
    std::uint64_t count = 1;  // lost
    // Parts of the expected reply and of what came, from `offset` on, including framing.
    // wrong: the first byte that differs is at `differs_at`.
    std::uint64_t offset = 0;
    std::uint64_t differs_at = 0;
    std::array<std::byte, shown_max> expected_bytes{};
    std::array<std::byte, shown_max> came_bytes{};
    // less than shown_max at the end of the reply; 0: nothing more should have come
    std::size_t expected_size = 0;
    std::size_t came_size = 0;  // less at the end of a read; 0: the reply ended too soon
    // wrong: the form of the whole reply, if that is given instead of bytes
    const Pattern* pattern = nullptr;
};

[[nodiscard]] constexpr const char* to_string(Finding::Kind kind) noexcept {
    switch (kind) {
        case Finding::Kind::wrong: return "wrong";
        case Finding::Kind::lost: return "lost";
        case Finding::Kind::duplicate: return "duplicate";
        case Finding::Kind::reordered: return "reordered";
        case Finding::Kind::late: return "late";
        case Finding::Kind::crossed: return "crossed";
        case Finding::Kind::unexpected: return "unexpected";
    }
    return "";
}
inline constexpr std::size_t finding_kinds = 7;

}  // namespace portico::client
