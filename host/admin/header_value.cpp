#include "admin/header_value.hpp"

#include <algorithm>
#include <charconv>

namespace portico::admin {

namespace {

// Takes the part up to `separator` off the front of `text`.
std::string_view take_part(std::string_view& text, char separator) noexcept {
    const std::size_t end = text.find(separator);
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return trimmed(part);
}

// 2: the very type; 1: its subtype is a wildcard; 0: both are; -1: another type.
int exactness(std::string_view range, std::string_view type, std::string_view subtype) noexcept {
    const std::string_view found = take_part(range, '/');
    if (found == "*" && range == "*") {
        return 0;
    }
    if (!same_word(found, type)) {
        return -1;
    }
    return range == "*" ? 1 : same_word(range, subtype) ? 2 : -1;
}

// Of "q" among parameters; 1 if there is none.
double quality(std::string_view parameters) noexcept {
    while (!parameters.empty()) {
        std::string_view parameter = take_part(parameters, ';');
        const std::string_view name = take_part(parameter, '=');
        if (same_word(name, "q")) {
            double value = 0;
            const std::string_view digits = trimmed(parameter);
            std::from_chars(digits.data(), digits.data() + digits.size(), value);
            return std::clamp(value, 0.0, 1.0);
        }
    }
    return 1;
}

}  // namespace

char lower(char letter) noexcept {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool same_word(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string_view media_type(std::string_view content_type) noexcept {
    return trimmed(content_type.substr(0, content_type.find(';')));
}

bool names_type(std::string_view accept, std::string_view type, std::string_view subtype) noexcept {
    while (!accept.empty()) {
        if (exactness(media_type(take_part(accept, ',')), type, subtype) == 2) {
            return true;
        }
    }
    return false;
}

double quality_of(std::string_view accept, std::string_view type,
                  std::string_view subtype) noexcept {
    int best = -1;
    double found = 0;
    while (!accept.empty()) {
        std::string_view parameters = take_part(accept, ',');
        const int exact = exactness(take_part(parameters, ';'), type, subtype);
        const double its = quality(parameters);
        // Prometheus names a type several times, for several versions.
        if (exact > best || (exact == best && exact >= 0 && its > found)) {
            best = exact;
            found = its;
        }
    }
    return found;
}

}  // namespace portico::admin
