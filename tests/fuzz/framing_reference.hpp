// What both fuzzers of the framing share: the bytes of a stream arrive in pieces, through the
// stash, as a connection reads them; a plain parser that sees the whole stream at once says what
// must come out. The client's scanner must find the same frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "config/config.hpp"
#include "fuzz/input.hpp"
#include "messages/framing.hpp"  // the client's
#include "net/framing.hpp"
#include "net/stash.hpp"

namespace portico::fuzz {

struct Cut {
    std::size_t begin = 0;
    std::size_t payload_begin = 0;
    std::size_t payload_size = 0;
    std::size_t end = 0;

    friend bool operator==(const Cut&, const Cut&) = default;
};

struct Outcome {
    std::vector<Cut> frames;
    bool too_long = false;      // what follows the last frame
    std::size_t remaining = 0;  // of an incomplete frame at the end; not set if too_long

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Sizes of pieces, used in turn.
using Pieces = std::array<std::uint8_t, 6>;

inline std::vector<std::string_view> cut(std::string_view stream, const Pieces& pieces) {
    std::vector<std::string_view> cut;
    for (std::size_t i = 0; !stream.empty(); ++i) {
        cut.push_back(stream.substr(0, std::size_t{1} + pieces[i % pieces.size()]));
        stream.remove_prefix(cut.back().size());
    }
    return cut;
}

// Reads as Connection does: a piece is searched where it lies if nothing waits, and what is left
// over goes to the stash.
class Reader {
public:
    explicit Reader(const config::Framing& framing) : framing_(framing) {}

    void read(std::string_view piece) {
        // Exactly this size, so that a read past the end is found.
        const std::vector<std::byte> bytes(
            reinterpret_cast<const std::byte*>(piece.data()),
            reinterpret_cast<const std::byte*>(piece.data()) + piece.size());
        std::span<const std::byte> rest = bytes;
        if (stash_.empty()) {
            rest = rest.subspan(offer(rest));
            if (!outcome_.too_long && !rest.empty()) {
                PORTICO_ASSERT(stash_.append(rest));
            }
        } else {
            PORTICO_ASSERT(stash_.append(rest));
            stash_.consume(offer(stash_.bytes()));
        }
        outcome_.remaining = outcome_.too_long ? 0 : stash_.bytes().size();
    }

    [[nodiscard]] const Outcome& outcome() const { return outcome_; }

private:
    std::size_t offer(std::span<const std::byte> bytes) {
        std::size_t done = 0;
        while (done < bytes.size()) {
            const net::Frame frame = net::next_frame(framing_, bytes.subspan(done), scanned_);
            if (frame.kind != net::Frame::Kind::complete) {
                outcome_.too_long = frame.kind == net::Frame::Kind::too_long;
                break;
            }
            PORTICO_ASSERT(frame.size != 0 && frame.size <= bytes.size() - done);
            PORTICO_ASSERT(frame.payload_offset + frame.payload_size <= frame.size);
            outcome_.frames.push_back({position_, position_ + frame.payload_offset,
                                       frame.payload_size, position_ + frame.size});
            position_ += frame.size;
            done += frame.size;
        }
        return done;
    }

    const config::Framing& framing_;
    net::Stash stash_;
    std::size_t scanned_ = 0;
    std::size_t position_ = 0;  // in the stream
    Outcome outcome_;
};

inline Outcome read_in_pieces(const config::Framing& framing,
                              const std::vector<std::string_view>& pieces) {
    Reader reader(framing);
    for (const std::string_view piece : pieces) {
        reader.read(piece);
        if (reader.outcome().too_long) {
            break;
        }
    }
    return reader.outcome();
}

// Where the client's scanner sees frames end.
inline std::vector<std::size_t> client_ends(const client::Framing& framing,
                                            const std::vector<std::string_view>& pieces) {
    client::FrameScanner scanner;
    std::vector<std::size_t> ends;
    std::size_t position = 0;
    for (const std::string_view piece : pieces) {
        std::vector<std::byte> bytes(
            reinterpret_cast<const std::byte*>(piece.data()),
            reinterpret_cast<const std::byte*>(piece.data()) + piece.size());
        for (std::size_t at = 0; at < bytes.size();) {
            const client::FrameScanner::Piece found = scanner.scan(
                framing, std::span<const std::byte>(bytes).subspan(at));
            PORTICO_ASSERT(found.size <= bytes.size() - at && (found.size != 0 || found.complete));
            at += found.size;
            position += found.size;
            if (found.complete) {
                ends.push_back(position);
            }
        }
    }
    return ends;
}

// `expected`: what the plain parser says of the stream; `all`: the same without a limit on the
// payload, which the client does not have.
inline void check_framing(const config::Framing& framing, const client::Framing& of_client,
                          std::string_view stream, const Pieces& sizes, const Outcome& expected,
                          const Outcome& all) {
    const std::vector<std::string_view> pieces = cut(stream, sizes);
    const std::vector<std::string_view> bytes = cut(stream, {});
    const std::vector<std::string_view> whole(stream.empty() ? 0 : 1, stream);
    PORTICO_ASSERT(read_in_pieces(framing, pieces) == expected);
    PORTICO_ASSERT(read_in_pieces(framing, bytes) == expected);
    PORTICO_ASSERT(read_in_pieces(framing, whole) == expected);
    std::vector<std::size_t> ends;
    for (const Cut& frame : all.frames) {
        ends.push_back(frame.end);
    }
    PORTICO_ASSERT(client_ends(of_client, pieces) == ends);
    PORTICO_ASSERT(client_ends(of_client, bytes) == ends);
    PORTICO_ASSERT(client_ends(of_client, whole) == ends);
}

}  // namespace portico::fuzz
