#include "messages/message_template.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/clock.hpp"
#include "messages/mix.hpp"

namespace portico::client {

namespace {

using Kind = MessagePiece::Kind;

base::Result<MessagePiece> parse_place(std::string_view name) {
    const std::size_t colon = name.find(':');
    const std::string_view kind = name.substr(0, colon);
    if (kind == "connection" && colon == name.npos) {
        return MessagePiece{Kind::connection, {}, {}};
    }
    if (kind == "message" && colon == name.npos) {
        return MessagePiece{Kind::message, {}, {}};
    }
    if (kind == "time" && colon == name.npos) {
        return MessagePiece{Kind::time, {}, {}};
    }
    if (kind == "random" && colon != name.npos) {
        auto sizes = parse_size_range(name.substr(colon + 1));
        if (!sizes) {
            return base::Failure{"\\{" + std::string(name) + "}: " + sizes.error()};
        }
        if (sizes->min == 0 || sizes->max > MessagePiece::random_max) {
            return base::Failure{"\\{" + std::string(name) + "}: random text has 1 to " +
                                 std::to_string(MessagePiece::random_max) + " bytes"};
        }
        return MessagePiece{Kind::random, {}, *sizes};
    }
    return base::Failure{"\\{" + std::string(name) +
                         "} is not one of \\{connection}, \\{message}, \\{time}, \\{random:N} and "
                         "\\{random:MIN-MAX}"};
}

class TemplateMessages final : public MessageSource {
public:
    TemplateMessages(std::uint64_t seed, std::vector<MessagePiece> pieces)
        : seed_(mix(seed)), pieces_(std::move(pieces)) {
        constexpr std::string_view characters =
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        table_.resize(2 * MessagePiece::random_max);
        for (std::size_t i = 0; i < table_.size(); ++i) {
            table_[i] = static_cast<std::byte>(
                characters[static_cast<std::size_t>(mix(seed_ + i) % characters.size())]);
        }
    }

    std::uint64_t size(MessageId id) const noexcept override {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            Digits digits;
            sum += piece(id, i, digits).size();
        }
        return sum;
    }
    std::uint64_t size_max() const noexcept override {
        std::uint64_t sum = 0;
        for (const MessagePiece& each : pieces_) {
            sum += each.kind == Kind::text     ? each.text.size()
                   : each.kind == Kind::random ? each.sizes.max
                                               : digits_max;
        }
        return sum;
    }
    void fill(MessageId id, std::uint64_t offset,
              std::span<std::byte> out) const noexcept override {
        each_part(id, offset, out.size(), [&](std::size_t at, std::span<const std::byte> part) {
            std::memcpy(out.data() + at, part.data(), part.size());
            return true;
        });
    }
    std::size_t match(MessageId id, std::uint64_t offset,
                      std::span<const std::byte> got) const noexcept override {
        std::size_t matched = 0;
        each_part(id, offset, got.size(), [&](std::size_t at, std::span<const std::byte> part) {
            const auto end = std::mismatch(part.begin(), part.end(),
                                           got.begin() + static_cast<std::ptrdiff_t>(at))
                                 .first;
            matched += static_cast<std::size_t>(end - part.begin());
            return end == part.end();
        });
        return matched;
    }

private:
    static constexpr std::size_t digits_max = 20;
    using Digits = char[digits_max];

    // The bytes of piece `index` of a message; a number is written to `digits`.
    [[nodiscard]] std::span<const std::byte> piece(MessageId id, std::size_t index,
                                                   Digits& digits) const noexcept {
        const MessagePiece& its = pieces_[index];
        switch (its.kind) {
            case Kind::text: return bytes_of(its.text);
            case Kind::connection: return number(id.connection, digits);
            case Kind::message: return number(id.number, digits);
            case Kind::time:
                return number((unix_epoch_ns_ + id.began_ns) / base::nanoseconds_per_millisecond,
                              digits);
            case Kind::random: break;
        }
        const std::uint64_t key = mix(mix(mix(seed_ ^ id.connection) + id.number) + index);
        const std::uint64_t choices = its.sizes.max - its.sizes.min + 1;
        const auto size = static_cast<std::size_t>(its.sizes.min + key % choices);
        return std::span(table_).subspan(
            static_cast<std::size_t>(mix(key) % MessagePiece::random_max), size);
    }
    static std::span<const std::byte> number(std::uint64_t value, Digits& digits) noexcept {
        const char* end = std::to_chars(digits, digits + digits_max, value).ptr;
        return bytes_of({digits, static_cast<std::size_t>(end - digits)});
    }

    // Calls visit(place in the range, bytes) for each part of [offset, offset + size) of a message,
    // until it returns false.
    template <class Visit>
    void each_part(MessageId id, std::uint64_t offset, std::size_t size,
                   Visit&& visit) const noexcept {
        std::uint64_t begin = 0;  // of the piece
        std::size_t done = 0;
        for (std::size_t i = 0; i < pieces_.size() && done < size; ++i) {
            Digits digits;
            const std::span<const std::byte> bytes = piece(id, i, digits);
            if (begin + bytes.size() > offset + done) {
                const auto skipped = static_cast<std::size_t>(offset + done - begin);
                const std::span<const std::byte> part = bytes.subspan(
                    skipped, std::min(bytes.size() - skipped, size - done));
                if (!visit(done, part)) {
                    return;
                }
                done += part.size();
            }
            begin += bytes.size();
        }
    }

    // Add this to the port's clock to get the time since 1970.
    [[nodiscard]] static std::uint64_t since_unix_epoch() noexcept {
        const auto since = std::chrono::system_clock::now().time_since_epoch();
        return static_cast<std::uint64_t>(
                   std::chrono::duration_cast<std::chrono::nanoseconds>(since).count()) -
               base::now_ns();
    }

    const std::uint64_t seed_;
    const std::uint64_t unix_epoch_ns_ = since_unix_epoch();
    const std::vector<MessagePiece> pieces_;
    std::vector<std::byte> table_;  // random text is a part of it
};

}  // namespace

base::Result<std::vector<MessagePiece>> parse_template(std::string_view text) {
    std::vector<MessagePiece> pieces;
    std::string plain;  // still with its escapes
    const auto end_plain = [&]() -> base::Result<void> {
        auto unescaped = unescape(plain);
        if (!unescaped) {
            return base::Failure{unescaped.error()};
        }
        if (!unescaped->empty()) {
            pieces.push_back({Kind::text, *std::move(unescaped), {}});
        }
        plain.clear();
        return {};
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            plain += text[i];
            continue;
        }
        if (text[i + 1] != '{') {
            plain += text.substr(i, 2);
            ++i;
            continue;
        }
        const std::size_t close = text.find('}', i);
        if (close == text.npos) {
            return base::Failure{"\"" + std::string(text.substr(i)) + "\" has no closing brace"};
        }
        if (const auto ended = end_plain(); !ended) {
            return base::Failure{ended.error()};
        }
        auto place = parse_place(text.substr(i + 2, close - i - 2));
        if (!place) {
            return base::Failure{place.error()};
        }
        pieces.push_back(*std::move(place));
        i = close;
    }
    if (const auto ended = end_plain(); !ended) {
        return base::Failure{ended.error()};
    }
    return pieces;
}

std::unique_ptr<MessageSource> make_template_messages(std::uint64_t seed,
                                                      std::vector<MessagePiece> pieces) {
    return std::make_unique<TemplateMessages>(seed, std::move(pieces));
}

}  // namespace portico::client
