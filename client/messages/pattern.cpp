#include "messages/pattern.hpp"

#include "messages/text.hpp"

namespace portico::client {

base::Result<Pattern> Pattern::parse(std::string_view text, std::string_view end) {
    Pattern pattern;
    pattern.text_ = text;
    const auto accept = [&](std::size_t first, std::size_t last) -> bool {
        if (pattern.size_ == bytes_max) {
            return false;
        }
        for (std::size_t byte = first; byte <= last; ++byte) {
            pattern.accepts_[byte] |= Places{1} << pattern.size_;
        }
        ++pattern.size_;
        return true;
    };
    const base::Failure too_long{"a pattern has at most " + std::to_string(bytes_max - end.size()) +
                                 " bytes and question marks"};
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '*') {
            pattern.asterisks_ |= Places{1} << pattern.size_;
            continue;
        }
        if (text[i] == '?') {
            if (!accept(0, 255)) {
                return too_long;
            }
            continue;
        }
        std::string bytes(1, text[i]);
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '*' || text[i + 1] == '?')) {
            bytes[0] = text[++i];
        } else if (text[i] == '\\') {
            const std::size_t size = text.substr(i).starts_with("\\x") ? 4 : 2;
            auto unescaped = unescape(text.substr(i, size));
            if (!unescaped) {
                return base::Failure{unescaped.error()};
            }
            bytes = *std::move(unescaped);
            i += size - 1;
        }
        const auto byte = static_cast<unsigned char>(bytes[0]);
        if (!accept(byte, byte)) {
            return too_long;
        }
    }
    for (const char each : end) {
        const auto byte = static_cast<unsigned char>(each);
        if (!accept(byte, byte)) {
            return too_long;
        }
    }
    return pattern;
}

}  // namespace portico::client
