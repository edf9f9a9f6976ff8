// The article's client: asks for a message, a number of threads and a number of sends, and prints
// each reply.
//
// Its threads are connections here. Each sends its messages one by one; each message is exactly
// "N. Thread T - TEXT".
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "measure/observer.hpp"
#include "messages/framing.hpp"

namespace portico::client {

struct Answers {
    std::string message;  // may be empty: the message that is sent never is
    std::uint32_t threads = 1;
    std::uint64_t sends = 1;
};

inline constexpr std::uint64_t threads_max = 10'000;
inline constexpr std::uint64_t sends_max = 1'000'000'000;

// Asks on `out` and reads lines with `read_line`; explains a bad number and asks for it again.
// Returns nothing if the input ends first.
[[nodiscard]] std::optional<Answers> ask(const std::function<bool(std::string&)>& read_line,
                                         std::ostream& out);

// The output takes nothing more, so nobody reads the rest.
class OutputEnded : public std::exception {};

// Prints "Server sent the following message: REPLY" for each reply, safe for a terminal, without
// its framing. Throws OutputEnded.
class ReplyPrinter final : public Observer {
public:
    ReplyPrinter(std::uint32_t threads, const Framing& framing, std::ostream& out);
    [[nodiscard]] bool wants_replies() const noexcept override { return true; }
    void reply(std::uint32_t connection, std::span<const std::byte> part, bool complete) override;

private:
    static constexpr std::size_t shown_max = 65'536;  // of one reply

    const Framing framing_;
    std::ostream& out_;
    std::vector<std::string> parts_;  // the incomplete reply of each connection
};

}  // namespace portico::client
