#include "messages/message.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "messages/mix.hpp"

namespace portico::client {

namespace {

// Returns how many leading bytes of `got` equal those of `expected` (as long).
std::size_t equal_prefix(std::span<const std::byte> expected,
                         std::span<const std::byte> got) noexcept {
    if (got.empty() || std::memcmp(expected.data(), got.data(), got.size()) == 0) {
        return got.size();
    }
    return static_cast<std::size_t>(std::mismatch(got.begin(), got.end(), expected.begin()).first -
                                    got.begin());
}

// The part of [offset, offset + size) that lies in a section [begin, begin + section.size()) of a
// message.
struct Overlap {
    std::size_t in_range = 0;    // where it starts, relative to offset
    std::size_t in_section = 0;  // relative to begin
    std::size_t size = 0;
};
Overlap overlap(std::uint64_t offset, std::size_t size, std::uint64_t begin,
                std::uint64_t section_size) noexcept {
    const std::uint64_t first = std::max(offset, begin);
    const std::uint64_t last = std::min(offset + size, begin + section_size);
    if (first >= last) {
        return {};
    }
    return {static_cast<std::size_t>(first - offset), static_cast<std::size_t>(first - begin),
            static_cast<std::size_t>(last - first)};
}

// Messages that consist of sections in memory. Source::sections(id, visit) calls visit(begin,
// bytes) for each in order; fill and match are built on it.
template <class Source>
void fill_from_sections(const Source& source, MessageId id, std::uint64_t offset,
                        std::span<std::byte> out) noexcept {
    source.sections(id, offset, [&](std::uint64_t begin, std::span<const std::byte> section) {
        const Overlap part = overlap(offset, out.size(), begin, section.size());
        if (part.size != 0) {
            std::memcpy(out.data() + part.in_range, section.data() + part.in_section, part.size);
        }
        return begin + section.size() < offset + out.size();
    });
}

template <class Source>
std::size_t match_sections(const Source& source, MessageId id, std::uint64_t offset,
                           std::span<const std::byte> got) noexcept {
    std::size_t matched = 0;
    source.sections(id, offset, [&](std::uint64_t begin, std::span<const std::byte> section) {
        const Overlap part = overlap(offset, got.size(), begin, section.size());
        const std::size_t same = equal_prefix(section.subspan(part.in_section, part.size),
                                              got.subspan(part.in_range, part.size));
        matched += same;
        return same == part.size && begin + section.size() < offset + got.size();
    });
    return matched;
}

class TextMessages final : public MessageSource {
public:
    explicit TextMessages(std::string text) : text_(std::move(text)) {}

    std::uint64_t size(MessageId) const noexcept override { return text_.size(); }
    std::uint64_t size_max() const noexcept override { return text_.size(); }
    void fill(MessageId, std::uint64_t offset, std::span<std::byte> out) const noexcept override {
        if (!out.empty()) {
            std::memcpy(out.data(), text_.data() + offset, out.size());
        }
    }
    std::size_t match(MessageId, std::uint64_t offset,
                      std::span<const std::byte> got) const noexcept override {
        return equal_prefix(bytes_of(text_).subspan(static_cast<std::size_t>(offset), got.size()),
                            got);
    }

private:
    const std::string text_;
};

class ArticleMessages final : public MessageSource {
public:
    explicit ArticleMessages(std::string text) : text_(std::move(text)) {}

    std::uint64_t size(MessageId id) const noexcept override {
        return Head(id).size + text_.size();
    }
    std::uint64_t size_max() const noexcept override { return sizeof(Head::text) + text_.size(); }
    void fill(MessageId id, std::uint64_t offset,
              std::span<std::byte> out) const noexcept override {
        fill_from_sections(*this, id, offset, out);
    }
    std::size_t match(MessageId id, std::uint64_t offset,
                      std::span<const std::byte> got) const noexcept override {
        return match_sections(*this, id, offset, got);
    }

    template <class Visit>
    void sections(MessageId id, std::uint64_t, Visit&& visit) const noexcept {
        const Head head(id);
        if (visit(std::uint64_t{0}, bytes_of({head.text, head.size}))) {
            visit(std::uint64_t{head.size}, bytes_of(text_));
        }
    }

private:
    // "N. Thread T - "
    struct Head {
        explicit Head(MessageId id) noexcept {
            append_number(id.number);
            append(". Thread ");
            append_number(id.connection);
            append(" - ");
        }
        void append_number(std::uint64_t number) noexcept {
            size = static_cast<std::size_t>(
                std::to_chars(text + size, text + sizeof text, number).ptr - text);
        }
        void append(std::string_view part) noexcept {
            std::memcpy(text + size, part.data(), part.size());
            size += part.size();
        }

        char text[48];  // 20 digits, 9 characters, 10 digits, 3 characters
        std::size_t size = 0;
    };

    const std::string text_;
};

// The number that undoes a multiplication by `odd`, modulo 2^64 and so modulo every lower power of
// two. Newton's iteration: each step doubles the bits that are right, and an odd number has three
// at the start.
constexpr std::uint64_t inverse_of(std::uint64_t odd) noexcept {
    std::uint64_t found = odd;
    for (int i = 0; i < 5; ++i) {
        found *= 2 - odd * found;
    }
    return found;
}

// Maps 48 bits to 48 others and back; no two to the same. It consists of multiplications by odd
// numbers and shifts by half of the width, each of which can be undone.
class Permutation48 {
public:
    explicit Permutation48(std::uint64_t key) noexcept : key_(key & mask) {}

    [[nodiscard]] std::uint64_t forth(std::uint64_t value) const noexcept {
        value = (value ^ key_) * first & mask;
        value = (value ^ value >> half) * second & mask;
        return value ^ value >> half;
    }
    [[nodiscard]] std::uint64_t back(std::uint64_t value) const noexcept {
        value = (value ^ value >> half) * second_inverse & mask;
        value = (value ^ value >> half) * first_inverse & mask;
        return value ^ key_;
    }

private:
    static constexpr std::uint64_t mask = (std::uint64_t{1} << 48) - 1;
    static constexpr unsigned half = 24;
    static constexpr std::uint64_t first = 0x9e3779b97f4a7c15, second = 0xbf58476d1ce4e5b9;

    static constexpr std::uint64_t first_inverse = inverse_of(first),
                                   second_inverse = inverse_of(second);
    static_assert(first * first_inverse == 1 && second * second_inverse == 1);

    std::uint64_t key_;
};

// 48 bits in eight bytes, the lowest six in the first; the upper two of each byte are left free.
constexpr std::uint64_t six_bits_each = 0x3f3f3f3f3f3f3f3f;
std::uint64_t spread(std::uint64_t value) noexcept {
    value = (value & 0x0000'0000'00ff'ffff) | (value & 0x0000'ffff'ff00'0000) << 8;
    value = (value & 0x0000'0fff'0000'0fff) | (value & 0x00ff'f000'00ff'f000) << 4;
    return (value & 0x003f'003f'003f'003f) | (value & 0x0fc0'0fc0'0fc0'0fc0) << 2;
}
std::uint64_t gather(std::uint64_t word) noexcept {
    word = (word & 0x003f'003f'003f'003f) | (word & 0x3f00'3f00'3f00'3f00) >> 2;
    word = (word & 0x0000'0fff'0000'0fff) | (word & 0x0fff'0000'0fff'0000) >> 4;
    return (word & 0x0000'0000'00ff'ffff) | (word & 0x00ff'ffff'0000'0000) >> 8;
}

// A number's bytes in the same order on every machine.
std::array<std::byte, 8> little_endian(std::uint64_t word) noexcept {
    std::array<std::byte, 8> bytes{};
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[i] = static_cast<std::byte>(word >> (8 * i) & 0xff);
    }
    return bytes;
}
std::uint64_t from_little_endian(std::span<const std::byte, 8> bytes) noexcept {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        word |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    }
    return word;
}

// Takes bytes from one table of random ones: a block of a message is a piece of the table that
// starts at a place drawn from the message's key and the block's number. So making and checking are
// memcpy and memcmp, as fast as the memory, and still every block differs.
class GeneratedMessages final : public MessageSource {
public:
    GeneratedMessages(std::uint64_t seed, SizeRange sizes, const Framing& framing)
        : seed_(mix(seed)),
          permutation_(mix(~seed_)),
          sizes_(sizes),
          alphabet_(alphabet_for(framing)) {
        table_.resize(table_bytes);
        for (std::size_t i = 0; i < table_bytes; i += 8) {
            const std::uint64_t word = alphabet_.of(mix(seed_ + i));
            std::memcpy(table_.data() + i, &word, 8);
        }
    }

    std::uint64_t size(MessageId id) const noexcept override {
        const std::uint64_t choices = sizes_.max - sizes_.min + 1;
        return choices == 1 ? sizes_.min : sizes_.min + mix(~key(word_of(id))) % choices;
    }
    std::uint64_t size_max() const noexcept override { return sizes_.max; }
    void fill(MessageId id, std::uint64_t offset,
              std::span<std::byte> out) const noexcept override {
        fill_from_sections(*this, id, offset, out);
    }
    std::size_t match(MessageId id, std::uint64_t offset,
                      std::span<const std::byte> got) const noexcept override {
        return match_sections(*this, id, offset, got);
    }

    std::size_t identity_bytes() const noexcept override {
        return sizes_.min >= head_bytes ? head_bytes : 0;
    }
    std::optional<MessageIdentity> identify(
        std::span<const std::byte> bytes) const noexcept override {
        const std::uint64_t head = from_little_endian(bytes.first<head_bytes>());
        // a byte below the base gives a wrong word; the check below finds that
        const std::uint64_t word = gather(head - alphabet_.base);
        if (head != head_of(word, key(word))) {
            return std::nullopt;
        }
        const std::uint64_t plain = permutation_.back(word);
        return MessageIdentity{
            static_cast<std::uint32_t>(plain >> MessageIdentity::number_bits),
            static_cast<std::uint32_t>(plain & ((1U << MessageIdentity::number_bits) - 1))};
    }

    // Begins with the section that holds `offset`; the last one may reach beyond the message.
    template <class Visit>
    void sections(MessageId id, std::uint64_t offset, Visit&& visit) const noexcept {
        const std::uint64_t word = word_of(id);
        const std::uint64_t own_key = key(word);
        if (offset < head_bytes &&
            !visit(std::uint64_t{0},
                   std::span<const std::byte>(little_endian(head_of(word, own_key))))) {
            return;
        }
        std::uint64_t block = offset < head_bytes ? 0 : (offset - head_bytes) / block_bytes;
        std::size_t start = 0;
        do {
            start = static_cast<std::size_t>(mix(own_key + block) %
                                             (table_bytes - block_bytes + 1));
        } while (visit(head_bytes + block++ * block_bytes,
                       std::span(table_).subspan(start, block_bytes)));
    }

private:
    static constexpr std::size_t table_bytes = 65'536;
    static constexpr std::size_t block_bytes = 4'096;
    static constexpr std::size_t head_bytes = 8;

    // All 256 byte values, or 64 that leave out at least one byte of the delimiter. (Leaving out
    // one is enough: an early match would have to begin in the payload and overlap the delimiter
    // itself, which then would consist of payload bytes alone.)
    struct Alphabet {
        std::uint64_t mask = ~std::uint64_t{0};
        std::uint64_t base = 0;

        [[nodiscard]] std::uint64_t of(std::uint64_t word) const noexcept {
            return (word & mask) + base;
        }
    };
    static Alphabet alphabet_for(const Framing& framing) noexcept {
        if (framing.type != Framing::Type::delimiter) {
            return {};
        }
        constexpr std::uint64_t each = 0x0101010101010101;
        const bool all_printable = std::all_of(
            framing.delimiter.begin(), framing.delimiter.end(),
            [](char byte) { return byte >= 0x3f && byte <= 0x7e; });
        return {0x3f * each, (all_printable ? 0x80 : 0x3f) * each};
    }

    // The message's own 48 bits.
    [[nodiscard]] std::uint64_t word_of(MessageId id) const noexcept {
        constexpr std::uint64_t number_mask = (std::uint64_t{1} << MessageIdentity::number_bits) -
                                              1;
        return permutation_.forth(std::uint64_t{id.connection} << MessageIdentity::number_bits |
                                  (id.number & number_mask));
    }
    [[nodiscard]] std::uint64_t key(std::uint64_t word) const noexcept { return mix(seed_ ^ word); }
    // If all byte values may be used, the two free bits of each byte come from the key.
    [[nodiscard]] std::uint64_t head_of(std::uint64_t word, std::uint64_t own_key) const noexcept {
        return alphabet_.of(spread(word) | (own_key & ~six_bits_each));
    }

    const std::uint64_t seed_;
    const Permutation48 permutation_;
    const SizeRange sizes_;
    const Alphabet alphabet_;
    std::vector<std::byte> table_;
};

class FramedMessages final : public MessageSource {
public:
    FramedMessages(std::unique_ptr<MessageSource> payloads, const Framing& framing)
        : payloads_(std::move(payloads)),
          prefix_bytes_(framing.type == Framing::Type::length_prefix ? framing.prefix_bytes : 0),
          order_(framing.order),
          delimiter_(framing.type == Framing::Type::delimiter ? framing.delimiter : std::string()) {
    }

    std::uint64_t size(MessageId id) const noexcept override {
        return prefix_bytes_ + payloads_->size(id) + delimiter_.size();
    }
    std::uint64_t size_max() const noexcept override {
        return prefix_bytes_ + payloads_->size_max() + delimiter_.size();
    }

    void fill(MessageId id, std::uint64_t offset,
              std::span<std::byte> out) const noexcept override {
        const std::uint64_t payload_size = payloads_->size(id);
        const std::array<std::byte, 4> prefix = prefix_of(payload_size);
        const Overlap first = overlap(offset, out.size(), 0, prefix_bytes_);
        std::copy_n(prefix.begin() + static_cast<std::ptrdiff_t>(first.in_section), first.size,
                    out.begin() + static_cast<std::ptrdiff_t>(first.in_range));
        const Overlap second = overlap(offset, out.size(), prefix_bytes_, payload_size);
        if (second.size != 0) {
            payloads_->fill(id, second.in_section, out.subspan(second.in_range, second.size));
        }
        const Overlap third = overlap(offset, out.size(), prefix_bytes_ + payload_size,
                                      delimiter_.size());
        std::copy_n(bytes_of(delimiter_).begin() + static_cast<std::ptrdiff_t>(third.in_section),
                    third.size, out.begin() + static_cast<std::ptrdiff_t>(third.in_range));
    }

    std::size_t identity_bytes() const noexcept override {
        const std::size_t bytes = payloads_->identity_bytes();
        return bytes == 0 ? 0 : prefix_bytes_ + bytes;
    }
    std::optional<MessageIdentity> identify(
        std::span<const std::byte> bytes) const noexcept override {
        return payloads_->identify(bytes.subspan(prefix_bytes_));
    }

    std::size_t match(MessageId id, std::uint64_t offset,
                      std::span<const std::byte> got) const noexcept override {
        const std::uint64_t payload_size = payloads_->size(id);
        const std::array<std::byte, 4> prefix = prefix_of(payload_size);
        const Overlap first = overlap(offset, got.size(), 0, prefix_bytes_);
        std::size_t matched = equal_prefix(std::span(prefix).subspan(first.in_section, first.size),
                                           got.subspan(first.in_range, first.size));
        if (matched != first.size) {
            return matched;
        }
        const Overlap second = overlap(offset, got.size(), prefix_bytes_, payload_size);
        const std::size_t same = second.size == 0
                                     ? 0
                                     : payloads_->match(id, second.in_section,
                                                        got.subspan(second.in_range, second.size));
        matched += same;
        if (same != second.size) {
            return matched;
        }
        const Overlap third = overlap(offset, got.size(), prefix_bytes_ + payload_size,
                                      delimiter_.size());
        return matched + equal_prefix(bytes_of(delimiter_).subspan(third.in_section, third.size),
                                      got.subspan(third.in_range, third.size));
    }

private:
    [[nodiscard]] std::array<std::byte, 4> prefix_of(std::uint64_t payload_size) const noexcept {
        std::array<std::byte, 4> prefix{};
        for (std::uint32_t i = 0; i < prefix_bytes_; ++i) {
            const std::uint32_t place = order_ == Framing::ByteOrder::big ? prefix_bytes_ - 1 - i
                                                                          : i;
            prefix[i] = static_cast<std::byte>(payload_size >> (8 * place) & 0xff);
        }
        return prefix;
    }

    const std::unique_ptr<MessageSource> payloads_;
    const std::uint32_t prefix_bytes_;
    const Framing::ByteOrder order_;
    const std::string delimiter_;
};

}  // namespace

std::unique_ptr<MessageSource> make_text_messages(std::string text) {
    return std::make_unique<TextMessages>(std::move(text));
}

std::unique_ptr<MessageSource> make_article_messages(std::string text) {
    return std::make_unique<ArticleMessages>(std::move(text));
}

std::unique_ptr<MessageSource> make_generated_messages(std::uint64_t seed, SizeRange sizes,
                                                       const Framing& framing) {
    return std::make_unique<GeneratedMessages>(seed, sizes, framing);
}

std::unique_ptr<MessageSource> make_framed_messages(std::unique_ptr<MessageSource> payloads,
                                                    const Framing& framing) {
    if (framing.type == Framing::Type::none) {
        return payloads;
    }
    return std::make_unique<FramedMessages>(std::move(payloads), framing);
}

}  // namespace portico::client
