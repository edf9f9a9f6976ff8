// An address that anyone with a handle may read at any time. It is written while nobody can hold
// the slot's generation, and once more if it was none (family none, all zero) then. The reader
// looks at the slot's word before and after. The loads are acquire: a reader that got words of a
// later connection's address also sees, in its second look, that the generation is over. The word
// with the family is stored last and loaded first: whoever sees the family sees the whole address.
//
// `Atomic` is std::atomic, except in tests that switch threads at every access.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "io/address.hpp"

namespace portico::net {

template <template <class> class Atomic>
class BasicSharedAddress {
public:
    void store(const io::Address& address) noexcept {
        const auto words = std::bit_cast<std::array<std::uint64_t, 3>>(address);
        for (std::size_t i = 0; i < words.size(); ++i) {
            words_[i].store(words[i], std::memory_order_release);
        }
    }
    [[nodiscard]] io::Address load() const noexcept {
        std::array<std::uint64_t, 3> words{};
        for (std::size_t i = words.size(); i-- > 0;) {
            words[i] = words_[i].load(std::memory_order_acquire);
        }
        const auto address = std::bit_cast<io::Address>(words);
        return address.family != io::Address::Family::none ? address : io::Address{};
    }

private:
    static_assert(offsetof(io::Address, family) >= 16);  // in the last word
    std::array<Atomic<std::uint64_t>, 3> words_{};
};

using SharedAddress = BasicSharedAddress<std::atomic>;

}  // namespace portico::net
