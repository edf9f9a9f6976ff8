// UTF-8 for the configuration: finds invalid texts and blanks in names, and shows texts in errors.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace portico::config {

struct CodePoint {
    char32_t value = 0;
    std::size_t size = 0;  // bytes; 0: not valid here
};

// The code point that begins at `at`, which lies within the text. Overlong forms and surrogates are
// not valid.
[[nodiscard]] CodePoint decode(std::string_view text, std::size_t at) noexcept;

// The offset of the first byte that begins no valid code point.
[[nodiscard]] std::optional<std::size_t> first_invalid(std::string_view text) noexcept;

// The number of code points of a valid text.
[[nodiscard]] std::size_t code_points(std::string_view text) noexcept;

[[nodiscard]] bool is_control(char32_t value) noexcept;
// The set that \s means in a JSON schema's patterns.
[[nodiscard]] bool is_space(char32_t value) noexcept;

// Changes ASCII letters only.
[[nodiscard]] constexpr char lower(char letter) noexcept {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

// True if the text is a name that can stand in a log line as one word. `one_word` says it.
[[nodiscard]] bool is_one_word(std::string_view text) noexcept;
inline constexpr std::string_view one_word =
    "1 to 64 printable characters without spaces and quotes";

// An error repeats at most this many characters of the file.
inline constexpr std::size_t excerpt_characters = 40;

// The text in one line. Control characters, invisible ones and invalid bytes are escaped; "..."
// replaces what is beyond the limit.
[[nodiscard]] std::string excerpt(std::string_view text,
                                  std::size_t characters = excerpt_characters);

// The same in double quotes, with quotes and backslashes escaped as JSON does.
[[nodiscard]] std::string in_quotes(std::string_view text,
                                    std::size_t characters = excerpt_characters);

}  // namespace portico::config
