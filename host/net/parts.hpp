// The parts of one message, as their sender names them: an array of pointers and sizes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "io/operation.hpp"

namespace portico::net {

// Refers to the array, and knows the sum of the sizes.
class Parts {
public:
    // One part.
    explicit Parts(std::span<const std::byte> bytes) noexcept
        : only_(bytes), count_(1), bytes_(bytes.size()) {}

    // `count` parts, each a pointer and a size of 64 bits, `stride` bytes apart. A sum above
    // `limit` is not known exactly, so that it cannot overflow.
    Parts(const void* first, std::uint32_t count, std::uint32_t stride,
          std::uint64_t limit) noexcept
        : first_(static_cast<const std::byte*>(first)), count_(count), stride_(stride) {
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::span<const std::byte> part = (*this)[i];
            has_hole_ = has_hole_ || (part.data() == nullptr && !part.empty());
            // once above the limit, it stays there
            bytes_ = bytes_ > limit || part.size() > limit - bytes_ ? limit + 1
                                                                    : bytes_ + part.size();
        }
    }

    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    // More than the limit: all that is known then.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    // A part has a size and no pointer.
    [[nodiscard]] bool has_hole() const noexcept { return has_hole_; }

    [[nodiscard]] std::span<const std::byte> operator[](std::uint32_t index) const noexcept {
        if (first_ == nullptr) {
            return only_;
        }
        // The array's type is its sender's, not ours.
        static_assert(sizeof(io::ConstBuffer) == 16);
        io::ConstBuffer part;
        std::memcpy(&part, first_ + std::size_t{index} * stride_, sizeof part);
        return {part.data, part.size};
    }

private:
    std::span<const std::byte> only_;
    const std::byte* first_ = nullptr;
    std::uint32_t count_;
    std::uint32_t stride_ = 0;
    std::uint64_t bytes_ = 0;
    bool has_hole_ = false;
};

}  // namespace portico::net
