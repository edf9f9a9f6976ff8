// For any stream, delimiter and limit, cut anywhere, the frames are those that a search through the
// whole stream finds.
#include "fuzz/framing_reference.hpp"

using namespace portico;

namespace {

fuzz::Outcome reference(const std::string& delimiter, std::size_t payload_max,
                        std::string_view stream) {
    fuzz::Outcome outcome;
    for (std::size_t at = 0;;) {
        const std::size_t found = stream.find(delimiter, at);
        const std::size_t payload = found == std::string_view::npos ? 0 : found - at;
        // Once this much of the payload is there, nothing that may still come ends it in time.
        const bool hopeless = found == std::string_view::npos &&
                              stream.size() - at >= payload_max + delimiter.size();
        if (payload > payload_max || hopeless) {
            outcome.too_long = true;
            return outcome;
        }
        if (found == std::string_view::npos) {
            outcome.remaining = stream.size() - at;
            return outcome;
        }
        outcome.frames.push_back({at, at, payload, found + delimiter.size()});
        at = found + delimiter.size();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    config::Framing framing;
    framing.type = config::Framing::Type::delimiter;
    framing.max_bytes = input.from_to(1, 300);
    fuzz::Pieces pieces{};
    for (std::uint8_t& piece : pieces) {
        piece = input.byte();
    }
    framing.delimiter = input.text(input.from_to(1, 16));
    if (framing.delimiter.empty()) {
        return 0;
    }
    const std::string stream = input.rest();
    client::Framing of_client;
    of_client.type = client::Framing::Type::delimiter;
    of_client.delimiter = framing.delimiter;
    fuzz::check_framing(framing, of_client, stream, pieces,
                        reference(framing.delimiter, framing.max_bytes, stream),
                        reference(framing.delimiter, stream.size() + 1, stream));
    return 0;
}
