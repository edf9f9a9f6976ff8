#include "report/html_report.hpp"

#include "base/assert.hpp"
#include "comparison_html.hpp"
#include "report_html.hpp"

namespace portico::client {

namespace {

constexpr std::string_view place = "{\"place\": \"of the data\"}";

// In a script element no text may look like the start of the element's end, or of a comment. "<"
// occurs only in strings, which can spell it in another way.
std::string safe_in_script(std::string_view json) {
    std::string safe;
    safe.reserve(json.size());
    for (const char each : json) {
        if (each == '<') {
            safe += "\\u003c";
        } else {
            safe += each;
        }
    }
    return safe;
}

std::string page_with(std::string_view page, std::string_view json) {
    const std::size_t at = page.find(place);
    PORTICO_ASSERT(at != page.npos);
    std::string made(page.substr(0, at));
    made += safe_in_script(json);
    made += page.substr(at + place.size());
    return made;
}

template <std::size_t Size>
std::string_view text_of(const unsigned char (&bytes)[Size]) {
    return {reinterpret_cast<const char*>(bytes), Size};
}

}  // namespace

std::string html_report(std::string_view json) {
    return page_with(text_of(report_html), json);
}

std::string html_comparison(std::string_view json) {
    return page_with(text_of(comparison_html), json);
}

}  // namespace portico::client
