// Who may use the admin endpoint. Any page that a browser shows can send requests to a loopback
// address, and by a name that it controls (DNS rebinding) it can even read the answers. So the
// request must name this host as its user would, and come from no foreign page. A token, if there
// is one, must come with everything that shows or changes something.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/http.hpp"

namespace portico::admin {

class Guard {
public:
    // `listen`: the configured address, "127.0.0.1:9900". `token`: empty if none is asked for.
    Guard(std::string_view listen, std::string token);

    // The refusal, or nothing if the request may be answered.
    [[nodiscard]] std::optional<Response> refusal(const Request& request) const;

private:
    [[nodiscard]] bool is_own_host(std::string_view host) const;
    [[nodiscard]] bool has_token(std::string_view authorization) const noexcept;

    std::string listen_host_;   // in lower case, without brackets
    bool is_wildcard_ = false;  // it listens on every address of the machine
    std::string token_;
};

// Compares in a time that depends on the size of `given` alone.
[[nodiscard]] bool equals_secret(std::string_view given, std::string_view secret) noexcept;

}  // namespace portico::admin
