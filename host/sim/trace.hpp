// The events of a run in order: a ring of the newest ones, printed if a run fails.
//
// An event costs a few stores. Its text is a literal with up to four `{}` for numbers, which are
// filled in only when it is printed:
//
//     // through the scheduler, which adds time and thread
//     scheduler.trace("connection {}: {} bytes echoed", index, bytes);
//
// The scheduler, the network, the port and the world all write events.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <utility>
#include <vector>

namespace portico::sim {

class Trace {
public:
    static constexpr std::uint32_t no_thread = UINT32_MAX;

    struct Event {
        std::uint64_t time_ns = 0;
        const char* text = nullptr;  // a literal
        std::array<std::uint64_t, 4> numbers{};
        std::uint32_t thread = 0;
    };

    // Keeps the newest `events_max` events.
    explicit Trace(std::size_t events_max) : ring_(events_max) {}

    void add(std::uint64_t time_ns, std::uint32_t thread, const char* text,
             const std::array<std::uint64_t, 4>& numbers) noexcept {
        Event& event = ring_[static_cast<std::size_t>(added_ % ring_.size())];
        event = {time_ns, text, numbers, thread};
        ++added_;
        // This must be the same for two runs of one seed.
        digest_ = (digest_ ^ time_ns ^ thread ^ numbers[0] ^ numbers[1] << 16 ^ numbers[2] << 32 ^
                   numbers[3] << 48) *
                  0x0000'0100'0000'01B3ULL;
    }

    // The number of events in all, and their hash: two runs of one seed have the same.
    [[nodiscard]] std::uint64_t count() const noexcept { return added_; }
    [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }

    // Oldest first, a line each: "    12.345678 ms worker 2 socket 17: receive completes with 12
    //                                 bytes". Time counts from the oldest event.
    // `name_of` returns a thread's name.
    using NameOf = std::function<std::pair<const char*, std::uint32_t>(std::uint32_t thread)>;
    void print(std::FILE* to, const NameOf& name_of) const noexcept;

private:
    std::vector<Event> ring_;
    std::uint64_t added_ = 0;
    std::uint64_t digest_ = 0xCBF2'9CE4'8422'2325ULL;
};

}  // namespace portico::sim
