// Answers the requests of the admin endpoint: which paths there are, and what each does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "admin/guard.hpp"
#include "admin/host_control.hpp"
#include "admin/http.hpp"

namespace portico::admin {

class Router {
public:
    // Both outlive the router.
    Router(HostControl& host, const Guard& guard) : host_(host), guard_(guard) {}

    // The answer. The body of a request may still be missing if has_body is false: then only
    // refusals that need no body are made, and a status of 0 means that there is none.
    [[nodiscard]] Response answer(const Request& request, bool has_body = true);

private:
    struct Route;

    [[nodiscard]] const Route* find(std::string_view path, std::string& id) const;

    Response page(const Request& request, const std::string& id);
    Response live(const Request& request, const std::string& id);
    Response ready(const Request& request, const std::string& id);
    Response metrics(const Request& request, const std::string& id);
    Response status(const Request& request, const std::string& id);
    Response connections(const Request& request, const std::string& id);
    Response drain(const Request& request, const std::string& id);
    Response log_level(const Request& request, const std::string& id);
    Response reopen_log(const Request& request, const std::string& id);
    Response close_connection(const Request& request, const std::string& id);

    [[nodiscard]] bool has_listener(const std::string& name);

    HostControl& host_;
    const Guard& guard_;
};

}  // namespace portico::admin
