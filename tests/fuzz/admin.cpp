// Bytes of a client of the admin endpoint. Whatever they are, the endpoint ends each step with
// fewer bytes to read, an answer, or the wish for more; every answer is a whole HTTP response; and
// the same bytes in other pieces do the same to the host. The first byte chooses the pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/conversation.hpp"
#include "admin/exposition.hpp"
#include "base/assert.hpp"
#include "unit/host/admin/fake_host.hpp"

using namespace portico;

namespace {

constexpr std::string_view token = "0123456789abcdef";

struct Outcome {
    std::string output;
    bool closes = false;
    std::vector<std::string> done;  // what the host was asked for
};

// A whole response: status line, header, and a body of the length that it names, or none (HEAD).
void check_response(std::string_view output) {
    PORTICO_ASSERT(output.starts_with("HTTP/1.1 "));
    const std::size_t end = output.find("\r\n\r\n");
    PORTICO_ASSERT(end != std::string_view::npos);
    if (output == admin::continue_bytes) {
        return;
    }
    const std::string_view head = output.substr(0, end);
    constexpr std::string_view name = "\r\nContent-Length: ";
    const std::size_t length = head.find(name);
    PORTICO_ASSERT(length != std::string_view::npos);
    std::size_t bytes = 0;
    for (std::size_t at = length + name.size(); at < head.size() && head[at] != '\r'; ++at) {
        bytes = bytes * 10 + static_cast<std::size_t>(head[at] - '0');
    }
    const std::size_t body = output.size() - end - 4;
    PORTICO_ASSERT(body == bytes || body == 0);
    // No byte of the client gets into a header.
    for (const char letter : head) {
        PORTICO_ASSERT(letter == '\r' || letter == '\n' || (letter >= ' ' && letter < '\x7f'));
    }
}

// The date is the only thing that may differ from one run to the next.
std::string without_date(std::string output) {
    if (const std::size_t date = output.find("\r\nDate: "); date != std::string::npos) {
        output.erase(date, output.find("\r\n", date + 2) - date);
    }
    return output;
}

Outcome talk(std::string_view bytes, std::size_t piece) {
    FakeHost host;
    const admin::Guard guard("127.0.0.1:9900", std::string(token));
    admin::Router router(host, guard);
    admin::Conversation conversation(router);
    Outcome outcome;
    std::string held;  // offered and not used
    while (!bytes.empty() && !outcome.closes) {
        const std::size_t size = std::min(piece, bytes.size());
        held.append(bytes.substr(0, size));
        bytes.remove_prefix(size);
        for (;;) {
            const admin::Conversation::Step step = conversation.step(held);
            PORTICO_ASSERT(step.used <= held.size());
            PORTICO_ASSERT(!step.closes || !step.output.empty());
            held.erase(0, step.used);
            if (!step.output.empty()) {
                check_response(step.output);
                outcome.output += without_date(step.output);
            }
            outcome.closes = step.closes;
            if (step.output.empty() || step.closes) {
                break;
            }
        }
        // What waits for more is bounded.
        PORTICO_ASSERT(held.size() <= piece + admin::HttpReader::header_bytes_max + 8'192);
    }
    outcome.done = std::move(host.done);
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Outcome outcome = talk(bytes, bytes.size() + 1);
    PORTICO_ASSERT(talk(bytes, 1 + data[0] % 64U).done == outcome.done);
    // Nothing is done for a client without the token.
    if (bytes.find(token) == std::string_view::npos) {
        PORTICO_ASSERT(outcome.done.empty());
    }
    static_cast<void>(admin::exposition_for(bytes));
    return 0;
}
