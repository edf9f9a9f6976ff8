// The messages to send. The bytes of each message are a function of its connection and number: any
// part can be made again at any time, so nothing sent is kept to check the reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "messages/framing.hpp"
#include "messages/text.hpp"

namespace portico::client {

struct MessageId {
    std::uint32_t connection = 1;  // from 1
    std::uint64_t number = 1;      // from 1, within the connection
    std::uint64_t began_ns = 0;    // when it began to leave, by the port's clock
};

// The identity that a message may carry: its connection's number, and the low bits of its own.
struct MessageIdentity {
    static constexpr unsigned connection_bits = 20;
    static constexpr unsigned number_bits = 28;

    std::uint32_t connection = 0;
    std::uint32_t number_low = 0;
};

class MessageSource {
public:
    virtual ~MessageSource() = default;
    MessageSource(const MessageSource&) = delete;
    MessageSource& operator=(const MessageSource&) = delete;

    [[nodiscard]] virtual std::uint64_t size(MessageId id) const noexcept = 0;
    // The size of the longest message.
    [[nodiscard]] virtual std::uint64_t size_max() const noexcept = 0;
    // Writes the message's bytes from `offset` on; offset + out.size() is at most size(id).
    virtual void fill(MessageId id, std::uint64_t offset,
                      std::span<std::byte> out) const noexcept = 0;
    // The number of leading bytes of `got` that equal the message's from `offset` on; same limit.
    [[nodiscard]] virtual std::size_t match(MessageId id, std::uint64_t offset,
                                            std::span<const std::byte> got) const noexcept = 0;

    // The number of bytes at the start of a message that name it; 0: messages do not name
    // themselves. No message is shorter. At most identity_bytes_max.
    [[nodiscard]] virtual std::size_t identity_bytes() const noexcept { return 0; }
    static constexpr std::size_t identity_bytes_max = 16;
    // The message that begins with `bytes` (identity_bytes() long); nothing if none can. The caller
    // checks that a message with this identity exists, and that the following bytes are its own.
    [[nodiscard]] virtual std::optional<MessageIdentity> identify(
        std::span<const std::byte> /*bytes*/) const noexcept {
        return std::nullopt;
    }

protected:
    MessageSource() = default;
};

// Makes the same text every time.
[[nodiscard]] std::unique_ptr<MessageSource> make_text_messages(std::string text);

// "N. Thread T - TEXT", as the article's client sends: N is the message's number, T the
// connection's.
[[nodiscard]] std::unique_ptr<MessageSource> make_article_messages(std::string text);

// Bytes and sizes drawn from a seed. The first eight bytes are a permutation of (connection,
// number), as far as MessageIdentity has bits for these. So no two messages of at least that size
// are taken for each other, and each names itself. `framing`: the bytes never contain its
// delimiter.
[[nodiscard]] std::unique_ptr<MessageSource> make_generated_messages(std::uint64_t seed,
                                                                     SizeRange sizes,
                                                                     const Framing& framing);

// Another source's messages, each with the delimiter or the length prefix. With Type::none: the
// payloads themselves.
[[nodiscard]] std::unique_ptr<MessageSource> make_framed_messages(
    std::unique_ptr<MessageSource> payloads, const Framing& framing);

}  // namespace portico::client
