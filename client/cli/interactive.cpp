#include "cli/interactive.hpp"

#include <algorithm>
#include <ostream>
#include <string_view>

#include "messages/text.hpp"

namespace portico::client {

namespace {

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view blanks = " \t\r";
    const std::size_t first = text.find_first_not_of(blanks);
    return first == std::string_view::npos
               ? std::string_view()
               : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::optional<std::uint64_t> ask_number(const char* question, std::uint64_t most,
                                        const std::function<bool(std::string&)>& read_line,
                                        std::ostream& out) {
    std::string line;
    for (;;) {
        out << question << std::flush;
        if (!read_line(line)) {
            return std::nullopt;
        }
        const auto number = parse_unsigned(trimmed(line));
        if (number && *number >= 1 && *number <= most) {
            return number;
        }
        out << "Please enter a number from 1 to " << most << ".\n";
    }
}

}  // namespace

std::optional<Answers> ask(const std::function<bool(std::string&)>& read_line, std::ostream& out) {
    Answers answers;
    out << "Enter the message: " << std::flush;
    if (!read_line(answers.message)) {
        return std::nullopt;
    }
    if (answers.message.ends_with('\r')) {
        answers.message.pop_back();  // a line end of Windows in a pipe
    }
    const auto threads = ask_number("Enter the number of threads: ", threads_max, read_line, out);
    if (!threads) {
        return std::nullopt;
    }
    const auto sends = ask_number("Enter the number of times each thread sends: ", sends_max,
                                  read_line, out);
    if (!sends) {
        return std::nullopt;
    }
    answers.threads = static_cast<std::uint32_t>(*threads);
    answers.sends = *sends;
    return answers;
}

ReplyPrinter::ReplyPrinter(std::uint32_t threads, const Framing& framing, std::ostream& out)
    : framing_(framing), out_(out), parts_(threads) {}

void ReplyPrinter::reply(std::uint32_t connection, std::span<const std::byte> part, bool complete) {
    std::string& text = parts_[connection - 1];
    const std::size_t room = shown_max - std::min(shown_max, text.size());
    text.append(reinterpret_cast<const char*>(part.data()), std::min(part.size(), room));
    if (!complete) {
        return;
    }
    std::string_view payload = text;
    if (framing_.type == Framing::Type::delimiter && payload.ends_with(framing_.delimiter)) {
        payload.remove_suffix(framing_.delimiter.size());
    } else if (framing_.type == Framing::Type::length_prefix) {
        payload.remove_prefix(framing_.prefix_bytes);
    }
    out_ << "Server sent the following message: " << printable(bytes_of(payload)) << std::endl;
    if (!out_) {
        throw OutputEnded();
    }
    text.clear();
}

}  // namespace portico::client
