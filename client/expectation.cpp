#include "expectation.hpp"

#include <algorithm>

namespace portico::client {

ReplyChecker::Step ReplyChecker::check(const Expectation& expectation, std::span<const std::byte> bytes, std::uint64_t started) noexcept {
    if (expectation.framing.type != Framing::Type::none) {
        return check_frame(expectation, bytes, started);
    }
    if (id_.number > started) {
        return {bytes.size(), Event::unexpected};
    }
    if (expectation.replies == nullptr) {
        next();
        return {bytes.size(), Event::reply};
    }
    return check_unframed(*expectation.replies, bytes);
}

ReplyChecker::Step ReplyChecker::check_unframed(const MessageSource& replies, std::span<const std::byte> bytes) noexcept {
    if (offset_ == 0) {
        size_ = replies.size(id_);
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(size_ - offset_, bytes.size()));
    const std::size_t same = replies.match(id_, offset_, bytes.first(size));
    if (same != size) {
        differs(replies, bytes, same);
        next();
        return {bytes.size(), Event::wrong};
    }
    offset_ += size;
    if (offset_ < size_) {
        return {size, Event::more};
    }
    next();
    return {size, Event::reply};
}

ReplyChecker::Step ReplyChecker::check_frame(const Expectation& expectation, std::span<const std::byte> bytes,
                                             std::uint64_t started) noexcept {
    const FrameScanner::Piece piece = scanner_.scan(expectation.framing, bytes);
    const bool is_unexpected = id_.number > started;
    if (expectation.replies != nullptr && !is_unexpected && !is_wrong_) {
        const MessageSource& replies = *expectation.replies;
        if (offset_ == 0) {
            size_ = replies.size(id_);
        }
        const auto within = static_cast<std::size_t>(std::min<std::uint64_t>(size_ - offset_, piece.size));
        const std::size_t same = replies.match(id_, offset_, bytes.first(within));
        const bool too_long = piece.size > within;
        const bool too_short = piece.complete && offset_ + piece.size < size_;
        if (same != within || too_long || too_short) {
            differs(replies, bytes.first(piece.size), same);
            is_wrong_ = true;
        }
    }
    offset_ += piece.size;
    if (!piece.complete) {
        return {piece.size, Event::more};
    }
    if (is_unexpected) {
        offset_ = 0;
        return {piece.size, Event::unexpected};
    }
    const bool was_wrong = is_wrong_;
    next();
    return {piece.size, was_wrong ? Event::wrong : Event::reply};
}

void ReplyChecker::differs(const MessageSource& replies, std::span<const std::byte> bytes, std::size_t at) noexcept {
    difference_.message = id_;
    difference_.offset = offset_ + at;
    difference_.got_size = std::min(bytes.size() - at, Difference::shown_max);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), difference_.got_size, difference_.got.begin());
    difference_.expected_size = static_cast<std::size_t>(std::min<std::uint64_t>(size_ - difference_.offset, Difference::shown_max));
    replies.fill(id_, difference_.offset, std::span(difference_.expected).first(difference_.expected_size));
}

void ReplyChecker::next() noexcept {
    ++id_.number;
    offset_ = 0;
    is_wrong_ = false;
}

}  // namespace portico::client
