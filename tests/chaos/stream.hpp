// The bytes that a peer sends: messages in its listener's framing, whose contents show their place.
// The same seed makes the same bytes, so a second stream beside it gives the bytes that an echo
// must return.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <span>

namespace portico::chaos {

enum class Framing : std::uint8_t { none, delimiter, length_prefix };

class Stream {
public:
    // `message_bytes_max`: the most bytes in a framed message's payload.
    Stream(std::uint64_t seed, Framing framing, std::uint32_t message_bytes_max);

    void produce(std::span<char> into);
    // Of the first `sent` bytes produced, those of whole messages, and the number of messages.
    // `sent` must never decrease from call to call.
    struct Whole {
        std::uint64_t bytes = 0;
        std::uint64_t messages = 0;
    };
    [[nodiscard]] Whole whole(std::uint64_t sent);

private:
    void begin_message();

    const Framing framing_;
    const std::uint32_t message_bytes_max_;
    const std::uint32_t salt_;
    std::minstd_rand sizes_;
    std::uint64_t produced_ = 0;
    std::uint32_t payload_left_ = 0;
    std::uint32_t prefix_ = 0;
    int prefix_left_ = 0;
    bool delimiter_due_ = false;
    bool in_message_ = false;
    std::deque<std::uint64_t> ends_;  // ends of messages that are not yet counted in whole_
    Whole whole_;
};

}  // namespace portico::chaos
