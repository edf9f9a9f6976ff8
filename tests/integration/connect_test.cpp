// Outbound connections: the extension portico.connect on every kind of port and of instance. The
// upstreams answer, refuse, stall, reset and end one side. Each connect that was accepted has
// exactly one on_close, whatever happens.
#include <algorithm>
#include <thread>

#include "integration/outbound.hpp"
#include "integration/service.hpp"
#include "io/socket.hpp"
#include "portico/ext/connections.h"
#include "portico/ext/send_owned.h"
#include "portico/ext/timer.h"
#include "support/loopback.hpp"

using namespace portico;
using namespace portico::test;

namespace {

using Out = Outbound::Line;

constexpr const char* plugins[] = {"relay#full", "relay#serial", "relay#blocking"};

// A second server, to which the plugin connects. It echoes unless its script says otherwise.
class Upstream {
public:
    explicit Upstream(const std::string& ports)
        : server_((echo(script), io_of(ports)), {{"upstream", "relay#full", "", &script}}) {}

    [[nodiscard]] std::string address() const { return io::to_string(server_.address("upstream")); }
    StopResult stop() { return server_.stop(); }
    [[nodiscard]] bool comes_to_rest() const { return server_.comes_to_rest(); }

    Script script;

private:
    static void echo(Script& script) {
        script.on_data = [&script](test::Line& line, std::string_view data, const portico_frame&,
                                   std::uint64_t& consumed) {
            consumed = data.size();
            return script.send(line, data);
        };
    }
    TestServer server_;
};

// A port at which nobody listens, and nobody else can.
class Refusing {
public:
    Refusing() { REQUIRE(socket_.open_for_connect(io::Address::Family::v4, loopback())); }
    [[nodiscard]] std::string address() const { return io::to_string(socket_.local_address()); }

private:
    io::Socket socket_;
};

// A listener that accepts nothing. The first connections wait in its backlog and look connected;
// the others get no answer (Windows: they are refused).
class Stalling {
public:
    Stalling() { REQUIRE(socket_.listen(loopback(), 0)); }
    [[nodiscard]] std::string address() const { return io::to_string(socket_.local_address()); }

private:
    io::Socket socket_;
};

std::string upstreams(const std::string& address, const std::string& more = "") {
    return R"("upstreams": {"backend": {"address": ")" + address + '"' + more + "}}";
}

const Outbound::To backend{"backend", "", 0, 0};

// Calls `function` on the instance's strand, and waits until it has returned.
void run_posted(const Script& script, std::function<void()> function) {
    struct Call {
        std::function<void()> function;
        std::atomic<bool> is_done{false};
    } call{std::move(function), {}};
    const auto posted = [](void*, portico_connection, void*, void* argument, portico_status) {
        static_cast<Call*>(argument)->function();
        static_cast<Call*>(argument)->is_done = true;
    };
    REQUIRE(script.post_instance(posted, &call) == PORTICO_OK);
    REQUIRE(eventually([&] { return call.is_done.load(); }));
}

}  // namespace

TEST_CASE("an outbound connection opens, talks and closes", "[connect]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    const bool by_name = GENERATE(true, false);
    Upstream upstream(ports);
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports), {{"l", plugin, upstreams(upstream.address()), &script}});
    Out& line = outbound.make();
    line.on_open = [&](Out& its) { return outbound.send(its, "first"); };
    line.on_data = [&](Out& its, std::string_view) {
        return its.received == 5 ? outbound.close(its) : PORTICO_OK;
    };
    REQUIRE(
        outbound.connect(line, by_name ? backend : Outbound::To{"", upstream.address(), 0, 0}) ==
        PORTICO_OK);
    REQUIRE(eventually([&] { return line.closes == 1; }));
    CHECK(line.opens == 1);
    CHECK(line.text == "first");
    CHECK(line.closed.reason == PORTICO_REASON_PLUGIN);
    CHECK(line.closed.sent_bytes == 5);
    CHECK(line.closed.received_bytes == 5);
    CHECK(line.closed.unsent_bytes == 0);
    CHECK(script.opened == 0);  // the plugin's own callbacks know nothing of it
    CHECK(server.comes_to_rest());
    CHECK(server.statistics().outbound_begun == 1);
}

TEST_CASE("what is sent before the connection is made goes out first, and in order", "[connect]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Upstream upstream(ports);
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports), {{"l", plugin, upstreams(upstream.address()), &script}});
    Out& line = outbound.make();
    line.on_open = [&](Out& its) { return outbound.send(its, "|"); };
    std::string bytes = pattern(0, 100'000);
    std::replace(bytes.begin(), bytes.end(), '|', '/');
    run_posted(script, [&] {
        static_cast<void>(outbound.connect(line, backend));
        for (std::size_t at = 0; at < bytes.size(); at += 1'000) {
            if (outbound.send(line, std::string_view(bytes).substr(at, 1'000)) != PORTICO_OK) {
                script.violated("a send on a connection that connects is refused");
            }
        }
        static_cast<void>(outbound.post(line));
    });
    REQUIRE(eventually([&] { return line.received == bytes.size() + 1; }));
    REQUIRE(outbound.close(line) == PORTICO_OK);
    REQUIRE(eventually([&] { return line.closes == 1; }));
    line.text.erase(line.text.find('|'), 1);  // on_open may come between the sends
    CHECK(line.text == bytes);
    CHECK(line.posts == 1);
    CHECK(server.comes_to_rest());
}

TEST_CASE("a refused connect ends with CONNECT_FAILED and without on_open", "[connect]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    const Refusing refusing;
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports), {{"l", plugin, upstreams(refusing.address()), &script}});
    Out& line = outbound.make();
    bool was_sent = false;
    bool was_posted = false;
    run_posted(script, [&] {
        static_cast<void>(outbound.connect(line, backend));
        // (On another thread it may have failed already.)
        was_sent = outbound.send(line, "lost") == PORTICO_OK;
        was_posted = outbound.post(line) == PORTICO_OK;
    });
    REQUIRE(eventually([&] { return line.closes == 1; }));
    CHECK(line.opens == 0);
    CHECK(line.posts == (was_posted ? 1 : 0));
    CHECK(line.closed.reason == PORTICO_REASON_CONNECT_FAILED);
    CHECK(line.closed.native_error != 0);
    CHECK(line.closed.sent_bytes == 0);
    CHECK(line.closed.unsent_bytes == (was_sent ? 4 : 0));
    CHECK(server.comes_to_rest());
}

TEST_CASE("a connect without an answer ends with CONNECT_TIMEOUT", "[connect]") {
    const std::string ports = ANY_PORTS();
    const bool by_configuration = GENERATE(true, false);
    const Stalling stalling;
    Script script;
    Outbound outbound(script);
    TestServer server(
        io_of(ports),
        {{"l", "relay#full",
          upstreams(stalling.address(), R"(, "connect_timeout_ms": )" +
                                            std::string(by_configuration ? "300" : "60000")),
          &script}});
    std::vector<Out*> lines;
    for (int i = 0; i < 6; ++i) {
        lines.push_back(&outbound.make());
        Outbound::To to = backend;
        to.timeout_ms = by_configuration ? 0 : 300;
        REQUIRE(outbound.connect(*lines.back(), to) == PORTICO_OK);
    }
    REQUIRE(eventually([&] {
        return std::all_of(lines.begin(), lines.end(),
                           [](Out* line) { return line->opens == 1 || line->closes == 1; });
    }));
    std::size_t timed_out = 0;
    for (Out* line : lines) {
        if (line->opens == 1) {
            REQUIRE(outbound.close(*line, PORTICO_CLOSE_ABORT) == PORTICO_OK);
        }
        REQUIRE(eventually([&] { return line->closes == 1; }));
        timed_out += line->closed.reason == PORTICO_REASON_CONNECT_TIMEOUT ? 1 : 0;
    }
    CHECK((timed_out >= 3 || (on_windows && !is_wine())));
    CHECK(server.comes_to_rest());
}

TEST_CASE("a connection may be closed before it is made", "[connect]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    const std::uint32_t how = GENERATE(PORTICO_CLOSE_GRACEFUL, PORTICO_CLOSE_ABORT);
    const bool from_strand = GENERATE(true, false);
    Upstream upstream(ports);
    const Stalling stalling;
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports), {{"l", plugin, upstreams(upstream.address()), &script}});
    for (const std::string& address : {upstream.address(), stalling.address()}) {
        for (int i = 0; i < 4; ++i) {
            Out& line = outbound.make();
            const auto connect_and_close = [&] {
                if (outbound.connect(line, {"", address, 60'000, 0}) != PORTICO_OK ||
                    outbound.close(line, how) != PORTICO_OK) {
                    script.violated("a connection that connects cannot be closed");
                }
            };
            if (from_strand) {
                run_posted(script, connect_and_close);
            } else {
                connect_and_close();
            }
            REQUIRE(eventually([&] { return line.closes == 1; }));
            CHECK(line.closed.reason == PORTICO_REASON_PLUGIN);
        }
    }
    CHECK(server.comes_to_rest());
}

TEST_CASE("a graceful close before the connection is made still delivers what was sent",
          "[connect]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Upstream upstream(ports);
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports), {{"l", plugin, upstreams(upstream.address()), &script}});
    Out& line = outbound.make();
    run_posted(script, [&] {
        static_cast<void>(outbound.connect(line, backend));
        static_cast<void>(outbound.send(line, "so long"));
        static_cast<void>(outbound.close(line));
    });
    REQUIRE(eventually([&] { return line.closes == 1; }));
    CHECK(line.closed.reason == PORTICO_REASON_PLUGIN);
    CHECK(line.closed.sent_bytes == 7);
    REQUIRE(eventually([&] {
        return upstream.script.line(0) != nullptr && upstream.script.line(0)->accepted == 7;
    }));
    CHECK(server.comes_to_rest());
}

TEST_CASE("an upstream's limit of connections refuses one more, until one ends", "[connect]") {
    const std::string ports = ANY_PORTS();
    Upstream upstream(ports);
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports),
                      {{"l", "relay#full",
                        R"("limits": {"connections": 1}, )" +
                            upstreams(upstream.address(), R"(, "limits": {"connections": 2})"),
                        &script}});
    Out& first = outbound.connected(backend);
    Out& second = outbound.connected(backend);
    Out& third = outbound.make();
    CHECK(outbound.connect(third, backend) == PORTICO_LIMIT);
    // Without an upstream it takes a place of the listener, as an accepted connection does.
    Out& unnamed = outbound.connected({"", upstream.address(), 0, 0});
    CHECK(outbound.connect(third, {"", upstream.address(), 0, 0}) == PORTICO_LIMIT);
    CHECK(third.handle == 0);
    REQUIRE(eventually([&] { return unnamed.opens == 1; }));
    Peer waiting = server.connect("l");
    CHECK(script.opened == 0);
    REQUIRE(outbound.close(unnamed) == PORTICO_OK);
    REQUIRE(eventually([&] { return script.opened == 1; }));
    waiting.close();

    REQUIRE(outbound.close(first) == PORTICO_OK);
    REQUIRE(eventually([&] { return outbound.connect(third, backend) == PORTICO_OK; }));
    REQUIRE(outbound.close(second) == PORTICO_OK);
    REQUIRE(outbound.close(third) == PORTICO_OK);
    CHECK(server.comes_to_rest());
}

TEST_CASE("an upstream has a framing and limits of its own", "[connect]") {
    const std::string ports = ANY_PORTS();
    Upstream upstream(ports);
    Script script;
    Outbound outbound(script);
    TestServer server(
        io_of(ports),
        {{"l", "relay#full",
          upstreams(upstream.address(), R"(, "framing": {"type": "delimiter", "max_bytes": 10},
             "limits": {"max_send_bytes": 20, "send_queue_bytes": 64})"),
          &script}});
    Out& line = outbound.make();
    std::vector<std::string> messages;
    line.on_data = [&](Out&, std::string_view message) {
        messages.emplace_back(message);
        return PORTICO_OK;
    };
    run_posted(script, [&] {
        static_cast<void>(outbound.connect(line, backend));
        portico_status status = PORTICO_OK;
        if (outbound.send(line, std::string(21, 'x')) != PORTICO_TOO_LARGE) {
            script.violated("the upstream's max_send_bytes does not count");
        }
        for (int i = 0; i < 10 && status == PORTICO_OK; ++i) {
            status = outbound.send(line, "a\nbc\n");
        }
        if (status != PORTICO_OK && status != PORTICO_WOULD_BLOCK) {
            script.violated("the upstream's send_queue_bytes does not count");
        }
    });
    REQUIRE(eventually([&] { return line.received >= 5; }));
    REQUIRE(eventually([&] { return outbound.send(line, "0123456789a\n") == PORTICO_OK; }));
    REQUIRE(eventually([&] { return line.closes == 1; }));
    CHECK(line.closed.reason == PORTICO_REASON_FRAME);
    REQUIRE(messages.size() >= 2);
    CHECK(messages[0] == "a\n");
    CHECK(messages[1] == "bc\n");
    CHECK(server.comes_to_rest());
}

TEST_CASE("an upstream that resets or ends its side is noticed", "[connect]") {
    const std::string ports = ANY_PORTS();
    const bool resets = GENERATE(true, false);
    Upstream upstream(ports);
    upstream.script.on_data = [&](test::Line& line, std::string_view data, const portico_frame&,
                                  std::uint64_t& consumed) {
        consumed = data.size();
        return data == "again" ? upstream.script.close(line)
               : resets        ? upstream.script.close(line, PORTICO_CLOSE_ABORT)
                               : upstream.script.finish_sending(line);
    };
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports), {{"l", "relay#full", upstreams(upstream.address()), &script}});
    Out& line = outbound.make();
    line.on_end = [&](Out& its) {
        // This side still sends.
        return outbound.send(its, "again") == PORTICO_OK ? outbound.close(its) : PORTICO_ERROR;
    };
    REQUIRE(outbound.connect(line, backend) == PORTICO_OK);
    REQUIRE(outbound.send(line, "once") == PORTICO_OK);
    REQUIRE(eventually([&] { return line.closes == 1; }));
    CHECK(line.opens == 1);
    CHECK(line.ends == (resets ? 0U : 1U));
    CHECK(line.closed.reason == (resets ? PORTICO_REASON_RESET : PORTICO_REASON_PLUGIN));
    CHECK(line.closed.sent_bytes == (resets ? 4U : 9U));
    CHECK(server.comes_to_rest());
}

TEST_CASE("on_close may connect again, beside the connection that closes", "[connect]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    const Refusing refusing;
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports), {{"l", plugin, upstreams(refusing.address()), &script}});
    std::atomic<int> tries{0};
    std::function<void(Out&)> again = [&](Out& line) {
        if (++tries < 5) {
            Out& next = outbound.make();
            next.on_close = again;
            if (outbound.connect(next, {"backend", "", 0, line.handle}) != PORTICO_OK) {
                script.violated("connect in on_close is refused");
            }
        }
    };
    Out& line = outbound.make();
    line.on_close = again;
    REQUIRE(outbound.connect(line, backend) == PORTICO_OK);
    REQUIRE(eventually([&] { return outbound.closed == 5; }));
    CHECK(server.comes_to_rest());
}

TEST_CASE("threads of the plugin connect at once", "[connect]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Upstream upstream(ports);
    const Refusing refusing;
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports), {{"l", plugin, upstreams(upstream.address()), &script}});
    constexpr int threads = 4;
    const int each = sanitized ? 10 : 50;
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) {
        running.emplace_back([&, i] {
            for (int n = 0; n < each; ++n) {
                Out& line = outbound.make();
                line.on_data = [&](Out& its, std::string_view) {
                    return its.received == 4 ? outbound.close(its) : PORTICO_OK;
                };
                const bool is_refused = (i + n) % 4 == 0;
                if (outbound.connect(line, is_refused ? Outbound::To{"", refusing.address(), 0, 0}
                                                      : backend) != PORTICO_OK) {
                    script.violated("connect from a thread is refused");
                }
                if ((i + n) % 4 == 1) {
                    static_cast<void>(outbound.close(line, PORTICO_CLOSE_ABORT));
                } else {
                    static_cast<void>(outbound.send(line, "ping"));
                }
            }
        });
    }
    for (std::thread& thread : running) {
        thread.join();
    }
    REQUIRE(eventually([&] { return outbound.closed == threads * each; }));
    CHECK(server.statistics().outbound_begun == threads * each);
    CHECK(server.comes_to_rest());
    CHECK(upstream.comes_to_rest());
}

TEST_CASE("what a connect may not be is refused, and nothing happens", "[connect]") {
    const std::string ports = ANY_PORTS();
    Upstream upstream(ports);
    Script script;
    Script other;
    Outbound outbound(script);
    Outbound others(other);
    Out& early = outbound.make();
    portico_status in_create = PORTICO_OK;
    script.on_create = [&](Script&) {
        in_create = outbound.connect(early, backend);
        return PORTICO_OK;
    };
    const portico_host* host = nullptr;
    portico_instance* instance = nullptr;
    const portico_connect* table = nullptr;
    portico_target target{};
    portico_connection made = 0;
    {
        TestServer server(io_of(ports),
                          {{"l", "relay#full", upstreams(upstream.address()), &script},
                           {"m", "relay#serial", "", &other}});
        CHECK(in_create == PORTICO_UNSUPPORTED);
        Out& line = outbound.make();
        CHECK(outbound.connect(line, {"nobody", "", 0, 0}) == PORTICO_NOT_FOUND);
        CHECK(others.connect(line, backend) == PORTICO_NOT_FOUND);
        CHECK(outbound.connect(line, {}) == PORTICO_INVALID);
        CHECK(outbound.connect(line, {"backend", upstream.address(), 0, 0}) == PORTICO_INVALID);
        for (const char* text : {"localhost:1", "127.0.0.1", "127.0.0.1:0", "::1:1", "x", "a:b"}) {
            INFO(text);
            CHECK(outbound.connect(line, {"", text, 0, 0}) == PORTICO_INVALID);
        }
        // Another instance's connection is none of this one's.
        Out& foreign = others.connected({"", upstream.address(), 0, 0});
        REQUIRE(eventually([&] { return foreign.opens == 1; }));
        CHECK(outbound.connect(line, {"backend", "", 0, foreign.handle}) == PORTICO_GONE);
        CHECK(outbound.connect(line, {"backend", "", 0, 12'345}) == PORTICO_GONE);
        CHECK(script.send_to(foreign.handle, "x") == PORTICO_GONE);
        CHECK(script.host()->close(script.instance(), foreign.handle, PORTICO_CLOSE_ABORT) ==
              PORTICO_GONE);
        CHECK(others.send(foreign, "x") == PORTICO_OK);
        REQUIRE(eventually([&] { return foreign.received == 1; }));

        portico_callbacks callbacks = Outbound::callbacks();
        target.struct_size = sizeof target;
        target.upstream = "backend";
        target.upstream_size = 7;
        target.state = &line;
        host = script.host();
        instance = script.instance();
        table = &outbound.table();
        CHECK(table->connect(instance, nullptr, &made) == PORTICO_INVALID);
        CHECK(table->connect(instance, &target, &made) == PORTICO_INVALID);  // no callbacks
        target.callbacks = &callbacks;
        CHECK(table->connect(instance, &target, nullptr) == PORTICO_INVALID);
        callbacks.on_data = nullptr;
        CHECK(table->connect(instance, &target, &made) == PORTICO_INVALID);
        callbacks = Outbound::callbacks();
        callbacks.reserved = 1;
        CHECK(table->connect(instance, &target, &made) == PORTICO_INVALID);
        callbacks.reserved = 0;
        target.struct_size = 8;
        CHECK(table->connect(instance, &target, &made) == PORTICO_INVALID);
        target.struct_size = sizeof target;
        target.callbacks = &Outbound::callbacks();
        CHECK(line.closes == 0);
        CHECK(made == 0);
        CHECK(outbound.accepted == 0);
        CHECK(server.statistics().outbound_begun == 1);
        REQUIRE(others.close(foreign) == PORTICO_OK);
    }
    CHECK(table->connect(instance, &target, &made) == PORTICO_GONE);
    CHECK(host->now(instance) != 0);
}

TEST_CASE("on_open may refuse an outbound connection, whose on_close follows", "[connect]") {
    const std::string ports = ANY_PORTS();
    const portico_status answer = GENERATE(PORTICO_REFUSED, PORTICO_GONE, -12'345);
    Upstream upstream(ports);
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports), {{"l", "relay#full", upstreams(upstream.address()), &script}});
    Out& line = outbound.make();
    line.on_open = [&](Out&) { return answer; };
    REQUIRE(outbound.connect(line, backend) == PORTICO_OK);
    REQUIRE(eventually([&] { return line.closes == 1; }));
    CHECK(line.closed.reason == PORTICO_REASON_PLUGIN_ERROR);
    CHECK(line.closed.status == answer);
    CHECK(server.comes_to_rest());
}

TEST_CASE("a connection lives on the worker of the one that it was made beside", "[connect]") {
    const std::string ports = ANY_PORTS();
    Upstream upstream(ports);
    Script script;
    Outbound outbound(script);
    std::atomic<std::uint32_t> workers[4]{};
    script.on_open = [&](test::Line& line) {
        workers[line.number] = script.host()->worker_index(script.instance());
        return PORTICO_OK;
    };
    TestServer server(io_of(ports, ports == "shared" ? 1 : 2),
                      {{"l", "relay#full", upstreams(upstream.address()), &script}});
    std::vector<Peer> peers;
    for (std::uint64_t i = 0; i < 4; ++i) {
        peers.push_back(server.connect("l"));
        REQUIRE(eventually([&] { return script.opened == i + 1; }));
    }
    for (std::uint64_t i = 0; i < 4; ++i) {
        Out& line = outbound.connected({"backend", "", 0, script.line(i)->handle});
        REQUIRE(eventually([&] { return line.opens == 1; }));
        CHECK(line.worker == workers[i]);
        REQUIRE(outbound.close(line) == PORTICO_OK);
    }
    REQUIRE(eventually([&] { return outbound.closed == 4; }));
}

TEST_CASE("timers and owned sends of a connection that is never made end with it", "[connect]") {
    const std::string ports = ANY_PORTS();
    const Stalling stalling;
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports), {{"l", "relay#full", "", &script}});
    static constexpr std::string_view timer_id = PORTICO_EXT_TIMER;
    static constexpr std::string_view owned_id = PORTICO_EXT_SEND_OWNED;
    const auto& timers = *static_cast<const portico_timers*>(
        script.host()->get_extension(script.instance(), timer_id.data(), timer_id.size()));
    const auto& owned = *static_cast<const portico_send_owned*>(
        script.host()->get_extension(script.instance(), owned_id.data(), owned_id.size()));
    struct Ends {
        std::atomic<int> fired{0};
        std::atomic<int> closing{0};
        std::atomic<int> released{0};
    } ends;
    const auto fired = [](void*, portico_connection, void*, void* argument,
                          const portico_timer_event* event) {
        ++(event->status == PORTICO_OK ? static_cast<Ends*>(argument)->fired
                                       : static_cast<Ends*>(argument)->closing);
    };
    const auto released = [](void*, portico_connection, void*, void* argument,
                             portico_status status) {
        static_cast<Ends*>(argument)->released += status == PORTICO_CLOSING ? 1 : 1'000;
    };
    // The backlog is full after some of these.
    std::vector<Out*> fillers;
    for (int i = 0; i < 4; ++i) {
        fillers.push_back(&outbound.connected({"", stalling.address(), 60'000, 0}));
    }
    Out& line = outbound.connected({"", stalling.address(), 60'000, 0});
    REQUIRE(timers.start(script.instance(), line.handle, 1, 0, fired, &ends, nullptr) ==
            PORTICO_OK);
    REQUIRE(timers.start(script.instance(), line.handle, 3'600'000, 0, fired, &ends, nullptr) ==
            PORTICO_OK);
    const std::string bytes(100'000, 'x');
    const portico_part part{bytes.data(), bytes.size()};
    REQUIRE(owned.send(script.instance(), line.handle, &part, 1, sizeof part, released, &ends) ==
            PORTICO_OK);
    REQUIRE(eventually([&] { return ends.fired == 1; }));
    CHECK((line.opens == 0 || on_windows));
    REQUIRE(outbound.close(line, PORTICO_CLOSE_ABORT) == PORTICO_OK);
    REQUIRE(eventually([&] { return line.closes == 1; }));
    CHECK(ends.closing == 1);
    CHECK((ends.released == 1 || line.opens == 1));
    for (Out* filler : fillers) {
        REQUIRE(outbound.close(*filler, PORTICO_CLOSE_ABORT) == PORTICO_OK);
    }
    REQUIRE(eventually([&] { return outbound.closed == outbound.accepted; }));
    CHECK(server.comes_to_rest());
}

TEST_CASE("a stop ends connections that connect or are connected, and waits for none",
          "[connect]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Upstream upstream(ports);
    const Stalling stalling;
    Script script;
    Outbound outbound(script);
    std::vector<Out*> lines;
    {
        TestServer server(io_of(ports), {{"l", plugin, upstreams(upstream.address()), &script}},
                          R"("shutdown": {"drain_ms": 30000})");
        for (int i = 0; i < 6; ++i) {
            lines.push_back(&outbound.connected({"", stalling.address(), 60'000, 0}));
            lines.push_back(&outbound.connected(backend));
        }
        REQUIRE(eventually([&] { return lines[1]->opens == 1; }));
        const auto before = std::chrono::steady_clock::now();
        CHECK(server.stop().connections_cut == 0);
        CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(20));
    }
    for (Out* line : lines) {
        CHECK(line->closes == 1);
        CHECK((line->closed.reason == PORTICO_REASON_DRAIN || on_windows));
    }
}

TEST_CASE("in a stop outbound connections live as long as an accepted one", "[connect]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Upstream upstream(ports);
    Script script;
    Outbound outbound(script);
    std::atomic<bool> drains{false};
    script.on_drain = [&](test::Line&, const portico_draining&) {
        drains = true;
        return PORTICO_OK;
    };
    Out& line = outbound.make();
    Out& late = outbound.make();
    Out& last = outbound.make();
    std::atomic<portico_status> in_last_close{PORTICO_OK};
    script.on_close = [&](test::Line&, const portico_closed&) {
        // The last accepted connection still may connect, and what it sends arrives.
        if (outbound.connect(late, backend) != PORTICO_OK ||
            outbound.send(late, "bye") != PORTICO_OK) {
            script.violated("the last accepted connection cannot connect any more");
        }
    };
    late.on_close = [&](Out&) { in_last_close = outbound.connect(last, backend); };
    auto server = std::make_unique<TestServer>(
        io_of(ports),
        std::vector<ListenerSpec>{{"l", plugin, upstreams(upstream.address()), &script}},
        R"("shutdown": {"drain_ms": 60000})");
    Peer peer = server->connect("l");
    REQUIRE(outbound.connect(line, backend) == PORTICO_OK);
    REQUIRE(eventually([&] { return line.opens == 1 && script.opened == 1; }));
    std::thread stopping([&] { static_cast<void>(server->stop()); });
    REQUIRE(eventually([&] { return drains.load(); }));
    // It is used during the drain, and is not closed.
    REQUIRE(outbound.send(line, "during") == PORTICO_OK);
    CHECK(eventually([&] { return line.received == 6; }));
    CHECK(line.closes == 0);
    CHECK(script.close(*script.line(0)) == PORTICO_OK);
    peer.close();
    stopping.join();
    CHECK(line.closed.reason == PORTICO_REASON_DRAIN);
    CHECK(late.closes == 1);
    CHECK(late.closed.sent_bytes == 3);
    CHECK(in_last_close == PORTICO_GONE);
    CHECK(last.closes == 0);
    server.reset();
    CHECK(outbound.closed == outbound.accepted);
}

TEST_CASE("the deadline of a stop cuts outbound connections as well", "[connect]") {
    const std::string ports = ANY_PORTS();
    Upstream upstream(ports);
    Script script;
    Outbound outbound(script);
    script.on_drain = [](test::Line&, const portico_draining&) { return PORTICO_OK; };
    TestServer server(io_of(ports), {{"l", "relay#full", upstreams(upstream.address()), &script}},
                      R"("shutdown": {"drain_ms": 200})");
    Peer peer = server.connect("l");
    Out& line = outbound.connected(backend);
    REQUIRE(eventually([&] { return line.opens == 1 && script.opened == 1; }));
    CHECK(server.stop().connections_cut == 2);
    CHECK(line.closed.reason == PORTICO_REASON_DRAIN_DEADLINE);
    CHECK(script.line(0)->reason == PORTICO_REASON_DRAIN_DEADLINE);
}

TEST_CASE("the header of the PROXY protocol comes before all that is sent", "[connect]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    const bool is_for_client = GENERATE(true, false);
    Upstream upstream(ports);
    Script script;
    Outbound outbound(script);
    TestServer server(
        io_of(ports),
        {{"l", plugin, upstreams(upstream.address(), R"(, "send_proxy": "v1")"), &script}});
    Peer peer = server.connect("l");
    REQUIRE(eventually([&] { return script.opened == 1; }));
    portico_connection_info client{};
    client.struct_size = sizeof client;
    REQUIRE(script.info(script.line(0)->handle, client) == PORTICO_OK);
    std::string header = "PROXY UNKNOWN\r\n";
    Outbound::To to = backend;
    if (is_for_client) {
        to.beside = script.line(0)->handle;
        header = "PROXY TCP4 127.0.0.1 127.0.0.1 " + std::to_string(client.peer.port) + " " +
                 std::to_string(client.local.port) + "\r\n";
    }
    Out& line = outbound.make();
    line.on_open = [&](Out& its) { return outbound.send(its, "third"); };
    const std::size_t all = header.size() + 16;
    line.on_data = [&](Out& its, std::string_view) {
        return its.received == all ? outbound.close(its) : PORTICO_OK;
    };
    run_posted(script, [&] {
        // From the callback's thread, and before the connection is made.
        if (outbound.connect(line, to) != PORTICO_OK ||
            outbound.send(line, "first") != PORTICO_OK) {
            script.violated("it cannot be connected, or not be sent to");
        }
    });
    static_cast<void>(outbound.send(line, "second"));
    REQUIRE(eventually([&] { return line.closes == 1; }));
    CHECK(line.text.substr(0, header.size()) == header);
    CHECK(line.text.size() == all);
    // (on_open may come between the sends, or before them.)
    CHECK(line.text.find("third") != std::string::npos);
    CHECK(line.text.find("first") < line.text.find("second"));
    CHECK(line.text.find("second") != std::string::npos);
    CHECK(line.closed.sent_bytes == all);
    CHECK(line.closed.unsent_bytes == 0);
}

TEST_CASE("a header is not counted if the connection is never made", "[connect]") {
    const std::string ports = ANY_PORTS();
    const Refusing refusing;
    Script script;
    Outbound outbound(script);
    TestServer server(
        io_of(ports),
        {{"l", "relay#full", upstreams(refusing.address(), R"(, "send_proxy": "v2")"), &script}});
    Out& line = outbound.connected(backend);
    REQUIRE(eventually([&] { return line.closes == 1; }));
    CHECK(line.closed.reason == PORTICO_REASON_CONNECT_FAILED);
    CHECK(line.closed.sent_bytes == 0);
    CHECK(line.closed.unsent_bytes == 0);
    CHECK(server.comes_to_rest());
}

TEST_CASE("a plugin can ask what an upstream is, also in create", "[connect]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Outbound outbound(script);
    portico_upstream found{};
    std::atomic<portico_status> in_create{1};
    script.on_create = [&](Script& its) {
        found.struct_size = sizeof found;
        in_create = outbound.table().find(its.instance(), "backend", 7, &found);
        return PORTICO_OK;
    };
    TestServer server(io_of(ports),
                      {{"l", "relay#full", upstreams("127.0.0.1:1", R"(, "connect_timeout_ms": 7,
                     "framing": {"type": "delimiter", "max_bytes": 99},
                     "limits": {"connections": 3, "send_queue_bytes": 1000,
                                "max_send_bytes": 11})"),
                        &script}});
    CHECK(in_create == PORTICO_OK);
    CHECK(found.struct_size == sizeof found);
    CHECK(found.framing == PORTICO_FRAMING_DELIMITER);
    CHECK(found.max_send_bytes == 11);
    CHECK(found.send_high_bytes == 1'000);
    CHECK(found.send_low_bytes == 500);
    CHECK(found.max_message_bytes == 99);
    CHECK(found.connections_max == 3);
    CHECK(found.connect_timeout_ms == 7);
    const portico_connect& table = outbound.table();
    CHECK(table.find(script.instance(), "back", 4, &found) == PORTICO_NOT_FOUND);
    CHECK(table.find(script.instance(), nullptr, 4, &found) == PORTICO_INVALID);
    CHECK(table.find(script.instance(), "backend", 7, nullptr) == PORTICO_INVALID);
    found.struct_size = 7;
    CHECK(table.find(script.instance(), "backend", 7, &found) == PORTICO_INVALID);
    found = {};
    found.struct_size = 8;  // of an older header
    CHECK(table.find(script.instance(), "backend", 7, &found) == PORTICO_OK);
    CHECK(found.framing == PORTICO_FRAMING_DELIMITER);
    CHECK(found.max_send_bytes == 0);
}

TEST_CASE("a broadcast reaches an outbound connection only in a group that it has joined",
          "[connect][groups]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Upstream upstream(ports);
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports), {{"l", plugin, upstreams(upstream.address()), &script}});
    static constexpr std::string_view id = PORTICO_EXT_CONNECTIONS;
    const auto& groups = *static_cast<const portico_connections*>(
        script.host()->get_extension(script.instance(), id.data(), id.size()));
    Peer peer = server.connect("l");
    REQUIRE(eventually([&] { return script.opened == 1; }));
    Out& line = outbound.make();
    REQUIRE(outbound.connect(line, backend) == PORTICO_OK);
    const auto broadcast = [&](std::uint64_t group, std::string_view text) {
        const portico_part part{text.data(), text.size()};
        return groups.broadcast(script.instance(), group, 0, &part, 1, sizeof part,
                                PORTICO_WHEN_FULL_SKIP);
    };
    // Perhaps it is not connected yet.
    REQUIRE(groups.join(script.instance(), line.handle, 5) == PORTICO_OK);
    REQUIRE(broadcast(0, "for clients") == PORTICO_OK);
    REQUIRE(broadcast(5, "for members") == PORTICO_OK);
    CHECK(peer.receive_exactly(11) == "for clients");
    REQUIRE(eventually([&] { return line.received == 11; }));
    portico_connection all[4];
    std::uint64_t cursor = 0;
    std::uint32_t count = 0;
    REQUIRE(groups.list(script.instance(), &cursor, all, 4, &count) == PORTICO_OK);
    CHECK(count == 1);
    CHECK(all[0] == script.line(0)->handle);
    REQUIRE(outbound.close(line) == PORTICO_OK);
    REQUIRE(eventually([&] { return line.closes == 1; }));
    CHECK(line.text == "for members");
    // It has left its group with its end.
    REQUIRE(broadcast(5, "for nobody") == PORTICO_OK);
    peer.close();
    CHECK(server.comes_to_rest());
}
