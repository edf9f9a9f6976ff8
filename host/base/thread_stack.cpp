// What the systems have in common.
#include "base/thread_stack.hpp"

#include <algorithm>

namespace portico::base {

FixedText& FixedText::add(std::string_view text) noexcept {
    const std::size_t taken = std::min(text.size(), memory_.size() - size_);
    std::copy_n(text.data(), taken, memory_.data() + size_);
    size_ += taken;
    return *this;
}

namespace {

std::string_view digits_of(std::uint64_t number, unsigned base, std::array<char, 20>& room) {
    std::size_t begin = room.size();
    do {
        room[--begin] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    return {room.data() + begin, room.size() - begin};
}

}  // namespace

FixedText& FixedText::add_hexadecimal(std::uint64_t number) noexcept {
    std::array<char, 20> room;
    return add(digits_of(number, 16, room));
}

FixedText& FixedText::add_decimal(std::uint64_t number) noexcept {
    std::array<char, 20> room;
    return add(digits_of(number, 10, room));
}

}  // namespace portico::base
