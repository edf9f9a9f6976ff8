#include "admin/guard.hpp"

#include <algorithm>

#include "admin/header_value.hpp"
#include "io/address.hpp"

namespace portico::admin {

namespace {

std::string lowered(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), lower);
    return result;
}

// The host of "HOST", "HOST:PORT" or "[IPv6]:PORT", in lower case and without brackets. Empty if
// it is none of them.
std::string host_of(std::string_view authority) {
    std::string_view rest;
    std::string_view host;
    if (authority.starts_with("[")) {
        const std::size_t end = authority.find(']');
        if (end == std::string_view::npos) {
            return {};
        }
        host = authority.substr(1, end - 1);
        rest = authority.substr(end + 1);
        if (host.find(':') == std::string_view::npos) {
            return {};
        }
    } else {
        const std::size_t colon = authority.find(':');
        host = authority.substr(0, colon);
        rest = colon == std::string_view::npos ? std::string_view{} : authority.substr(colon);
    }
    const bool is_port = rest.empty() ||
                         (rest.starts_with(":") && rest.size() <= 6 &&
                          rest.find_first_not_of("0123456789", 1) == std::string_view::npos);
    return is_port ? lowered(host) : std::string{};
}

bool needs_token(const Request& request) noexcept {
    const bool is_get = request.method == "GET" || request.method == "HEAD";
    return !is_get || (request.path != "/" && request.path != "/live" && request.path != "/ready");
}

}  // namespace

bool equals_secret(std::string_view given, std::string_view secret) noexcept {
    // `volatile`, so that no compiler ends the loop at the first difference.
    volatile unsigned different = given.size() != secret.size() || secret.empty() ? 1 : 0;
    for (std::size_t i = 0; i < given.size(); ++i) {
        const char other = secret.empty() ? '\0' : secret[i % secret.size()];
        different = different | static_cast<unsigned>(static_cast<unsigned char>(given[i] ^ other));
    }
    return different == 0;
}

Guard::Guard(std::string_view listen, std::string token) : token_(std::move(token)) {
    if (base::Result<io::HostPort> parsed = io::parse_host_port(listen)) {
        listen_host_ = lowered(parsed->host);
    }
    if (const std::optional<io::Address> address = io::parse_address(listen_host_)) {
        is_wildcard_ = std::all_of(address->bytes.begin(), address->bytes.end(),
                                   [](std::uint8_t byte) { return byte == 0; });
    }
}

std::optional<Response> Guard::refusal(const Request& request) const {
    if (!request.has_host && request.is_http_1_1) {
        return Response::error(400, "the header \"Host\" is missing");
    }
    if (request.has_host && !is_own_host(request.host)) {
        return Response::error(403,
                               "the header \"Host\" names another machine: use the address that "
                               "\"admin\" in the configuration listens on, or localhost");
    }
    if (request.has_origin && !same_word(request.origin, "http://" + request.host) &&
        !same_word(request.origin, "https://" + request.host)) {
        return Response::error(403, "a page of another origin may not use this address");
    }
    if (!token_.empty() && needs_token(request) && !has_token(request.authorization)) {
        Response refused = Response::error(
            401, request.authorization.empty()
                     ? "this needs the header \"Authorization: Bearer TOKEN\"; the token is in "
                       "the file that \"admin.token_file\" names"
                     : "the token in \"Authorization: Bearer TOKEN\" is another one than in the "
                       "file that \"admin.token_file\" names");
        refused.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"portico\"");
        return refused;
    }
    if (request.method == "POST" &&
        !same_word(media_type(request.content_type), "application/json")) {
        return Response::error(415, "POST needs the header \"Content-Type: application/json\"");
    }
    return std::nullopt;
}

// With a wildcard the machine's own addresses are not known here. But any address will do then: a
// page that wants to be mistaken for this host needs a name.
bool Guard::is_own_host(std::string_view host) const {
    const std::string name = host_of(host);
    if (name.empty()) {
        return false;
    }
    if (name == "localhost" || name == listen_host_) {
        return true;
    }
    const std::optional<io::Address> address = io::parse_address(name);
    return address && (io::is_loopback(*address) || is_wildcard_ ||
                       address == io::parse_address(listen_host_));
}

bool Guard::has_token(std::string_view authorization) const noexcept {
    constexpr std::string_view scheme = "bearer ";
    return authorization.size() > scheme.size() &&
           same_word(authorization.substr(0, scheme.size()), scheme) &&
           equals_secret(trimmed(authorization.substr(scheme.size())), token_);
}

}  // namespace portico::admin
