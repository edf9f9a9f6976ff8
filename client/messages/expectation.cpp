#include "messages/expectation.hpp"

#include <algorithm>

namespace portico::client {

ReplyChecker::Step ReplyChecker::check(const Expectation& expectation,
                                       std::span<const std::byte> bytes, MessageId next,
                                       std::uint64_t begun, Finding& finding) noexcept {
    if (offset_ == 0) {
        expected_ = id_ = next;
        state_ = next.number > begun ? State::unexpected : State::as_expected;
    }
    if (expectation.has_frame(expected_.number)) {
        return check_frame(expectation, bytes, begun, finding);
    }
    if (state_ == State::unexpected) {
        return {bytes.size(), Event::unexpected, false, {}};
    }
    if (expectation.replies == nullptr) {
        return {bytes.size(), Event::reply, false, id_};
    }
    return check_unframed(*expectation.replies, bytes, finding);
}

ReplyChecker::Step ReplyChecker::check_unframed(const MessageSource& replies,
                                                std::span<const std::byte> bytes,
                                                Finding& finding) noexcept {
    if (offset_ == 0) {
        size_ = replies.size(id_);
    }
    const auto size = static_cast<std::size_t>(
        std::min<std::uint64_t>(size_ - offset_, bytes.size()));
    const std::size_t same = replies.match(id_, offset_, bytes.first(size));
    if (same != size) {
        note(replies, offset_ + same, bytes.subspan(same), finding);
        offset_ = 0;
        return {bytes.size(), Event::wrong, true, id_};
    }
    offset_ += size;
    if (offset_ < size_) {
        return {size, Event::more, false, {}};
    }
    offset_ = 0;
    return {size, Event::reply, false, id_};
}

ReplyChecker::Step ReplyChecker::check_frame(const Expectation& expectation,
                                             std::span<const std::byte> bytes, std::uint64_t begun,
                                             Finding& finding) noexcept {
    const FrameScanner::Piece piece = scanner_.scan(expectation.framing, bytes);
    if (offset_ == 0) {
        begin_frame(expectation);
    }
    const bool differs = compare(expectation, bytes.first(piece.size), piece.complete, begun,
                                 finding);
    offset_ += piece.size;
    return piece.complete ? ended_frame(piece.size, differs)
                          : Step{piece.size, Event::more, differs, {}};
}

ReplyChecker::Step ReplyChecker::end_reply(const Expectation& expectation, std::uint64_t begun,
                                           Finding& finding) noexcept {
    return ended_frame(0, compare(expectation, {}, true, begun, finding));
}

ReplyChecker::Step ReplyChecker::ended_frame(std::size_t used, bool differs) noexcept {
    offset_ = 0;
    switch (state_) {
        case State::wrong: return {used, Event::wrong, differs, id_};
        case State::wrong_unknown: return {used, Event::wrong, differs, {connection_, 0, 0}};
        case State::unexpected: return {used, Event::unexpected, false, {}};
        case State::as_expected:
        case State::identifying:  // no frame ends while it is in this state
        case State::recognised: break;
    }
    return {used, id_.connection == connection_ ? Event::reply : Event::crossed, false, id_};
}

void ReplyChecker::begin_frame(const Expectation& expectation) noexcept {
    head_size_ = 0;
    places_ = Pattern::start;
    if (expectation.replies == nullptr || expectation.pattern_of(expected_.number) != nullptr) {
        return;
    }
    if (state_ == State::as_expected) {
        size_ = expectation.replies->size(id_);
    } else if (expectation.tells_messages()) {
        state_ = State::identifying;  // no reply is due: find its message
    }
}

bool ReplyChecker::compare(const Expectation& expectation, std::span<const std::byte> part,
                           bool is_last, std::uint64_t begun, Finding& finding) noexcept {
    if (const Pattern* pattern = expectation.pattern_of(expected_.number)) {
        return compare_with_pattern(expectation, *pattern, part, is_last, finding);
    }
    if (expectation.replies == nullptr) {
        return false;
    }
    switch (state_) {
        case State::as_expected:
            return compare_with_expected(expectation, part, is_last, begun, finding);
        case State::identifying: return identify(expectation, part, is_last, begun, finding);
        case State::recognised:
            return compare_with_recognised(expectation, offset_, part, is_last, begun, finding);
        case State::wrong:
        case State::wrong_unknown:
        case State::unexpected: break;
    }
    return false;
}

bool ReplyChecker::compare_with_pattern(const Expectation& expectation, const Pattern& pattern,
                                        std::span<const std::byte> part, bool is_last,
                                        Finding& finding) noexcept {
    const std::size_t kept = std::min(head_.size() - head_size_, part.size());
    std::copy_n(part.begin(), kept, head_.begin() + head_size_);
    head_size_ = static_cast<std::uint8_t>(head_size_ + kept);
    const std::uint64_t prefix_bytes = expectation.framing.type == Framing::Type::length_prefix
                                           ? expectation.framing.prefix_bytes
                                           : 0;
    const std::uint64_t prefix_left = prefix_bytes - std::min(prefix_bytes, offset_);
    places_ = pattern.after(
        places_,
        part.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(prefix_left, part.size()))));
    if (!is_last || state_ != State::as_expected || pattern.is_whole(places_)) {
        return false;
    }
    state_ = State::wrong;
    finding = {};
    finding.connection = connection_;
    finding.expected = finding.came = id_;
    finding.pattern = &pattern;
    finding.came_size = head_size_;
    std::copy_n(head_.begin(), head_size_, finding.came_bytes.begin());
    return true;
}

bool ReplyChecker::compare_with_expected(const Expectation& expectation,
                                         std::span<const std::byte> part, bool is_last,
                                         std::uint64_t begun, Finding& finding) noexcept {
    const MessageSource& replies = *expectation.replies;
    const std::size_t same = same_from(replies, offset_, part);
    if (is_all(offset_, part, same, is_last)) {
        return false;
    }
    if (!expectation.tells_messages() || offset_ + same >= replies.identity_bytes()) {
        return is_wrong(replies, offset_ + same, part.subspan(same), finding);
    }
    state_ = State::identifying;
    head_size_ = static_cast<std::uint8_t>(offset_ + same);
    replies.fill(id_, 0, std::span(head_).first(head_size_));  // so far the bytes were the same
    return identify(expectation, part.subspan(same), is_last, begun, finding);
}

// `rest`: the bytes after the head_size_ bytes of the head.
bool ReplyChecker::identify(const Expectation& expectation, std::span<const std::byte> rest,
                            bool is_last, std::uint64_t begun, Finding& finding) noexcept {
    const MessageSource& replies = *expectation.replies;
    const std::size_t taken = std::min(replies.identity_bytes() - head_size_, rest.size());
    std::copy_n(rest.begin(), taken, head_.begin() + head_size_);
    head_size_ = static_cast<std::uint8_t>(head_size_ + taken);
    if (head_size_ < replies.identity_bytes()) {
        return is_last && is_unknown(replies, {}, begun, finding);
    }
    if (!recognise(expectation, begun)) {
        return is_unknown(replies, rest.subspan(taken), begun, finding);
    }
    state_ = State::recognised;
    return compare_with_recognised(expectation, head_size_, rest.subspan(taken), is_last, begun,
                                   finding);
}

bool ReplyChecker::recognise(const Expectation& expectation, std::uint64_t begun) noexcept {
    const std::span<const std::byte> head = std::span(head_).first(head_size_);
    const auto identity = expectation.replies->identify(head);
    if (!identity) {
        return false;
    }
    id_ = {identity->connection, identity->number_low, 0};
    if (identity->connection == connection_) {
        constexpr std::uint64_t mask = (std::uint64_t{1} << MessageIdentity::number_bits) - 1;
        // the last message with these low bits
        const std::uint64_t ago = (begun - identity->number_low) & mask;
        if (ago >= begun) {
            return false;
        }
        id_.number = begun - ago;
    } else if (identity->connection == 0 || identity->connection > expectation.connections) {
        return false;
    }
    size_ = expectation.replies->size(id_);
    return expectation.replies->match(id_, 0, head) == head.size();
}

bool ReplyChecker::compare_with_recognised(const Expectation& expectation, std::uint64_t offset,
                                           std::span<const std::byte> part, bool is_last,
                                           std::uint64_t begun, Finding& finding) noexcept {
    const MessageSource& replies = *expectation.replies;
    const std::size_t same = same_from(replies, offset, part);
    if (is_all(offset, part, same, is_last)) {
        return false;
    }
    // An incomplete reply to another connection's message may as well be one of ours with a wrong
    // head.
    return id_.connection == connection_
               ? is_wrong(replies, offset + same, part.subspan(same), finding)
               : is_unknown(replies, {}, begun, finding);
}

std::size_t ReplyChecker::same_from(const MessageSource& replies, std::uint64_t offset,
                                    std::span<const std::byte> part) const noexcept {
    return replies.match(
        id_, offset,
        part.first(static_cast<std::size_t>(std::min<std::uint64_t>(size_ - offset, part.size()))));
}

bool ReplyChecker::is_wrong(const MessageSource& replies, std::uint64_t differs_at,
                            std::span<const std::byte> came, Finding& finding) noexcept {
    state_ = State::wrong;
    note(replies, differs_at, came, finding);
    return true;
}

// Handles a reply that does not name its message. False if it answers none. `rest`: the known bytes
// after its head.
bool ReplyChecker::is_unknown(const MessageSource& replies, std::span<const std::byte> rest,
                              std::uint64_t begun, Finding& finding) noexcept {
    id_ = expected_;
    if (expected_.number > begun) {
        state_ = State::unexpected;
        return false;
    }
    state_ = State::wrong_unknown;
    size_ = replies.size(id_);
    std::array<std::byte, MessageSource::identity_bytes_max + Finding::shown_max> known{};
    std::copy_n(head_.begin(), head_size_, known.begin());
    const std::size_t more = std::min(rest.size(), Finding::shown_max);
    std::copy_n(rest.begin(), more, known.begin() + head_size_);
    const std::span<const std::byte> all = std::span(known).first(head_size_ + more);
    const std::size_t same = same_from(replies, 0, all);
    note(replies, same, all.subspan(same), finding);
    return true;
}

// `came`: the bytes from the first one that differs. All bytes before it were the same.
void ReplyChecker::note(const MessageSource& replies, std::uint64_t differs_at,
                        std::span<const std::byte> came, Finding& finding) const noexcept {
    finding = {};
    finding.connection = connection_;
    finding.expected = finding.came = id_;
    finding.differs_at = differs_at;
    finding.offset = differs_at - differs_at % Finding::shown_max;
    finding.expected_size = static_cast<std::size_t>(
        std::min<std::uint64_t>(size_ - finding.offset, Finding::shown_max));
    replies.fill(id_, finding.offset,
                 std::span(finding.expected_bytes).first(finding.expected_size));
    const auto before = static_cast<std::size_t>(differs_at - finding.offset);
    std::copy_n(finding.expected_bytes.begin(), before, finding.came_bytes.begin());
    const std::size_t from_there = std::min(came.size(), Finding::shown_max - before);
    std::copy_n(came.begin(), from_there,
                finding.came_bytes.begin() + static_cast<std::ptrdiff_t>(before));
    finding.came_size = before + from_there;
}

}  // namespace portico::client
