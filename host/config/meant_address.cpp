#include "config/meant_address.hpp"

#include "config/utf8.hpp"
#include "io/address.hpp"

namespace portico::config {

std::string meant_by_notation(std::string_view text, std::string_view port) {
    if (text.starts_with("unix:") || text.starts_with("/") || text.starts_with("@")) {
        return "a TCP address such as " + in_quotes("127.0.0.1:" + std::string(port)) +
               ": Unix sockets are not supported";
    }
    if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
        const std::string_view rest = text.substr(scheme + 3);
        return in_quotes(rest.substr(0, rest.find('/'))) + ": address and port alone";
    }
    return {};
}

std::string meant_by_parts(std::string_view text, std::string_view port) {
    const std::size_t colon = text.rfind(':');
    const std::string host(text.substr(0, colon));
    const bool is_bracketed = text.starts_with("[");
    if (is_bracketed ? text.ends_with("]")
                     : colon == std::string_view::npos &&
                           text.find_first_not_of("0123456789") != std::string_view::npos) {
        return in_quotes(std::string(text) + ":" + std::string(port)) + ", with a port";
    }
    if (!is_bracketed && host.find(':') != std::string::npos && io::parse_address(host)) {
        return in_quotes("[" + host + "]" + std::string(text.substr(colon))) +
               ": an IPv6 address needs brackets";
    }
    return {};
}

bool has_spaces(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint point = decode(text, at);
        if (is_control(point.value) || is_space(point.value)) {
            return true;
        }
        at += point.size;
    }
    return false;
}

}  // namespace portico::config
