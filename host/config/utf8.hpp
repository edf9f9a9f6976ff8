// UTF-8, as far as the configuration needs it: is a text valid, what may stand in a name, how is it
// shown in an error.
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

// How many code points a valid text has.
[[nodiscard]] std::size_t code_points(std::string_view text) noexcept;

[[nodiscard]] bool is_control(char32_t value) noexcept;
// The set that \s means in a JSON schema's patterns.
[[nodiscard]] bool is_space(char32_t value) noexcept;

// At most this many characters of a file's own text are repeated in an error.
inline constexpr std::size_t excerpt_characters = 40;

// The text in one line: control and invisible characters and invalid bytes escaped, cut with "..."
// after the limit.
[[nodiscard]] std::string excerpt(std::string_view text,
                                  std::size_t characters = excerpt_characters);

// The same in double quotes, with quotes and backslashes escaped as JSON does.
[[nodiscard]] std::string in_quotes(std::string_view text,
                                    std::size_t characters = excerpt_characters);

}  // namespace portico::config
