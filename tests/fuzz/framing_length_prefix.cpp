// For any stream, length prefix and limit, cut anywhere, the frames are those that a parser of the
// whole stream finds.
#include "fuzz/framing_reference.hpp"

using namespace portico;

namespace {

fuzz::Outcome reference(std::size_t prefix_bytes, bool big_endian, std::uint64_t payload_max,
                        std::string_view stream) {
    fuzz::Outcome outcome;
    for (std::size_t at = 0;;) {
        const std::string_view rest = stream.substr(at);
        std::uint64_t payload = 0;
        for (std::size_t i = 0; i < prefix_bytes && i < rest.size(); ++i) {
            const std::size_t place = big_endian ? prefix_bytes - 1 - i : i;
            payload += std::uint64_t{static_cast<unsigned char>(rest[i])} << (8 * place);
        }
        outcome.remaining = rest.size();
        if (rest.size() < prefix_bytes) {
            return outcome;
        }
        if (payload > payload_max) {
            outcome.too_long = true;
            outcome.remaining = 0;
            return outcome;
        }
        if (rest.size() < prefix_bytes + payload) {
            return outcome;
        }
        const auto end = at + prefix_bytes + static_cast<std::size_t>(payload);
        outcome.frames.push_back({at, at + prefix_bytes, static_cast<std::size_t>(payload), end});
        at = end;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    config::Framing framing;
    framing.type = config::Framing::Type::length_prefix;
    framing.prefix_bytes = 1U << input.from_to(0, 2);
    framing.order = input.flag() ? config::Framing::ByteOrder::little
                                 : config::Framing::ByteOrder::big;
    framing.max_bytes = input.number<std::uint32_t>() % 16'777'216 + 1;
    fuzz::Pieces pieces{};
    for (std::uint8_t& piece : pieces) {
        piece = input.byte();
    }
    const std::string stream = input.rest();
    const bool big = framing.order == config::Framing::ByteOrder::big;
    client::Framing of_client;
    of_client.type = client::Framing::Type::length_prefix;
    of_client.prefix_bytes = framing.prefix_bytes;
    of_client.order = big ? client::Framing::ByteOrder::big : client::Framing::ByteOrder::little;
    fuzz::check_framing(framing, of_client, stream, pieces,
                        reference(framing.prefix_bytes, big, framing.max_bytes, stream),
                        reference(framing.prefix_bytes, big, UINT64_MAX, stream));
    return 0;
}
