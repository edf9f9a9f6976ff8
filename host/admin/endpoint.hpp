// The admin endpoint of a server: a small server of its own, with one worker thread and the admin
// plugin linked in. It shares nothing with the server that it shows but the functions of
// HostControl, so it answers as well if that server's workers are stuck, while it starts, and while
// it stops.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/guard.hpp"
#include "admin/host_control.hpp"
#include "admin/plugin.hpp"
#include "admin/router.hpp"
#include "config/config.hpp"
#include "portico/server.hpp"

namespace portico::admin {

class Endpoint {
public:
    // Its name in the log.
    static constexpr const char* name = "admin";

    // `backend`: of its port, as in the configuration. `log`: gets its lines, on a thread of its
    // own. All outlive the endpoint.
    Endpoint(const config::Admin& admin, const std::string& backend, HostControl& host,
             LogFunction log);
    // Ends its connections at once, and its threads.
    ~Endpoint();
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    // Finds out whether start() would succeed, without serving; `port`: also whether the address is
    // free. Both return the mistakes, each with the key that it concerns: "admin.listen: ...".
    [[nodiscard]] std::vector<std::string> check(bool port);
    // Serves from now on.
    [[nodiscard]] std::vector<std::string> start();

    // Where it listens, as soon as it serves.
    [[nodiscard]] std::vector<std::string> addresses() const;

private:
    // Makes everything but the port and the threads.
    [[nodiscard]] std::vector<std::string> prepare();
    [[nodiscard]] std::vector<std::string> listen_mistakes() const;

    const config::Admin& admin_;
    const std::string& backend_;
    HostControl& host_;
    LogFunction log_;
    std::unique_ptr<Guard> guard_;
    std::unique_ptr<Router> router_;
    std::unique_ptr<LinkedPlugin> plugin_;
    // The last member, so that it stops first.
    std::unique_ptr<Server> server_;
};

}  // namespace portico::admin
