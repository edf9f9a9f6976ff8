#include "admin/router.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <iterator>
#include <optional>

#include "admin/exposition.hpp"
#include "admin/json_text.hpp"
#include "admin/page.hpp"
#include "admin/status_json.hpp"
#include "config/schema_reader.hpp"

namespace portico::admin {

namespace {

constexpr std::uint32_t connections_default = 100;
constexpr std::uint32_t connections_max = 1'000;

// The members of a request's body, and the refusal if they are wrong.
template <class Read>
std::optional<Response> read_body(const std::string& body, Read&& read) {
    const config::Parsed parsed = config::parse_json(body);
    if (!parsed.error.text.empty()) {
        return Response::error(400, "body:" + std::to_string(parsed.error.line) + ":" +
                                        std::to_string(parsed.error.column) + ": " +
                                        parsed.error.text);
    }
    config::Mistakes mistakes;
    config::check_repeated_keys(parsed.root, "", mistakes);
    if (parsed.root.kind != config::Node::Kind::object) {
        mistakes.add(parsed.root.line, "(top level)",
                     config::found_expected(parsed.root, "an object, {...}"));
    } else {
        config::ObjectReader reader(&parsed.root, "", mistakes);
        read(reader);
        reader.reject_unknown_keys();
    }
    if (mistakes.empty()) {
        return std::nullopt;
    }
    std::string all;
    for (const std::string& mistake : mistakes.report("body")) {
        all += (all.empty() ? "" : "\n") + mistake;
    }
    return Response::error(400, all);
}

void read_flag(config::ObjectReader& reader, std::string_view key, bool& flag) {
    const config::Node* node = reader.value(key);
    if (node != nullptr && node->kind != config::Node::Kind::boolean) {
        reader.mistake(key, *node, "true or false");
    } else if (node != nullptr) {
        flag = node->boolean;
    }
}

bool parse_number(std::string_view text, std::uint32_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

bool parse_id(std::string_view text, std::uint64_t& id) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
    return error == std::errc{} && end == text.data() + text.size() && id != 0;
}

Response word(std::uint32_t status, std::string text) {
    return {status, "text/plain; charset=utf-8", std::move(text) + "\n", {}};
}

}  // namespace

// A path with "*" for a connection's id.
struct Router::Route {
    std::string_view path;
    bool changes;  // POST; otherwise GET and HEAD
    Response (Router::*answer)(const Request&, const std::string& id);
};

const Router::Route* Router::find(std::string_view path, std::string& id) const {
    static constexpr Route routes[] = {
        {"/", false, &Router::page},
        {"/live", false, &Router::live},
        {"/ready", false, &Router::ready},
        {"/metrics", false, &Router::metrics},
        {"/api/status", false, &Router::status},
        {"/api/connections", false, &Router::connections},
        {"/api/drain", true, &Router::drain},
        {"/api/log-level", true, &Router::log_level},
        {"/api/reopen-log", true, &Router::reopen_log},
        {"/api/connections/*/close", true, &Router::close_connection},
    };
    for (const Route& route : routes) {
        const std::size_t star = route.path.find('*');
        if (star == std::string_view::npos) {
            if (route.path == path) {
                return &route;
            }
            continue;
        }
        const std::string_view before = route.path.substr(0, star);
        const std::string_view after = route.path.substr(star + 1);
        if (path.size() > before.size() + after.size() && path.starts_with(before) &&
            path.ends_with(after)) {
            id = path.substr(before.size(), path.size() - before.size() - after.size());
            if (id.find('/') == std::string::npos) {
                return &route;
            }
        }
    }
    return nullptr;
}

Response Router::answer(const Request& request, bool has_body) {
    if (std::optional<Response> refused = guard_.refusal(request)) {
        return std::move(*refused);
    }
    std::string id;
    const Route* route = find(request.path, id);
    if (route == nullptr) {
        return Response::error(404, "there is nothing at this path");
    }
    const bool is_get = request.method == "GET" || request.method == "HEAD";
    if (route->changes ? request.method != "POST" : !is_get) {
        Response refused = Response::error(
            405, route->changes ? "this path takes POST" : "this path takes GET and HEAD");
        refused.headers.emplace_back("Allow", route->changes ? "POST" : "GET, HEAD");
        return refused;
    }
    if (!has_body) {
        Response none;
        none.status = 0;
        return none;
    }
    return (this->*route->answer)(request, id);
}

Response Router::page(const Request&, const std::string&) {
    Response response{200, "text/html; charset=utf-8", std::string(page_html()), {}};
    response.headers.emplace_back("Content-Security-Policy", page_policy);
    return response;
}

Response Router::live(const Request&, const std::string&) {
    return word(200, "live");
}

Response Router::ready(const Request&, const std::string&) {
    switch (host_.state()) {
        case HostState::starting: return word(503, "starting");
        case HostState::ready: return word(200, "ready");
        case HostState::stopping: break;
    }
    return word(503, "stopping");
}

Response Router::metrics(const Request& request, const std::string&) {
    const Exposition format = exposition_for(request.accept);
    Response response{
        200, std::string(content_type(format)), exposition(host_.metrics(), format), {}};
    response.headers.emplace_back("Vary", "Accept");
    return response;
}

Response Router::status(const Request&, const std::string&) {
    return Response::json(200, status_json(host_.status(), std::chrono::system_clock::now()));
}

Response Router::connections(const Request& request, const std::string&) {
    Query query;
    if (!parse_query(request.query, query)) {
        return Response::error(400,
                               "a percent sign in the query is followed by no two "
                               "hexadecimal digits");
    }
    std::string listener;
    std::uint32_t limit = connections_default;
    std::uint32_t after = 0;
    for (const auto& [name, value] : query) {
        if (name == "listener") {
            listener = value;
            if (!has_listener(listener)) {
                return Response::error(404, "there is no listener \"" + listener + "\"");
            }
        } else if (name == "limit") {
            if (!parse_number(value, limit) || limit < 1 || limit > connections_max) {
                return Response::error(
                    400, "limit: found \"" + value + "\", expected a whole number from 1 to 1000");
            }
        } else if (name == "after") {
            if (!parse_number(value, after)) {
                return Response::error(400, "after: found \"" + value +
                                                "\", expected the \"next\" of the page before");
            }
        } else {
            return Response::error(
                400, "\"" + name + "\" is unknown; there are listener, limit and after");
        }
    }
    return Response::json(200, connections_json(host_.connections(listener, after, limit),
                                                std::chrono::system_clock::now()));
}

Response Router::drain(const Request& request, const std::string&) {
    std::string listener;
    bool is_all = false;
    bool undo = false;
    if (std::optional<Response> refused = read_body(request.body, [&](auto& reader) {
            if (const config::Node* node = reader.string("listener", "a listener's name")) {
                listener = node->text;
            }
            read_flag(reader, "all", is_all);
            read_flag(reader, "undo", undo);
        })) {
        return std::move(*refused);
    }
    if (is_all == !listener.empty()) {
        return Response::error(400,
                               "name what to drain: {\"listener\": \"NAME\"} or {\"all\": true}");
    }
    if (!is_all && !has_listener(listener)) {
        return Response::error(404, "there is no listener \"" + listener + "\"");
    }
    const std::vector<std::string> names = is_all ? host_.listeners()
                                                  : std::vector<std::string>{listener};
    std::string errors;
    std::string done;
    for (const std::string& name : names) {
        const std::string error = undo ? host_.undo_drain(name) : host_.drain(name);
        if (!error.empty()) {
            errors += (errors.empty() ? "" : "\n") + error;
        } else {
            done += (done.empty() ? "" : ",") + json_string(name);
        }
    }
    return errors.empty() ? Response::json(202, "{\"listeners\":[" + done + "]}\n")
                          : Response::error(409, errors);
}

Response Router::log_level(const Request& request, const std::string&) {
    using Level = base::LogLevel;
    Level level = Level::info;
    bool has_level = false;
    if (std::optional<Response> refused = read_body(request.body, [&](auto& reader) {
            has_level = reader.template choice<Level, Level>("level", level,
                                                             {{"trace", Level::trace},
                                                              {"debug", Level::debug},
                                                              {"info", Level::info},
                                                              {"warn", Level::warn},
                                                              {"error", Level::error},
                                                              {"off", Level::off}});
            if (reader.value("level") == nullptr) {
                reader.missing("level", "the level from which on lines are written");
            }
        })) {
        return std::move(*refused);
    }
    host_.set_log_level(level);
    return Response::json(200, "{\"level\":" + json_string(level_text(level)) + "}\n");
}

Response Router::reopen_log(const Request& request, const std::string&) {
    if (std::optional<Response> refused = read_body(request.body, [](auto&) {})) {
        return std::move(*refused);
    }
    host_.reopen_log();
    return Response::json(200, "{}\n");
}

Response Router::close_connection(const Request& request, const std::string& id) {
    bool aborts = false;
    if (std::optional<Response> refused = read_body(
            request.body, [&](auto& reader) { read_flag(reader, "abort", aborts); })) {
        return std::move(*refused);
    }
    std::uint64_t number = 0;
    if (!parse_id(id, number)) {
        return Response::error(404, "\"" + id + "\" is no connection's id");
    }
    return host_.close_connection(number, aborts)
               ? Response::json(202, "{}\n")
               : Response::error(404, "connection " + id + " is gone");
}

bool Router::has_listener(const std::string& name) {
    const std::vector<std::string> names = host_.listeners();
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace portico::admin
