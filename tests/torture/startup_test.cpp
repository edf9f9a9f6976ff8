// Starting and checking a server while each allocation, and each start of a thread, fails in turn:
// a clear line in errors(), nothing left behind, and the same server starts when memory is back.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>

#include "integration/service.hpp"
#include "torture/scenario.hpp"

using namespace portico;
using namespace portico::test;

namespace {

const char* text_of(Failing how) {
    return how == Failing::once ? "once" : "from then on";
}

// echo framed, ack at two addresses, and a plugin that defines metrics; two ports, a log file.
std::string configuration() {
    const std::string log = "\"log\": {\"level\": \"info\", \"file\": \"" +
                            Server::program_directory() + "/torture_startup.log\"}";
    return configuration_of(
        "{\"ports\": \"per_core\", \"threads\": 2}",
        {{"echo", "echo",
          "\"framing\": {\"type\": \"delimiter\"}, \"settings\": {\"print\": false}"},
         {"ack", "ack", "\"settings\": {\"reply\": \"Good day to you\", \"close_after\": false}",
          nullptr, R"(["127.0.0.1:0", "127.0.0.1:0"])"},
         {"metrics", "metrics", ""}},
        log);
}

io::Address address_of(const Server& server, std::size_t endpoint) {
    io::Address address;
    address.family = io::Address::Family::v4;
    address.bytes = {127, 0, 0, 1};
    address.port = server.endpoints().at(endpoint).port;
    return address;
}

void serves_and_stops(Server& server) {
    {
        Peer peer;
        REQUIRE(peer.connect(address_of(server, 0)));
        CHECK(echoes(peer, "hello\n"));
        Peer other;
        REQUIRE(other.connect(address_of(server, 1)));
        CHECK(other.send_all("x"));
        CHECK(other.receive_exactly(15) == "Good day to you");
    }
    // a stop waits a moment for an idle client
    REQUIRE(eventually([&] { return server.statistics().connections_open == 0; }));
    server.stop();
    CHECK(server.wait().connections_cut == 0);
}

void has_clear_errors(const Server& server) {
    REQUIRE(server.errors().size() >= 1);
    for (const std::string& error : server.errors()) {
        INFO(error);
        CHECK(is_about_memory(error));
        CHECK(error.find('\n') == std::string::npos);
    }
}

// A start that fails at call n, and a start after it that does not.
bool starts(std::uint64_t n, Failing how, const std::string& text) {
    const CaughtErrors lines;
    Server server;
    server.set_default_plugin_directory(test_plugin_directory());
    const std::string directory = Server::program_directory();
    Holdings before = holdings();

    FailingCalls failing(0, n, how);
    bool configured = server.configure_text(text, directory);
    bool started = configured && server.start();
    failing.stop();

    if (!configured || !started) {
        has_clear_errors(server);
        const Holdings now = holdings();
        CHECK(now.descriptors == before.descriptors);
        CHECK(has_threads(1));
        REQUIRE((configured || server.configure_text(text, directory)));
        REQUIRE(server.start());
    }
    serves_and_stops(server);
    return failing.has_failed();
}

}  // namespace

TEST_CASE("a start without memory says so, leaves nothing, and can be repeated", "[startup]") {
    const auto how = GENERATE(Failing::once, Failing::onward);
    INFO(text_of(how));
    const std::string text = configuration();
    const std::size_t failed = torture([&](std::uint64_t n) { return starts(n, how, text); });
    CHECK(failed > 100);
}

TEST_CASE("a configuration file that memory is short for is told from one that is wrong",
          "[startup]") {
    const std::string file = Server::program_directory() + "/torture_startup.json";
    std::ofstream(file) << configuration();
    const std::size_t failed = torture([&](std::uint64_t n) {
        Server server;
        FailingCalls failing(0, n, Failing::once);
        const bool configured = server.configure_file(file);
        failing.stop();
        if (!configured) {
            has_clear_errors(server);
        }
        CHECK(server.configure_file(file));
        return failing.has_failed();
    });
    CHECK(failed > 100);
    std::filesystem::remove(file);
}

TEST_CASE("mistakes are told or memory is, never half of a mistake", "[startup]") {
    const std::string text = R"({"listeners": [{"name": "a b", "listen": 7, "plugin": "echo", )"
                             R"("framing": {"type": "delimitr"}}], "io": {"thread": 1}, "io": {}})";
    Server reference;
    REQUIRE_FALSE(reference.configure_text(text, "/"));
    const std::vector<std::string> mistakes = reference.errors();
    REQUIRE(mistakes.size() >= 4);
    const std::size_t failed = torture([&](std::uint64_t n) {
        Server server;
        FailingCalls failing(0, n, Failing::once);
        CHECK_FALSE(server.configure_text(text, "/"));
        failing.stop();
        if (server.errors() != mistakes) {
            has_clear_errors(server);
        }
        return failing.has_failed();
    });
    CHECK(failed > 50);
}

TEST_CASE("a check without memory says so, and reads each setting by the rules", "[startup]") {
    // What settings.so does not read is reported; what it reads is checked.
    const std::string text = configuration_of(
        io_of("per_core"),
        {{"good", "settings",
          R"("settings": {"loud": true, "count": 3, )"
          R"("text": "a text that is longer than a short string"})"},
         {"bad", "settings", R"("settings": {"loud": true, "cuont": 3})"}},
        "");
    const std::size_t failed = torture([&](std::uint64_t n) {
        const CaughtErrors lines;
        Server server;
        server.set_default_plugin_directory(test_plugin_directory());
        REQUIRE(server.configure_text(text, Server::program_directory()));
        FailingCalls failing(0, n, Failing::once);
        const bool fine = server.check(true);
        failing.stop();
        CHECK_FALSE(fine);
        REQUIRE(server.errors().size() >= 1);
        if (!is_about_memory(server.errors().front())) {
            REQUIRE(server.errors().size() == 1);
            CHECK(server.errors().front().find("did you mean \"count\"?") != std::string::npos);
        }
        return failing.has_failed();
    });
    CHECK(failed > 100);
}

TEST_CASE("a plugin that is not there is told, or memory is", "[startup]") {
    const std::string text = configuration_of(
        io_of("per_core"), {{"a", "missing", ""}, {"b", "bad_no_entry", ""}}, "");
    const std::size_t failed = torture([&](std::uint64_t n) {
        Server server;
        server.set_default_plugin_directory(test_plugin_directory());
        REQUIRE(server.configure_text(text, Server::program_directory()));
        FailingCalls failing(0, n, Failing::once);
        CHECK_FALSE(server.start());
        failing.stop();
        REQUIRE(server.errors().size() >= 1);
        for (const std::string& error : server.errors()) {
            INFO(error);
            CHECK((is_about_memory(error) || error.find("not found") != std::string::npos ||
                   error.find("not a Portico plugin") != std::string::npos));
        }
        return failing.has_failed();
    });
    CHECK(failed > 50);
}

TEST_CASE("a server that memory is short for is not made", "[startup]") {
    const std::size_t failed = torture([&](std::uint64_t n) {
        FailingCalls failing(0, n, Failing::once);
        std::unique_ptr<Server> server;
        bool threw = false;
        try {
            server = std::make_unique<Server>();
        } catch (const std::bad_alloc&) {
            threw = true;
        }
        failing.stop();
        CHECK((server != nullptr) != threw);
        return failing.has_failed();
    });
    CHECK(failed >= 2);
}
