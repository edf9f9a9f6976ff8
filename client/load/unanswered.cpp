#include "load/unanswered.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/assert.hpp"

namespace portico::client {

namespace {

// The least number of times that is kept, even if few may be due at once: a reply that was given up
// may come some messages later.
constexpr std::uint32_t window_min = 16;

}  // namespace

Unanswered::Unanswered(std::uint32_t depth, bool keeps_due)
    : mask_(std::bit_ceil(std::max(2 * depth, window_min)) - 1),
      began_ns_(std::make_unique<std::uint64_t[]>(window())),
      due_ns_(keeps_due ? std::make_unique<std::uint64_t[]>(window()) : nullptr) {}

std::uint64_t Unanswered::begin(MessageTimes times) noexcept {
    PORTICO_ASSERT(times.began_ns != answered);
    ++begun_;
    began_ns_[begun_ & mask_] = times.began_ns;
    if (due_ns_ != nullptr) {
        due_ns_[begun_ & mask_] = times.due_ns;
    }
    return begun_;
}

MessageTimes Unanswered::times(std::uint64_t number) const noexcept {
    return {began_ns_[number & mask_], due_ns_ != nullptr ? due_ns_[number & mask_] : 0};
}

Unanswered::Answer Unanswered::answer(std::uint64_t number) noexcept {
    if (!is_kept(number)) {
        return {Turn::forgotten, 0, {}};
    }
    Answer its{Turn::own, 0, times(number)};
    if (std::exchange(began_ns_[number & mask_], answered) == answered) {
        return {Turn::duplicate, 0, {}};
    }
    if (number > settled_) {
        its.passed_over = number - settled_ - 1;
        missing_ += its.passed_over;
        settled_ = number;
    } else {
        its.turn = number <= given_up_ ? Turn::late : Turn::reordered;
        --missing_;
    }
    return its;
}

Unanswered::Answer Unanswered::answer_unknown() noexcept {
    if (due() == 0) {  // given up since it began to come
        return {Turn::forgotten, 0, {}};
    }
    ++settled_;
    ++missing_;
    ++unknown_;
    return {Turn::own, 0, times(settled_)};
}

std::uint64_t Unanswered::give_up() noexcept {
    const std::uint64_t were_due = due();
    missing_ += were_due;
    settled_ = begun_;
    given_up_ = begun_;
    return were_due;
}

}  // namespace portico::client
