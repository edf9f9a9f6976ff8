#include "admin/endpoint.hpp"

#include <algorithm>

#include "admin/json_text.hpp"
#include "admin/token_file.hpp"
#include "io/address.hpp"

namespace portico::admin {

namespace {

// One thread is enough, and lets a busy host keep its processors. An answer may be larger than the
// queue; a client that does not read it is cut by the plugin's own clock. One more connection waits
// in the system's backlog: so there are enough for an operator to get in beside a crowd of slow
// clients.
std::string configuration_for(const std::string& listen, const std::string& backend) {
    return R"({
  "io": { "backend": )" +
           json_string(backend) + R"(, "ports": "per_core", "threads": 1, "receive_buffers": 16,
          "receive_buffer_bytes": 16384 },
  "listeners": [ { "name": "admin", "listen": )" +
           json_string(listen) + R"(, "plugin": "portico-admin",
    "limits": { "connections": 1024, "send_queue_bytes": 262144, "max_send_bytes": 67108864,
                "unconsumed_bytes": 131072, "idle_timeout_ms": 30000,
                "half_close_timeout_ms": 10000, "close_timeout_ms": 2000 } } ],
  "log": { "level": "warn", "access": false, "queue": 64 },
  "shutdown": { "drain_ms": 200 }
})";
}

}  // namespace

Endpoint::Endpoint(const config::Admin& admin, const std::string& backend, HostControl& host,
                   LogFunction log)
    : admin_(admin), backend_(backend), host_(host), log_(std::move(log)) {}

Endpoint::~Endpoint() = default;

std::vector<std::string> Endpoint::prepare() {
    std::string token;
    if (!admin_.token_file.empty()) {
        base::Result<std::string> read = read_token(admin_.token_file);
        if (!read) {
            return {"admin.token_file: " + read.error()};
        }
        token = std::move(*read);
    } else {
        // The configuration has been checked, but a name stands for what the system says.
        base::Result<io::HostPort> where = io::parse_host_port(admin_.listen.text);
        base::Result<std::vector<io::Address>> found = where ? io::resolve(where->host, where->port)
                                                             : base::Failure{where.error()};
        if (!found) {
            return {"admin.listen: " + found.error()};
        }
        if (!std::all_of(found->begin(), found->end(), io::is_loopback)) {
            return {"admin.listen: \"" + admin_.listen.text +
                    "\" is no loopback address of this machine, so admin.token_file is needed"};
        }
    }
    guard_ = std::make_unique<Guard>(admin_.listen.text, std::move(token));
    router_ = std::make_unique<Router>(host_, *guard_);
    plugin_ = std::make_unique<LinkedPlugin>(*router_);
    server_ = std::make_unique<Server>();
    server_->set_log(log_);
    if (!server_->configure_text(configuration_for(admin_.listen.text, backend_), "") ||
        !server_->register_plugin("portico-admin", plugin_->module())) {
        return listen_mistakes();
    }
    return {};
}

std::vector<std::string> Endpoint::check(bool port) {
    std::vector<std::string> mistakes = prepare();
    if (mistakes.empty() && !server_->check(port)) {
        mistakes = listen_mistakes();
    }
    return mistakes;
}

std::vector<std::string> Endpoint::start() {
    std::vector<std::string> mistakes = prepare();
    if (mistakes.empty() && !server_->start()) {
        mistakes = listen_mistakes();
    }
    return mistakes;
}

std::vector<std::string> Endpoint::addresses() const {
    std::vector<std::string> addresses;
    for (const portico::Endpoint& endpoint : server_->endpoints()) {
        addresses.push_back(endpoint.address);
    }
    return addresses;
}

std::vector<std::string> Endpoint::listen_mistakes() const {
    const std::string place = "listener \"admin\": listen: ";
    std::vector<std::string> mistakes;
    for (const std::string& error : server_->errors()) {
        const std::size_t at = error.find(place);
        mistakes.push_back("admin.listen: " +
                           (at == std::string::npos ? error : error.substr(at + place.size())));
    }
    return mistakes;
}

}  // namespace portico::admin
