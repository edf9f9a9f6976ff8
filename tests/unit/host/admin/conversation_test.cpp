// What the admin endpoint answers, byte for byte in and out: HTTP, the protections of its user, the
// paths, and everything that a client may do wrong.
#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <utility>

#include "admin/conversation.hpp"
#include "support/catch.hpp"
#include "unit/host/admin/fake_host.hpp"

using namespace portico;
using admin::Conversation;
using Json = nlohmann::json;

namespace {

// One connection to a fake host.
struct Talk {
    FakeHost host;
    admin::Guard guard;
    admin::Router router{host, guard};
    Conversation conversation{router};
    bool is_closed = false;

    explicit Talk(const std::string& listen = "127.0.0.1:9900", const std::string& token = "")
        : guard(listen, token) {}

    // Everything that comes back for these bytes.
    std::string say(std::string_view bytes) {
        std::string output;
        for (;;) {
            const Conversation::Step step = conversation.step(bytes);
            bytes.remove_prefix(step.used);
            output += step.output;
            is_closed = step.closes;
            if (step.output.empty() || step.closes) {
                rest = bytes;
                return output;
            }
        }
    }
    std::string rest;  // what was not used
};

std::string request(std::string_view line, std::string_view headers = "",
                    std::string_view body = "") {
    std::string text = std::string(line) + " HTTP/1.1\r\nHost: 127.0.0.1:9900\r\n";
    text.append(headers);
    if (line.substr(0, 4) == "POST") {
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
        if (headers.find("Content-Type") == std::string_view::npos) {
            text += "Content-Type: application/json\r\n";
        }
    }
    return text + "\r\n" + std::string(body);
}

int status_of(std::string_view answer) {
    return answer.starts_with("HTTP/1.1 ") ? std::stoi(std::string(answer.substr(9, 3))) : 0;
}

std::string body_of(std::string_view answer) {
    return std::string(answer.substr(answer.find("\r\n\r\n") + 4));
}

bool has_header(std::string_view answer, const std::string& line) {
    return answer.substr(0, answer.find("\r\n\r\n") + 2).find("\r\n" + line + "\r\n") !=
           std::string_view::npos;
}

int status_for(const std::string& text) {
    return status_of(Talk().say(text));
}

int get_with(const std::string& headers, const std::string& listen = "127.0.0.1:9900") {
    return status_of(Talk(listen).say("GET /live HTTP/1.1\r\n" + headers + "\r\n"));
}

// The sentence of an error.
std::string error_for(Talk& talk, const std::string& text, int status) {
    const std::string answer = talk.say(text);
    CHECK(status_of(answer) == status);
    return Json::parse(body_of(answer)).at("error").get<std::string>();
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a request is answered, and the next one on the same connection", "[admin]") {
    Talk talk;
    const std::string live = talk.say(request("GET /live"));
    CHECK(status_of(live) == 200);
    CHECK(body_of(live) == "live\n");
    CHECK(has_header(live, "Content-Length: 5"));
    CHECK(has_header(live, "Cache-Control: no-store"));
    CHECK(has_header(live, "X-Content-Type-Options: nosniff"));
    CHECK_FALSE(talk.is_closed);
    CHECK(status_of(talk.say(request("GET /ready"))) == 200);
}

TEST_CASE("requests that come together are answered in their order", "[admin]") {
    Talk talk;
    const std::string answers = talk.say(request("GET /live") + request("GET /none") + "\r\n" +
                                         request("HEAD /live"));
    const std::size_t second = answers.find("HTTP/1.1 404");
    REQUIRE(second != std::string::npos);
    CHECK(second > answers.find("live\n"));
    const std::size_t third = answers.find("HTTP/1.1 200", second);
    REQUIRE(third != std::string::npos);
    // HEAD has the length of a body, and no body.
    CHECK(has_header(answers.substr(third), "Content-Length: 5"));
    CHECK(body_of(answers.substr(third)).empty());
}

TEST_CASE("a request may come in any pieces", "[admin]") {
    const std::string text = request("POST /api/log-level", "", R"({"level": "debug"})");
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
        Talk talk;
        INFO("cut at " << cut);
        std::string answer = talk.say(std::string_view(text).substr(0, cut));
        CHECK(answer.empty());
        CHECK(talk.conversation.is_inside());
        answer = talk.say(talk.rest + text.substr(cut));
        CHECK(status_of(answer) == 200);
        CHECK_FALSE(talk.conversation.is_inside());
        CHECK(talk.host.done == std::vector<std::string>{"level 1"});
    }
}

TEST_CASE("a body may come in chunks", "[admin]") {
    Talk talk;
    const std::string answer = talk.say(
        "POST /api/log-level HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"lev\r\na\r\nel\":\"off\"}\r\n0\r\n\r\n");
    CHECK(status_of(answer) == 200);
    CHECK(body_of(answer) == "{\"level\":\"off\"}\n");
}

TEST_CASE("a client that expects 100 Continue gets it, unless it is refused", "[admin]") {
    const std::string expects = "Expect: 100-continue\r\n";
    const std::string text = request("POST /api/reopen-log", expects, "{}");
    const std::string head = text.substr(0, text.size() - 2);
    Talk talk;
    CHECK(talk.say(head) == "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(status_of(talk.say("{}")) == 200);
    Talk refused("127.0.0.1:9900", "0123456789abcdef");
    CHECK(status_of(refused.say(head)) == 401);
    CHECK(refused.is_closed);
    CHECK(status_for(request("POST /api/reopen-log", "Expect: a-miracle\r\n", "{}")) == 417);
    Talk complete;
    CHECK(status_of(complete.say(text)) == 200);  // nothing to continue
}

TEST_CASE("the connection ends if the client wants it", "[admin]") {
    Talk talk;
    const std::string answer = talk.say(request("GET /live", "Connection: close\r\n"));
    CHECK(has_header(answer, "Connection: close"));
    CHECK(talk.is_closed);
    Talk old;
    CHECK(status_of(old.say("GET /live HTTP/1.0\r\nHost: localhost\r\n\r\n")) == 200);
    CHECK(old.is_closed);
}

TEST_CASE("what is no HTTP, or too large, ends the connection with a reason", "[admin]") {
    const std::pair<std::string, int> wrong[] = {
        {"hello\r\n\r\n", 400},
        {"GET /live\r\n\r\n", 400},
        {"GET live HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {std::string("GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", 36), 400},
        {"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
         400},
        {"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505},
        {"GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n", 431},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20'000, 'a'), 431},
        {"POST /api/drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n", 413},
        {"\x16\x03\x01\x02\x01\x01", 400},
    };
    for (const auto& [text, status] : wrong) {
        INFO(text.substr(0, 60));
        Talk talk;
        const std::string answer = talk.say(text);
        CHECK(status_of(answer) == status);
        CHECK(has_header(answer, "Connection: close"));
        CHECK(talk.is_closed);
    }
    CHECK(status_of(Conversation::too_slow()) == 408);
}

TEST_CASE("the host's name must be its own", "[admin]") {
    for (const char* own :
         {"localhost", "LOCALHOST:9900", "127.0.0.1", "127.0.0.1:1", "127.1.2.3", "[::1]:9900"}) {
        INFO(own);
        CHECK(get_with("Host: " + std::string(own) + "\r\n") == 200);
    }
    for (const char* foreign :
         {"evil.example", "evil.example:9900", "localhost.evil.example", "127.0.0.1.evil.example",
          "192.0.2.1", "", "[::1", "[localhost]", "localhost:port", "localhost:123456", "0.0.0.0",
          "user@localhost"}) {
        INFO(foreign);
        CHECK(get_with("Host: " + std::string(foreign) + "\r\n") == 403);
    }
    CHECK(get_with("") == 400);
    CHECK(get_with("Host: Admin.Example:80\r\n", "admin.example:9900") == 200);
    CHECK(get_with("Host: 192.0.2.1\r\n", "192.0.2.1:9900") == 200);
    CHECK(get_with("Host: 192.0.2.2\r\n", "192.0.2.1:9900") == 403);
    // On all addresses any address will do, but no name.
    CHECK(get_with("Host: 192.0.2.2\r\n", "0.0.0.0:9900") == 200);
    CHECK(get_with("Host: [2001:db8::1]:9900\r\n", "[::]:9900") == 200);
    CHECK(get_with("Host: evil.example\r\n", "0.0.0.0:9900") == 403);
    // A target with an authority goes before the header.
    CHECK(status_for("GET http://evil.example/live HTTP/1.1\r\nHost: localhost\r\n\r\n") == 403);
    CHECK(status_for("GET http://localhost/live HTTP/1.1\r\nHost: x\r\n\r\n") == 200);
}

TEST_CASE("a page of another origin is refused", "[admin]") {
    const auto with = [](const std::string& origin) {
        return get_with("Host: localhost:9900\r\nOrigin: " + origin + "\r\n");
    };
    CHECK(with("http://localhost:9900") == 200);
    CHECK(with("http://evil.example") == 403);
    CHECK(with("http://localhost:8080") == 403);
    CHECK(with("http://localhost") == 403);
    CHECK(with("null") == 403);
    CHECK(with("") == 403);
}

TEST_CASE("a form of a foreign page cannot post", "[admin]") {
    for (const char* type : {"text/plain", "application/x-www-form-urlencoded",
                             "multipart/form-data", "application/jsonx"}) {
        CHECK(status_for(request("POST /api/drain", "Content-Type: " + std::string(type) + "\r\n",
                                 R"({"all": true})")) == 415);
    }
    CHECK(status_for(request("POST /api/reopen-log",
                             "Content-Type: Application/JSON; charset=utf-8\r\n", "{}")) == 200);
    CHECK(status_for("POST /api/reopen-log HTTP/1.1\r\nHost: localhost\r\n"
                     "Content-Length: 2\r\n\r\n{}") == 415);
}

TEST_CASE("the token is asked for everything but the page and the probes", "[admin]") {
    const std::string token = "0123456789abcdef";
    const auto with = [&](const std::string& path, const std::string& header) {
        return status_of(Talk("0.0.0.0:9900", token).say(request("GET " + path, header)));
    };
    for (const char* open : {"/", "/live", "/ready"}) {
        CHECK(with(open, "") == 200);
    }
    for (const char* closed : {"/metrics", "/api/status", "/api/connections", "/none"}) {
        INFO(closed);
        CHECK(with(closed, "") == 401);
    }
    CHECK(with("/metrics", "Authorization: Bearer " + token + "\r\n") == 200);
    CHECK(with("/metrics", "Authorization: bearer   " + token + "\r\n") == 200);
    for (const std::string& wrong : {token + "0", token.substr(1), std::string(), token + token,
                                     std::string("0123456789abcdeF")}) {
        CHECK(with("/metrics", "Authorization: Bearer " + wrong + "\r\n") == 401);
    }
    CHECK(with("/metrics", "Authorization: Basic " + token + "\r\n") == 401);
    Talk talk("0.0.0.0:9900", token);
    CHECK(has_header(talk.say(request("GET /metrics")),
                     "WWW-Authenticate: Bearer realm=\"portico\""));
    Talk posts("0.0.0.0:9900", token);
    CHECK(status_of(posts.say(request("POST /", "", "{}"))) == 401);
    CHECK(posts.host.done.empty());
}

TEST_CASE("secrets are equal or not", "[admin]") {
    CHECK(admin::equals_secret("abc", "abc"));
    CHECK_FALSE(admin::equals_secret("abd", "abc"));
    CHECK_FALSE(admin::equals_secret("ab", "abc"));
    CHECK_FALSE(admin::equals_secret("abcabc", "abc"));
    CHECK_FALSE(admin::equals_secret("", "abc"));
    CHECK_FALSE(admin::equals_secret("", ""));
    CHECK_FALSE(admin::equals_secret("a", ""));
}

TEST_CASE("each path has its methods", "[admin]") {
    for (const char* path :
         {"/", "/live", "/ready", "/metrics", "/api/status", "/api/connections"}) {
        Talk talk;
        const std::string answer = talk.say(request(std::string("DELETE ") + path));
        CHECK(status_of(answer) == 405);
        CHECK(has_header(answer, "Allow: GET, HEAD"));
    }
    for (const char* path :
         {"/api/drain", "/api/log-level", "/api/reopen-log", "/api/connections/17/close"}) {
        Talk talk;
        const std::string answer = talk.say(request(std::string("GET ") + path));
        CHECK(status_of(answer) == 405);
        CHECK(has_header(answer, "Allow: POST"));
    }
    for (const char* path : {"/none", "/live/", "//", "/api", "/api/connections/17",
                             "/api/connections//close", "/api/connections/1/2/close", "*"}) {
        INFO(path);
        CHECK(status_for(request(std::string("GET ") + path)) == 404);
    }
}

TEST_CASE("the host is ready from its start to its stop", "[admin]") {
    const auto answer = [](admin::HostState state) {
        Talk talk;
        talk.host.now = state;
        CHECK(status_of(talk.say(request("GET /live"))) == 200);
        return status_of(talk.say(request("GET /ready")));
    };
    CHECK(answer(admin::HostState::starting) == 503);
    CHECK(answer(admin::HostState::ready) == 200);
    CHECK(answer(admin::HostState::stopping) == 503);
}

TEST_CASE("the page may run its own script alone", "[admin]") {
    Talk talk;
    const std::string answer = talk.say(request("GET /"));
    CHECK(has_header(answer, "Content-Type: text/html; charset=utf-8"));
    CHECK(has(answer, "\r\nContent-Security-Policy: default-src 'none'; script-src 'sha256-"));
    CHECK(has(body_of(answer), "<script>"));
}

TEST_CASE("the status is JSON by its schema", "[admin]") {
    Talk talk;
    admin::Status& shown = talk.host.shown;
    shown.state = admin::HostState::ready;
    shown.configuration = "C:\\host.json";
    shown.uptime = std::chrono::milliseconds(1'500);
    shown.statistics.backend = "epoll";
    shown.listeners.emplace_back();
    shown.listeners[0].name = "echo";
    shown.listeners[0].state = admin::ListenerState::draining;
    shown.listeners[0].endpoints = {{"echo", "127.0.0.1:5000", 5000, 0}};
    shown.plugins.push_back({"echo", "echo", "1.0", "/p/echo.so", {"serial"}});
    shown.workers.push_back({0, "on_data", "echo", 0x17});
    shown.workers.push_back({1, nullptr, "", 0});
    shown.warnings.push_back({admin::Time(std::chrono::milliseconds(1'250)), base::LogLevel::warn,
                              "echo", 0, "no UTF-8: \xff"});
    const Json status = Json::parse(body_of(talk.say(request("GET /api/status"))));
    CHECK(status.at("schema") == "portico-status");
    CHECK(status.at("host").at("state") == "ready");
    CHECK(status.at("host").at("configuration") == "C:\\host.json");
    CHECK(status.at("host").at("uptime_seconds") == 1.5);
    CHECK(status.at("io").at("backend") == "epoll");
    const Json& listener = status.at("listeners").at(0);
    CHECK(listener.at("state") == "draining");
    CHECK(listener.at("endpoints").at(0).at("port") == 5000);
    CHECK(status.at("plugins").at(0).at("flags").at(0) == "serial");
    CHECK(status.at("workers").at(0).at("callback").at("connection") == "0000000000000017");
    CHECK_FALSE(status.at("workers").at(1).contains("callback"));
    CHECK(status.at("warnings").at(0).at("time") == "1970-01-01T00:00:01.250Z");
    CHECK_FALSE(status.at("warnings").at(0).contains("connection"));
}

TEST_CASE("connections are listed page by page", "[admin]") {
    Talk talk;
    talk.host.page.connections.emplace_back().id = 0x17;
    talk.host.page.next = 200;
    const Json page = Json::parse(
        body_of(talk.say(request("GET /api/connections?listener=ec%68o&limit=7&after=3"))));
    CHECK(talk.host.done == std::vector<std::string>{"connections echo 3 7"});
    CHECK(page.at("connections").at(0).at("id") == "0000000000000017");
    CHECK(page.at("next") == "200");
    const auto answer = [](const std::string& query) {
        return status_for(request("GET /api/connections?" + query));
    };
    CHECK(answer("") == 200);
    CHECK(answer("limit=0") == 400);
    CHECK(answer("limit=1001") == 400);
    CHECK(answer("limit=7x") == 400);
    CHECK(answer("after=-1") == 400);
    CHECK(answer("after=99999999999") == 400);
    CHECK(answer("other=1") == 400);
    CHECK(answer("listener=%zz") == 400);
    CHECK(answer("listener=%6") == 400);
    CHECK(answer("listener=none") == 404);
}

TEST_CASE("a listener is drained, and listens again", "[admin]") {
    Talk talk;
    const auto post = [&](const std::string& body) {
        return talk.say(request("POST /api/drain", "", body));
    };
    CHECK(body_of(post(R"({"listener": "echo"})")) == "{\"listeners\":[\"echo\"]}\n");
    CHECK(body_of(post(R"({"all": true, "undo": true})")) ==
          "{\"listeners\":[\"echo\",\"other\"]}\n");
    CHECK(talk.host.done == std::vector<std::string>{"drain echo", "undo echo", "undo other"});
    CHECK(status_of(post(R"({"listener": "none"})")) == 404);
    CHECK(status_of(post("{}")) == 400);
    CHECK(status_of(post(R"({"listener": "echo", "all": true})")) == 400);
    talk.host.trouble = "the address is in use";
    CHECK(error_for(talk, request("POST /api/drain", "", R"({"listener": "echo", "undo": true})"),
                    409) == "the address is in use");
}

TEST_CASE("a wrong body gets an error that names its place", "[admin]") {
    Talk talk;
    const auto error = [&](const std::string& path, const std::string& body) {
        return error_for(talk, request("POST " + path, "", body), 400);
    };
    CHECK(has(error("/api/drain", ""), "body:1:1: "));
    CHECK(has(error("/api/drain", "{\"all\" true}"), "body:1:8: "));
    CHECK(has(error("/api/drain", "[]"), "found [], expected an object"));
    CHECK(has(error("/api/drain", R"({"listner": "echo"})"),
              R"(body:1: listner: unknown key "listner"; did you mean "listener"?)"));
    CHECK(has(error("/api/drain", R"({"all": 1})"), "all: found 1, expected true or false"));
    CHECK(has(error("/api/drain", R"({"all": true, "all": false})"), "all"));
    CHECK(has(error("/api/log-level", R"({"level": "loud"})"), "level: found \"loud\""));
    CHECK(has(error("/api/log-level", "{}"), "level"));
    CHECK(has(error("/api/reopen-log", R"({"x": 1})"), "unknown key"));
    CHECK(talk.host.done.empty());
}

TEST_CASE("a connection is closed by its id", "[admin]") {
    Talk talk;
    const auto post = [&](const std::string& id, const std::string& body) {
        return status_of(talk.say(request("POST /api/connections/" + id + "/close", "", body)));
    };
    CHECK(post("0000000000000017", "{}") == 202);
    CHECK(post("17", R"({"abort": true})") == 202);
    CHECK(post("18", "{}") == 404);
    CHECK(talk.host.done == std::vector<std::string>{"close 23", "abort 23", "close 24"});
    CHECK(post("xyz", "{}") == 404);
    CHECK(post("0", "{}") == 404);
    CHECK(post("11111111111111111", "{}") == 404);
    CHECK(talk.host.done.size() == 3);
}
