// A clock that is read at most once for all commands of an offer, and only if one needs it.
#pragma once

#include <cstdint>

namespace redis_like {

class Now {
public:
    using Read = std::uint64_t (*)(const void *);  // in nanoseconds

    Now(Read read, const void *argument) : read_(read), argument_(argument) {}
    explicit Now(std::uint64_t milliseconds) : milliseconds_(milliseconds) {}

    // In milliseconds; never 0.
    std::uint64_t operator()() {
        if (milliseconds_ == 0) milliseconds_ = read_(argument_) / 1'000'000 + 1;
        return milliseconds_;
    }

private:
    Read read_ = nullptr;
    const void *argument_ = nullptr;
    std::uint64_t milliseconds_ = 0;
};

}  // namespace redis_like
