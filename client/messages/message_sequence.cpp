#include "messages/message_sequence.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace portico::client {

namespace {

class JoinedMessages final : public MessageSource {
public:
    explicit JoinedMessages(std::vector<std::unique_ptr<MessageSource>> parts)
        : parts_(std::move(parts)) {}

    std::uint64_t size(MessageId id) const noexcept override {
        std::uint64_t sum = 0;
        for (const auto& part : parts_) {
            sum += part->size(id);
        }
        return sum;
    }
    std::uint64_t size_max() const noexcept override {
        std::uint64_t sum = 0;
        for (const auto& part : parts_) {
            sum += part->size_max();
        }
        return sum;
    }
    void fill(MessageId id, std::uint64_t offset,
              std::span<std::byte> out) const noexcept override {
        for_each(id, offset, out,
                 [&](const MessageSource& part, std::uint64_t at, std::span<std::byte> its) {
                     part.fill(id, at, its);
                     return true;
                 });
    }
    std::size_t match(MessageId id, std::uint64_t offset,
                      std::span<const std::byte> got) const noexcept override {
        std::size_t matched = 0;
        for_each(id, offset, got,
                 [&](const MessageSource& part, std::uint64_t at, std::span<const std::byte> its) {
                     const std::size_t same = part.match(id, at, its);
                     matched += same;
                     return same == its.size();
                 });
        return matched;
    }

private:
    // Calls visit(part, offset in it, its bytes) for each part that overlaps [offset, offset +
    // bytes.size()), until it returns false.
    template <class Byte, class Visit>
    void for_each(MessageId id, std::uint64_t offset, std::span<Byte> bytes,
                  Visit&& visit) const noexcept {
        std::uint64_t begin = 0;
        for (const auto& part : parts_) {
            const std::uint64_t size = part->size(id);
            if (!bytes.empty() && offset < begin + size) {
                const std::uint64_t at = offset - begin;
                const auto count = static_cast<std::size_t>(
                    std::min<std::uint64_t>(size - at, bytes.size()));
                if (!visit(*part, at, bytes.first(count))) {
                    return;
                }
                bytes = bytes.subspan(count);
                offset += count;
            }
            begin += size;
        }
    }

    const std::vector<std::unique_ptr<MessageSource>> parts_;
};

class MessagesInTurn final : public MessageSource {
public:
    explicit MessagesInTurn(std::vector<std::unique_ptr<MessageSource>> sources)
        : sources_(std::move(sources)) {
        PORTICO_ASSERT(!sources_.empty());
    }

    std::uint64_t size(MessageId id) const noexcept override { return of(id).size(id); }
    std::uint64_t size_max() const noexcept override {
        std::uint64_t most = 0;
        for (const auto& source : sources_) {
            most = std::max(most, source->size_max());
        }
        return most;
    }
    void fill(MessageId id, std::uint64_t offset,
              std::span<std::byte> out) const noexcept override {
        of(id).fill(id, offset, out);
    }
    std::size_t match(MessageId id, std::uint64_t offset,
                      std::span<const std::byte> got) const noexcept override {
        return of(id).match(id, offset, got);
    }

private:
    [[nodiscard]] const MessageSource& of(MessageId id) const noexcept {
        return *sources_[static_cast<std::size_t>((id.number - 1) % sources_.size())];
    }

    const std::vector<std::unique_ptr<MessageSource>> sources_;
};

}  // namespace

std::unique_ptr<MessageSource> make_joined_messages(
    std::vector<std::unique_ptr<MessageSource>> parts) {
    return parts.size() == 1 ? std::move(parts.front())
                             : std::make_unique<JoinedMessages>(std::move(parts));
}

std::unique_ptr<MessageSource> make_messages_in_turn(
    std::vector<std::unique_ptr<MessageSource>> sources) {
    return std::make_unique<MessagesInTurn>(std::move(sources));
}

}  // namespace portico::client
