// What the client sends. Any part of any message, made and compared piece by piece, equals that
// part of the message made at once; a byte that differs is found at its place; with a delimiter or
// a length the message is exactly one frame.
#include <memory>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "fuzz/input.hpp"
#include "messages/message.hpp"

using namespace portico;
using client::Framing;
using client::MessageId;
using client::MessageSource;

namespace {

Framing read_framing(fuzz::Input& input) {
    Framing framing;
    framing.type = static_cast<Framing::Type>(input.from_to(0, 2));
    framing.prefix_bytes = 1U << input.from_to(0, 2);
    framing.order = input.flag() ? Framing::ByteOrder::little : Framing::ByteOrder::big;
    if (framing.type == Framing::Type::delimiter) {
        framing.delimiter = input.text(input.from_to(1, 16));
        framing.delimiter.resize(std::max<std::size_t>(framing.delimiter.size(), 1));
    }
    return framing;
}

std::string make(const MessageSource& source, MessageId id, std::uint64_t offset,
                 std::size_t size) {
    const std::unique_ptr<std::byte[]> bytes(new std::byte[size]);  // of exactly this size
    source.fill(id, offset, {bytes.get(), size});
    return std::string(reinterpret_cast<const char*>(bytes.get()), size);
}

void check_parts(const MessageSource& source, MessageId id, const std::string& whole,
                 fuzz::Input& input) {
    for (std::uint32_t parts = 1 + input.byte() % 8; parts > 0; --parts) {
        const std::size_t offset = input.from_to(
            0, static_cast<std::uint32_t>(std::min<std::size_t>(whole.size(), 65'000)));
        const std::size_t size = input.from_to(
            0, static_cast<std::uint32_t>(std::min<std::size_t>(whole.size() - offset, 65'000)));
        std::string part = make(source, id, offset, size);
        PORTICO_ASSERT(part == whole.substr(offset, size));
        PORTICO_ASSERT(source.match(id, offset, client::bytes_of(part)) == size);
        if (size != 0) {
            const std::size_t wrong = input.from_to(0, static_cast<std::uint32_t>(size - 1));
            part[wrong] = static_cast<char>(part[wrong] ^ (1 + input.byte() % 255));
            PORTICO_ASSERT(source.match(id, offset, client::bytes_of(part)) == wrong);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const Framing framing = read_framing(input);
    std::unique_ptr<MessageSource> payloads;
    bool may_hold_delimiter = true;
    switch (input.from_to(0, 2)) {
        case 0: payloads = client::make_text_messages(input.text(input.byte())); break;
        case 1: payloads = client::make_article_messages(input.text(input.byte())); break;
        default: {
            const std::uint64_t seed = input.number<std::uint64_t>();
            const std::uint64_t least = input.from_to(0, 300);
            const std::uint64_t more = input.flag() ? input.from_to(0, 20'000)
                                                    : input.from_to(0, 20);
            payloads = client::make_generated_messages(seed, {least, least + more}, framing);
            may_hold_delimiter = false;
        }
    }
    const MessageId id{1U + input.number<std::uint16_t>(),
                       std::uint64_t{1} + input.number<std::uint32_t>()};
    const std::uint64_t payload_size = payloads->size(id);
    PORTICO_ASSERT(payload_size <= payloads->size_max());
    const std::string payload = make(*payloads, id, 0, static_cast<std::size_t>(payload_size));
    check_parts(*payloads, id, payload, input);

    const std::unique_ptr<MessageSource> framed = client::make_framed_messages(std::move(payloads),
                                                                               framing);
    PORTICO_ASSERT(framed->size(id) <= framed->size_max());
    const std::string whole = make(*framed, id, 0, static_cast<std::size_t>(framed->size(id)));
    PORTICO_ASSERT(whole.find(payload) != std::string::npos);
    check_parts(*framed, id, whole, input);

    const bool one_frame = framing.type == Framing::Type::delimiter ? !may_hold_delimiter
                           : framing.type == Framing::Type::length_prefix
                               ? payload_size <= framing.payload_max()
                               : false;
    if (one_frame && !whole.empty()) {
        client::FrameScanner scanner;
        const client::FrameScanner::Piece piece = scanner.scan(framing, client::bytes_of(whole));
        PORTICO_ASSERT(piece.complete && piece.size == whole.size());
    }
    return 0;
}
