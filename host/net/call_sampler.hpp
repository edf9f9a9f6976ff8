// Picks the callbacks of one worker that are timed: one in 128 on average. The distances are drawn
// at random, so that the choice never keeps step with a pattern of the load. All others cost a
// count, and no look at a clock.
//
// It belongs to its worker's thread. Callbacks do not nest.
#pragma once

#include <cstdint>

namespace portico::net {

class Protocol;

class CallSampler {
public:
    static constexpr std::uint32_t mean_distance = 128;

    // Workers with different seeds draw different distances.
    explicit CallSampler(std::uint32_t seed) noexcept : random_(seed * 2'654'435'761U | 1) {
        draw();
    }

    // Once for each callback. True: this one is to be timed, so begin() follows.
    [[nodiscard]] bool picks() noexcept { return --left_ == 0; }
    void begin(const char* name, const Protocol& protocol, std::uint64_t now) noexcept {
        name_ = name;
        protocol_ = &protocol;
        began_ns_ = now;
        draw();
    }

    [[nodiscard]] bool is_timing() const noexcept { return protocol_ != nullptr; }
    struct Sample {
        const char* name = nullptr;
        const Protocol* protocol = nullptr;
        std::uint64_t took_ns = 0;
    };
    // After begin().
    [[nodiscard]] Sample end(std::uint64_t now) noexcept {
        const Sample sample{name_, protocol_, now - began_ns_};
        protocol_ = nullptr;
        return sample;
    }

private:
    // A distance of 1 to 255 (Marsaglia's xorshift).
    void draw() noexcept {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 17;
        random_ ^= random_ << 5;
        left_ = 1 + (random_ >> 8) % (2 * mean_distance - 1);
    }

    std::uint32_t left_ = 1;
    std::uint32_t random_;                // never 0
    const Protocol* protocol_ = nullptr;  // of the callback that is being timed; null: none is
    const char* name_ = nullptr;
    std::uint64_t began_ns_ = 0;
};

}  // namespace portico::net
