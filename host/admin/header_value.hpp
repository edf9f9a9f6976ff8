// Values of HTTP headers that are lists or have parameters (RFC 9110, sections 5.6 and 12.5.1).
#pragma once

#include <string_view>

namespace portico::admin {

[[nodiscard]] char lower(char letter) noexcept;
// Compares without regard to the case of ASCII letters.
[[nodiscard]] bool same_word(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

// "application/json; charset=utf-8" -> "application/json"
[[nodiscard]] std::string_view media_type(std::string_view content_type) noexcept;

// True if an Accept header names this very type, without a wildcard.
[[nodiscard]] bool names_type(std::string_view accept, std::string_view type,
                              std::string_view subtype) noexcept;
// How much an Accept header wants this type, 0 to 1, wildcards included: the most exact range
// counts. 0 if it does not appear.
[[nodiscard]] double quality_of(std::string_view accept, std::string_view type,
                                std::string_view subtype) noexcept;

}  // namespace portico::admin
