// What an instance is told from create to its end, and what its handle answers afterwards.
#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "integration/service.hpp"
#include "portico/ext/settings.h"

using namespace portico;
using namespace portico::test;

namespace {

std::string contents_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
}

// The errors of a server that is checked, or started, with this one listener. Empty: it is fine.
std::string errors_of(const ListenerSpec& listener, bool starts) {
    Server server;
    server.set_default_plugin_directory(test_plugin_directory());
    REQUIRE(server.configure_text(configuration_of("{}", {listener}, ""), "."));
    const bool is_fine = starts ? server.start() : server.check(false);
    std::string errors;
    for (const std::string& error : server.errors()) {
        errors += error + "\n";
    }
    CHECK(is_fine == errors.empty());
    if (starts && is_fine) {
        server.stop();
        static_cast<void>(server.wait());
    }
    return errors;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// A setup's members, which are the host's only during the call.
struct Seen {
    portico_setup setup{};
    std::string settings;
    std::string listener;

    portico_status note(const portico_setup& given) {
        setup = given;
        settings.assign(given.settings, given.settings_size);
        listener.assign(given.listener_name, given.listener_name_size);
        return PORTICO_OK;
    }
};

}  // namespace

TEST_CASE("create and validate are told the listener's framing, limits and settings", "[setup]") {
    const bool validates = GENERATE(false, true);
    struct Case {
        const char* more;
        std::uint32_t framing;
        std::uint64_t low, message;
    };
    const Case one = GENERATE(
        Case{R"("limits": {"max_send_bytes": 1000, "send_queue_bytes": 5000,
                           "send_queue_low_bytes": 700, "unconsumed_bytes": 3000})",
             PORTICO_FRAMING_NONE, 700, 3'000},
        Case{R"("framing": {"type": "delimiter", "max_bytes": 4711},
                "limits": {"max_send_bytes": 1000, "send_queue_bytes": 5000})",
             PORTICO_FRAMING_DELIMITER, 2'500, 4'711},
        Case{R"("framing": {"type": "length_prefix", "bytes": 2, "max_bytes": 4711},
                "limits": {"max_send_bytes": 1000, "send_queue_bytes": 5000})",
             PORTICO_FRAMING_LENGTH_PREFIX, 2'500, 4'711});
    Script script;
    Seen seen;
    (validates ? script.on_validate : script.on_setup) = [&](const portico_setup& setup) {
        return seen.note(setup);
    };
    CHECK(errors_of({"the-name", "relay#full", one.more, &script}, !validates).empty());
    CHECK(seen.setup.struct_size == sizeof(portico_setup));
    CHECK(seen.setup.mode == (validates ? PORTICO_SETUP_VALIDATE : PORTICO_SETUP_CREATE));
    CHECK(seen.setup.framing == one.framing);
    CHECK(seen.setup.max_send_bytes == 1'000);
    CHECK(seen.setup.send_high_bytes == 5'000);
    CHECK(seen.setup.send_low_bytes == one.low);
    CHECK(seen.setup.max_message_bytes == one.message);
    CHECK(seen.setup.worker_count >= 1);
    CHECK(seen.listener == "the-name");
    CHECK(contains(seen.settings, "\"script\""));
    CHECK(script.creates == (validates ? 0 : 1));
    CHECK(script.violations() == "");
}

TEST_CASE("create is told its own table, and every worker_index is below worker_count", "[setup]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#full", "relay#serial", "relay#blocking");
    Script script;
    std::atomic<std::uint32_t> count{0};
    std::atomic<std::uint32_t> highest{0};
    script.on_setup = [&](const portico_setup& setup) {
        count = setup.worker_count;
        const std::string name(setup.plugin->name, setup.plugin->name_size);
        return "relay#" + name == plugin ? PORTICO_OK : PORTICO_ERROR;
    };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        const std::uint32_t index = script.host()->worker_index(script.instance());
        std::uint32_t most = highest;
        while (index > most && !highest.compare_exchange_weak(most, index)) {
        }
        consumed = data.size();
        return script.send(line, data);
    };
    TestServer server(io_of(ports), {{"x", plugin, R"("blocking_threads": 3)", &script}});
    std::vector<Peer> peers;
    for (int i = 0; i < 12; ++i) {
        peers.push_back(server.connect("x"));
        REQUIRE(echoes(peers.back(), "hello"));
    }
    CHECK(highest < count);
}

TEST_CASE("a plugin is refused on a listener whose framing it cannot serve", "[setup]") {
    const bool starts = GENERATE(false, true);
    const std::array<std::pair<const char*, const char*>, 3> framings{{
        {"none", ""},
        {"delimiter", R"("framing": {"type": "delimiter"})"},
        {"length_prefix", R"("framing": {"type": "length_prefix", "bytes": 2})"},
    }};
    const std::array<std::pair<const char*, const char*>, 5> plugins{{
        {"relay#full", "none delimiter length_prefix"},
        {"relay#unframed", "none"},
        {"relay#delimited", "delimiter"},
        {"relay#prefixed", "length_prefix"},
        {"relay#framed", "delimiter length_prefix"},
    }};
    for (const auto& [plugin, serves] : plugins) {
        for (const auto& [framing, more] : framings) {
            INFO(plugin << " on a listener with framing " << framing);
            Script script;
            const std::string errors = errors_of({"x", plugin, more, &script}, starts);
            if (contains(serves, framing)) {
                CHECK(errors == "");
                CHECK(script.creates == (starts ? 1 : 0));
            } else {
                CHECK(contains(errors, "framing"));
                CHECK(contains(errors, "\"x\""));
                CHECK(script.creates == 0);
            }
        }
    }
}

TEST_CASE("hints that the host does not know do not refuse a plugin; unknown flags do", "[setup]") {
    const bool starts = GENERATE(false, true);
    Script script;
    CHECK(errors_of({"x", "relay#hinting", "", &script}, starts) == "");
    CHECK(contains(errors_of({"x", "bad_unknown_flag", ""}, starts), "unknown flags"));
}

TEST_CASE("a plugin's log line names its listener and connection; a stale one does no harm",
          "[setup]") {
    const std::string name = "log_with_connection.log";
    const std::string file = Server::program_directory() + "/" + name;
    std::remove(file.c_str());
    char number[32];
    {
        Script script;
        const auto log = [&](portico_connection connection, const std::string& text) {
            script.host()->log(script.instance(), connection, PORTICO_LOG_WARN, text.data(),
                               text.size());
        };
        script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                             std::uint64_t& consumed) {
            consumed = data.size();
            log(line.handle, "from its callback");
            log(0, "without a connection");
            return PORTICO_OK;
        };
        script.on_close = [&](Line& line, const portico_closed&) {
            log(line.handle, "at its end");
        };
        TestServer server(io_of("per_core"), {{"x", "relay#full", "", &script}},
                          R"("log": {"level": "warn", "file": ")" + name + "\"}");
        Peer peer = server.connect("x");
        REQUIRE(peer.send_all("hello"));
        REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->offers == 1; }));
        std::snprintf(number, sizeof number, "conn=%llx ",
                      static_cast<unsigned long long>(script.line(0)->handle));
        peer.close();
        REQUIRE(eventually([&] { return script.closed == 1; }));
        log(script.line(0)->handle, "after its end");
        log(UINT64_MAX, "of no connection");
    }
    const std::string text = contents_of(file);
    INFO(text);
    for (const char* line : {"from its callback", "at its end", "after its end"}) {
        CHECK(contains(text, std::string("listener=x ") + number + line));
    }
    CHECK(contains(text, "listener=x without a connection"));
    CHECK(contains(text, "of no connection"));
    std::remove(file.c_str());
}

TEST_CASE("on_stop comes once, before the first on_drain, with the stop's deadline", "[setup]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#full", "relay#serial", "relay#blocking");
    const bool fails = GENERATE(false, true);
    Script script;
    std::atomic<std::uint64_t> told_ns{0};
    std::atomic<bool> is_inside{false};
    script.on_stop = [&](const portico_draining& draining) -> portico_status {
        is_inside = true;
        told_ns = draining.deadline_ns;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        is_inside = false;
        return fails ? PORTICO_ERROR : PORTICO_OK;
    };
    script.on_drain = [&](Line& line, const portico_draining& draining) {
        if (is_inside || script.stops != 1 || draining.deadline_ns != told_ns) {
            script.violated("on_drain before on_stop has returned, or with another deadline");
        }
        return script.close(line);
    };
    TestServer server(io_of(ports), {{"x", plugin, "", &script}},
                      R"("shutdown": {"drain_ms": 20000})");
    std::vector<Peer> peers;
    for (int i = 0; i < 10; ++i) {
        peers.push_back(server.connect("x"));
    }
    REQUIRE(eventually([&] { return script.opened == 10; }));
    CHECK(script.stops == 0);
    const std::uint64_t before = script.host()->now(script.instance());
    CHECK(server.stop().connections_cut == 0);
    CHECK(script.stops == 1);
    CHECK(script.drains == 10);
    CHECK(told_ns >= before + 19'000'000'000);
    CHECK(told_ns <= before + 21'000'000'000);
}

TEST_CASE("connections that are open still serve during on_stop", "[setup]") {
    Script script;
    std::atomic<bool> is_served{false};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        return script.send(line, data);
    };
    script.on_stop = [&](const portico_draining&) {
        return eventually([&] { return is_served.load(); }) ? PORTICO_OK : PORTICO_ERROR;
    };
    TestServer server(io_of("shared"), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(echoes(peer, "before"));
    std::thread stopper([&] { static_cast<void>(server.stop()); });
    CHECK(eventually([&] { return script.stops == 1; }));
    CHECK(echoes(peer, "meanwhile"));
    CHECK(script.drains == 0);
    is_served = true;
    stopper.join();
    CHECK(script.drains == 1);
}

TEST_CASE("an instance without connections is told of the stop too", "[setup]") {
    const std::string ports = ANY_PORTS();
    Script script;
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    static_cast<void>(server.stop());
    CHECK(script.stops == 1);
    CHECK(script.destroys == 1);
}

TEST_CASE("parts are sent as one message, in order, all or none", "[setup]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        const portico_host& host = *script.host();
        portico_instance* self = script.instance();
        const portico_part part{"x", 1};
        const portico_part nothing{nullptr, 0};
        const portico_part wrong{nullptr, 1};
        const auto answers = [&](const portico_part& first, std::uint32_t count,
                                 std::uint32_t stride) {
            return host.send_parts(self, line.handle, &first, count, stride);
        };
        if (answers(part, 0, sizeof part) != PORTICO_INVALID ||
            answers(part, PORTICO_PARTS_MAX + 1, sizeof part) != PORTICO_INVALID ||
            answers(part, 1, sizeof part - 8) != PORTICO_INVALID ||
            answers(part, 1, sizeof part + 4) != PORTICO_INVALID ||
            answers(wrong, 1, sizeof part) != PORTICO_INVALID ||
            answers(nothing, 1, sizeof part) != PORTICO_OK ||
            script.send_parts(line, {std::string(600, 'a'), std::string(401, 'b')}) !=
                PORTICO_TOO_LARGE) {
            script.violated("send_parts answers wrongly");
        }
        // a larger structure of a later version
        struct {
            portico_part part;
            std::uint64_t more;
        } large[] = {{{"la", 2}, 1}, {{nullptr, 0}, 2}, {{"ter", 3}, 3}};
        if (host.send_parts(self, line.handle, &large[0].part, 3, sizeof large[0]) != PORTICO_OK) {
            script.violated("a larger stride");
        }
        std::vector<std::string_view> many(1'000, "m");
        return script.send_parts(line, many);
    };
    TestServer server(io_of(ports),
                      {{"x", "relay#full", R"("limits": {"max_send_bytes": 1000})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("go"));
    CHECK(peer.receive_exactly(1'005) == "later" + std::string(1'000, 'm'));
}

TEST_CASE("no other thread's bytes come between the parts of one call", "[setup]") {
    const std::string ports = ANY_PORTS();
    Script script;
    TestServer server(io_of(ports), {{"x", "relay#full",
                                      R"("limits": {"send_queue_bytes": 67108864})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(eventually([&] { return script.opened == 1; }));
    Line& line = *script.line(0);
    constexpr int threads_count = 3;
    constexpr int messages = 2'000;
    std::vector<std::thread> threads;
    for (int t = 0; t < threads_count; ++t) {
        threads.emplace_back([&, t] {
            const std::string letter(1, static_cast<char>('a' + t));
            for (int i = 0; i < messages; ++i) {
                if (script.send_parts(line, {letter, letter, letter, letter}) != PORTICO_OK) {
                    script.violated("send_parts");
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    const std::string all = peer.receive_exactly(std::size_t{threads_count} * messages * 4);
    REQUIRE(all.size() == std::size_t{threads_count} * messages * 4);
    int torn = 0;
    for (std::size_t at = 0; at < all.size(); at += 4) {
        torn += all.substr(at, 4) != std::string(4, all[at]) ? 1 : 0;
    }
    CHECK(torn == 0);
}

TEST_CASE("after destroy every function answers GONE, from a thread that goes on", "[setup]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#full", "relay#serial", "relay#blocking");
    const std::string name = "after_destroy_" + ports + ".log";
    const std::string file = Server::program_directory() + "/" + name;
    std::remove(file.c_str());
    Script script;
    std::atomic<bool> is_over{false};  // destroy has returned
    std::atomic<std::uint64_t> rounds{0};
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<portico_connection> connection{0};
    std::thread thread;
    const auto round = [&] {
        const bool must_be_gone = is_over;  // before the calls
        const portico_host& host = *script.host();
        portico_instance* self = script.instance();
        const portico_connection handle = connection;
        const auto never = [](void*, portico_connection, void*, void*, portico_status) {};
        const portico_part part{"x", 1};
        portico_connection_info info{};
        info.struct_size = sizeof info;
        for (const portico_status status :
             {host.send(self, handle, "x", 1), host.send_parts(self, handle, &part, 1, sizeof part),
              host.pause_reading(self, handle), host.resume_reading(self, handle),
              host.post(self, handle, never, nullptr), host.post_instance(self, never, nullptr),
              host.info(self, handle, &info)}) {
            wrong += must_be_gone && status != PORTICO_GONE ? 1 : 0;
        }
        wrong += host.now(self) == 0 ? 1 : 0;
        wrong += host.worker_index(self) != UINT32_MAX ? 1 : 0;
        if (must_be_gone) {
            wrong += host.finish_sending(self, handle) != PORTICO_GONE ? 1 : 0;
            wrong += host.close(self, handle, PORTICO_CLOSE_ABORT) != PORTICO_GONE ? 1 : 0;
            wrong += host.get_extension(self, PORTICO_EXT_SETTINGS,
                                        sizeof PORTICO_EXT_SETTINGS - 1) != nullptr
                         ? 1
                         : 0;
            host.log(self, handle, PORTICO_LOG_ERROR, "a voice from the grave", 22);
        }
        ++rounds;
    };
    {
        TestServer server(io_of(ports), {{"x", plugin, "", &script}},
                          R"("log": {"level": "warn", "file": ")" + name + "\"}");
        Peer peer = server.connect("x");
        REQUIRE(eventually([&] { return script.opened == 1; }));
        connection = script.line(0)->handle;
        thread = std::thread([&] {
            while (!is_over || rounds < 1'000) {
                round();
            }
            const std::uint64_t last = rounds + 100;
            while (rounds < last) {
                round();
            }
        });
        CHECK(eventually([&] { return rounds > 100; }));
        peer.close();
        static_cast<void>(server.stop());
        is_over = true;
        thread.join();
    }
    CHECK(wrong == 0);
    CHECK(script.destroys == 1);
    CHECK_FALSE(contains(contents_of(file), "grave"));
    std::remove(file.c_str());
}

TEST_CASE("the handle that validate was given answers GONE afterwards", "[setup]") {
    Script script;
    Seen seen;
    script.on_validate = [&](const portico_setup& setup) { return seen.note(setup); };
    CHECK(errors_of({"x", "relay#full", "", &script}, false) == "");
    const portico_host& host = *seen.setup.host;
    CHECK(host.send(seen.setup.instance, 1, "x", 1) == PORTICO_GONE);
    CHECK(host.get_extension(seen.setup.instance, PORTICO_EXT_SETTINGS,
                             sizeof PORTICO_EXT_SETTINGS - 1) == nullptr);
    CHECK(host.worker_index(seen.setup.instance) == UINT32_MAX);
    CHECK(host.now(seen.setup.instance) != 0);
    host.log(seen.setup.instance, 0, PORTICO_LOG_ERROR, "x", 1);
}
