// Right replies, damaged ones and foreign bytes, in pieces of any size. For each reply the checker
// must agree with a comparison that sees the whole stream at once, say whose it is if the reply
// names that, and name the first byte that differs.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "fuzz/input.hpp"
#include "messages/expectation.hpp"

using namespace portico;
using client::Framing;
using client::MessageId;
using client::ReplyChecker;
using Event = client::ReplyChecker::Event;

namespace {

struct Verdict {
    Event event = Event::more;
    std::uint64_t number = 0;  // of a right or a wrong reply; 0: it names none
    std::uint64_t offset = 0;  // in it: the first difference

    friend bool operator==(const Verdict&, const Verdict&) = default;
};

// The number of the last message about which a verdict settles.
std::uint64_t settled_after(std::uint64_t settled, const Verdict& verdict) {
    if (verdict.event != Event::reply && verdict.event != Event::wrong) {
        return settled;
    }
    return verdict.number == 0 ? settled + 1 : std::max(settled, verdict.number);
}

struct Setting {
    client::Expectation expectation;
    std::unique_ptr<client::MessageSource> replies;
    std::uint64_t started = 0;
    std::string stream;
};

std::string reply_of(const client::MessageSource& source, MessageId message) {
    std::string reply(static_cast<std::size_t>(source.size(message)), '\0');
    source.fill(message, 0, std::as_writable_bytes(std::span(reply)));
    return reply;
}

// Where the frame that begins the text ends; npos if it is not complete.
std::size_t frame_end(const Framing& framing, std::string_view text) {
    if (framing.type == Framing::Type::delimiter) {
        const std::size_t found = text.find(framing.delimiter);
        return found == std::string_view::npos ? found : found + framing.delimiter.size();
    }
    if (framing.type == Framing::Type::fixed) {
        return text.size() < framing.fixed_bytes ? std::string_view::npos
                                                 : static_cast<std::size_t>(framing.fixed_bytes);
    }
    if (text.size() < framing.prefix_bytes) {
        return std::string_view::npos;
    }
    std::uint64_t payload = 0;
    for (std::size_t i = 0; i < framing.prefix_bytes; ++i) {
        const std::size_t place = framing.order == Framing::ByteOrder::big
                                      ? framing.prefix_bytes - 1 - i
                                      : i;
        payload += std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * place);
    }
    return text.size() - framing.prefix_bytes < payload
               ? std::string_view::npos
               : framing.prefix_bytes + static_cast<std::size_t>(payload);
}

std::size_t first_difference(std::string_view left, std::string_view right) {
    return static_cast<std::size_t>(
        std::mismatch(left.begin(), left.end(), right.begin(), right.end()).first - left.begin());
}

// The number of the message that a frame's head names; nothing if it names none, or none of this
// connection's.
std::optional<std::uint64_t> told_number(const Setting& setting, std::string_view frame) {
    const std::size_t head_size = setting.replies->identity_bytes();
    if (frame.size() < head_size) {
        return std::nullopt;
    }
    const std::string_view head = frame.substr(0, head_size);
    const auto identity = setting.replies->identify(client::bytes_of(head));
    if (!identity || identity->connection != 1 || identity->number_low == 0 ||
        identity->number_low > setting.started ||
        !reply_of(*setting.replies, {1, identity->number_low}).starts_with(head)) {
        return std::nullopt;
    }
    return identity->number_low;
}

bool is_foreign(const Setting& setting, std::string_view frame) {
    const std::size_t head_size = setting.replies->identity_bytes();
    if (frame.size() < head_size) {
        return false;
    }
    const auto identity = setting.replies->identify(client::bytes_of(frame.substr(0, head_size)));
    return identity && identity->connection == 2 &&
           frame == reply_of(*setting.replies, {2, identity->number_low});
}

Verdict verdict_of_frame(const Setting& setting, std::string_view frame, std::uint64_t next) {
    const bool is_due = next <= setting.started;
    if (!setting.replies || !setting.expectation.tells_messages()) {
        if (!is_due) {
            return {Event::unexpected};
        }
        const std::string expected = setting.replies ? reply_of(*setting.replies, {1, next})
                                                     : std::string(frame);
        return frame == expected ? Verdict{Event::reply, next}
                                 : Verdict{Event::wrong, next, first_difference(frame, expected)};
    }
    if (const auto number = told_number(setting, frame)) {
        const std::string expected = reply_of(*setting.replies, {1, *number});
        return frame == expected
                   ? Verdict{Event::reply, *number}
                   : Verdict{Event::wrong, *number, first_difference(frame, expected)};
    }
    if (is_foreign(setting, frame)) {
        return {Event::crossed};
    }
    return is_due ? Verdict{Event::wrong, 0,
                            first_difference(frame, reply_of(*setting.replies, {1, next}))}
                  : Verdict{Event::unexpected};
}

std::vector<Verdict> reference_framed(const Setting& setting) {
    std::vector<Verdict> verdicts;
    std::string_view rest = setting.stream;
    std::uint64_t settled = 0;
    for (std::size_t end = 0; !rest.empty() && (end = frame_end(setting.expectation.framing,
                                                                rest)) != std::string_view::npos;
         rest.remove_prefix(end)) {
        verdicts.push_back(verdict_of_frame(setting, rest.substr(0, end), settled + 1));
        settled = settled_after(settled, verdicts.back());
    }
    return verdicts;
}

std::vector<Verdict> reference_unframed(const Setting& setting,
                                        const std::vector<std::string_view>& pieces) {
    std::vector<Verdict> verdicts;
    std::uint64_t number = 1;
    if (!setting.replies) {
        for (std::size_t i = 0; i < pieces.size() && number <= setting.started; ++i, ++number) {
            verdicts.push_back({Event::reply, number});
        }
        if (pieces.size() > setting.started) {
            verdicts.push_back({Event::unexpected});
        }
        return verdicts;
    }
    std::string_view rest = setting.stream;
    for (; !rest.empty(); ++number) {
        if (number > setting.started) {
            verdicts.push_back({Event::unexpected});
            break;
        }
        const std::string expected = reply_of(*setting.replies, {1, number});
        const std::string_view got = rest.substr(0, expected.size());
        const std::size_t same = first_difference(got, expected);
        if (same < got.size()) {
            verdicts.push_back({Event::wrong, number, same});
            break;
        }
        if (got.size() < expected.size()) {
            break;
        }
        verdicts.push_back({Event::reply, number});
        rest.remove_prefix(expected.size());
    }
    return verdicts;
}

void check_finding(const Setting& setting, const client::Finding& finding, std::size_t read_to) {
    const std::string expected = reply_of(*setting.replies, finding.expected);
    PORTICO_ASSERT(finding.offset <= finding.differs_at &&
                   finding.differs_at - finding.offset < client::Finding::shown_max);
    const std::string_view due = std::string_view(expected).substr(
        static_cast<std::size_t>(finding.offset));
    PORTICO_ASSERT(finding.expected_size == std::min(due.size(), client::Finding::shown_max));
    const std::string_view shown(reinterpret_cast<const char*>(finding.expected_bytes.data()),
                                 finding.expected_size);
    PORTICO_ASSERT(due.starts_with(shown));
    const std::string_view came(reinterpret_cast<const char*>(finding.came_bytes.data()),
                                finding.came_size);
    PORTICO_ASSERT(std::string_view(setting.stream).substr(0, read_to).find(came) !=
                   std::string_view::npos);
    PORTICO_ASSERT(first_difference(shown, came) == finding.differs_at - finding.offset);
}

std::vector<Verdict> check(const Setting& setting, const std::vector<std::string_view>& pieces) {
    ReplyChecker checker(1);
    client::Finding finding;
    std::vector<Verdict> verdicts;
    const bool framed = setting.expectation.framing.type != Framing::Type::none;
    std::size_t read_to = 0;
    std::uint64_t settled = 0;
    for (const std::string_view piece : pieces) {
        const std::vector<std::byte> bytes(client::bytes_of(piece).begin(),
                                           client::bytes_of(piece).end());
        read_to += piece.size();
        for (std::size_t at = 0; at < bytes.size();) {
            const std::span<const std::byte> rest = std::span<const std::byte>(bytes).subspan(at);
            const ReplyChecker::Step step = checker.check(
                setting.expectation, rest, {1, settled + 1}, setting.started, finding);
            PORTICO_ASSERT(step.used != 0 && step.used <= rest.size());
            at += step.used;
            if (step.differs) {
                check_finding(setting, finding, read_to);
            }
            if (step.event == Event::more) {
                continue;
            }
            Verdict verdict{step.event};
            if (step.event == Event::reply || step.event == Event::wrong) {
                verdict.number = step.message.number;
            }
            if (step.event == Event::wrong) {
                verdict.offset = finding.differs_at;
            }
            settled = settled_after(settled, verdict);
            verdicts.push_back(verdict);
            if (!framed && step.event != Event::reply) {
                return verdicts;
            }
        }
    }
    return verdicts;
}

std::vector<std::string_view> cut(std::string_view stream,
                                  const std::array<std::uint8_t, 6>& sizes) {
    std::vector<std::string_view> pieces;
    for (std::size_t i = 0; !stream.empty(); ++i) {
        pieces.push_back(stream.substr(0, std::size_t{1} + sizes[i % sizes.size()]));
        stream.remove_prefix(pieces.back().size());
    }
    return pieces;
}

Setting read_setting(fuzz::Input& input) {
    Setting setting;
    Framing& framing = setting.expectation.framing;
    framing.type = static_cast<Framing::Type>(input.from_to(0, 3));
    framing.fixed_bytes = input.from_to(1, 80);
    framing.prefix_bytes = 1U << input.from_to(0, 2);
    framing.order = input.flag() ? Framing::ByteOrder::little : Framing::ByteOrder::big;
    if (framing.type == Framing::Type::delimiter) {
        framing.delimiter = input.text(input.from_to(1, 16));
        framing.delimiter.resize(std::max<std::size_t>(framing.delimiter.size(), 1));
    }
    setting.started = input.from_to(0, 12);
    setting.expectation.connections = 2;
    std::unique_ptr<client::MessageSource> payloads;
    switch (input.from_to(0, 3)) {
        case 0: payloads = client::make_text_messages(input.text(input.from_to(1, 40))); break;
        case 1: payloads = client::make_article_messages(input.text(input.byte() % 40)); break;
        case 2: {
            const std::uint64_t least = input.from_to(1, 40);
            payloads = client::make_generated_messages(
                input.byte(), {least, least + input.from_to(0, 40)}, framing);
            break;
        }
        default: break;  // any reply does
    }
    if (payloads != nullptr && payloads->size_max() != 0) {
        setting.replies = client::make_framed_messages(std::move(payloads), framing);
        setting.expectation.replies = setting.replies.get();
    }
    return setting;
}

void stream_of_another(Setting& setting, std::uint8_t number) {
    setting.stream += setting.replies ? reply_of(*setting.replies, {2, number}) : std::string();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    Setting setting = read_setting(input);
    std::array<std::uint8_t, 6> sizes{};
    for (std::uint8_t& piece : sizes) {
        piece = input.byte();
    }
    std::uint64_t next = 1;
    while (!input.empty() && setting.stream.size() < 4'096) {
        const std::uint8_t action = input.byte();
        const std::string reply = setting.replies ? reply_of(*setting.replies, {1, next})
                                                  : std::string();
        switch (action % 10) {
            case 0: setting.stream += input.text(input.byte() % 32); break;
            case 1: setting.stream += reply.substr(0, input.byte()); break;
            case 2:
                if (!setting.stream.empty()) {
                    char& byte = setting.stream[setting.stream.size() - 1 -
                                                input.byte() % setting.stream.size()];
                    byte = static_cast<char>(byte ^ (1 + input.byte() % 255));
                }
                break;
            case 3: ++next; break;
            case 4: next = 1 + input.byte() % 14; break;
            case 5: stream_of_another(setting, input.byte()); break;
            default:
                setting.stream += reply;
                ++next;
                break;
        }
    }
    const std::string_view stream = setting.stream;
    const bool framed = setting.expectation.framing.type != Framing::Type::none;
    for (const std::vector<std::string_view>& pieces :
         {cut(stream, sizes), cut(stream, {}),
          std::vector<std::string_view>(stream.empty() ? 0 : 1, stream)}) {
        PORTICO_ASSERT(check(setting, pieces) ==
                       (framed ? reference_framed(setting) : reference_unframed(setting, pieces)));
    }
    return 0;
}
