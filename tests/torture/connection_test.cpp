// Connections while each allocation of a worker (or of the thread that calls in) fails in turn: one
// connection is lost at most, and one line says so; the others go on, the next one is served, the
// server stops with nothing on loan.
#include <sstream>

#include "integration/service.hpp"
#include "torture/scenario.hpp"

using namespace portico;
using namespace portico::test;

namespace {

// The threads of a server with one port for one thread, in the order in which they are made.
constexpr std::uint32_t caller = 0;
constexpr std::uint32_t log_thread = 1;
constexpr std::uint32_t worker = 2;

const std::string one_port = R"({"ports": "per_core", "threads": 1, "receive_buffer_bytes": 1024})";
const std::string log_lines = R"("log": {"level": "info"})";
// Timers, a queue that holds a long message, and framing, so that what comes in pieces is kept.
const std::string framed = R"("framing": {"type": "delimiter", "max_bytes": 1000000}, )"
                           R"("limits": {"idle_timeout_ms": 60000})";

// The access line of a connection that was lost says why as well, and is no warning.
std::size_t warnings_of_memory(const std::string& text) {
    std::istringstream lines(text);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) {
        count += line.find(" warn ") != std::string::npos &&
                         line.find("out of memory") != std::string::npos
                     ? 1
                     : 0;
    }
    return count;
}

// Longer than a chunk of the pools: kept and sent from the heap.
const std::string& long_message() {
    static const std::string message = std::string(100'000, 'x') + "\n";
    return message;
}

// A connection's life: a message in pieces, a long one, the end. What came back.
std::string talk(const TestServer& server) {
    Peer peer;
    std::string back;
    if (!peer.connect(server.address("echo"))) {
        return back;
    }
    static_cast<void>(peer.send_all("he") && peer.send_all("llo\n"));
    back = peer.receive_exactly(6);
    if (back.size() == 6) {
        Sender sender(peer, long_message());
        back += peer.receive_exactly(long_message().size());
        peer.finish_sending();
    }
    return back;
}

// `warm`: another connection was there before, so the pools have memory already; it must not notice
// anything.
bool connects(std::uint64_t n, Failing how, bool warm) {
    const CaughtErrors lines;
    bool has_failed = false;
    bool lost = false;
    {
        number_threads();
        TestServer server(one_port, {{"echo", "echo", framed}}, log_lines);
        Peer other;
        if (warm) {
            other = server.connect("echo");
            REQUIRE(echoes(other, "before\n"));
        }
        FailingCalls failing(worker, n, how);
        const std::string back = talk(server);
        failing.stop();
        has_failed = failing.has_failed();

        const std::string whole = "hello\n" + long_message();
        lost = back != whole;
        CHECK(whole.compare(0, back.size(), back) == 0);
        CHECK((!lost || has_failed));
        if (warm) {
            CHECK(echoes(other, "after\n"));
            other.close();
        }
        CHECK(talk(server) == whole);
        CHECK(server.comes_to_rest());
        CHECK(server.stop().connections_cut == 0);
    }
    const std::string text = lines.text();
    INFO(text);
    CHECK(count_of(text, " stopped") == 1);
    if (how == Failing::once) {
        CHECK(warnings_of_memory(text) <= 1);
    }
    if (lost) {
        CHECK(count_of(text, "out of memory") >= 1);
    }
    return has_failed;
}

}  // namespace

TEST_CASE("without memory the first connection is lost at most, with one line", "[connection]") {
    CHECK(torture([&](std::uint64_t n) { return connects(n, Failing::once, false); }) >= 8);
}

TEST_CASE("without memory a connection beside others is lost at most, with one line",
          "[connection]") {
    CHECK(torture([&](std::uint64_t n) { return connects(n, Failing::once, true); }) >= 5);
}

// Not the first one: if there never was a buffer, a receive waits for memory, and its client with
// it.
TEST_CASE("while memory is out a connection is lost, and those that were there go on afterwards",
          "[connection]") {
    CHECK(torture([&](std::uint64_t n) { return connects(n, Failing::onward, true); }) >= 5);
}

TEST_CASE("a line of the log that memory is short for is lost and counted", "[connection]") {
    const std::string text(1'000, 'l');  // more than is formatted without the heap
    const std::uint32_t thread = GENERATE(caller, log_thread);
    INFO((thread == caller ? "the thread that logs" : "the log's thread"));
    const std::size_t failed = torture([&](std::uint64_t n) {
        const CaughtErrors lines;
        bool has_failed = false;
        {
            number_threads();
            Script script;
            TestServer server(one_port, {{"relay", "relay#full", "", &script}}, log_lines);
            const auto log = [&] {
                script.host()->log(script.instance(), 0, PORTICO_LOG_INFO, text.data(),
                                   text.size());
            };
            FailingCalls failing(thread, n, Failing::once);
            log();
            if (thread == caller) {
                failing.stop();
            }
            // Whatever has become of it, the log's thread is done with it when the next line comes.
            script.host()->log(script.instance(), 0, PORTICO_LOG_INFO, "short", 5);
            REQUIRE(eventually([&] { return count_of(lines.text(), "short\n") == 1; }));
            failing.stop();
            has_failed = failing.has_failed();
            log();
        }
        const std::string written = lines.text();
        CHECK(count_of(written, text) == (has_failed ? 1 : 2));
        CHECK(count_of(written, "1 lines of the log were dropped: out of memory") ==
              (has_failed ? 1 : 0));
        return has_failed;
    });
    // The line is made by the thread that logs; the log's thread needs no memory for it.
    CHECK((failed >= 1) == (thread == caller));
}

TEST_CASE("calls from other threads answer that memory is out, and change nothing then",
          "[connection]") {
    static std::atomic<int> posted{0};
    const auto count = [](void*, portico_connection, void*, void*, portico_status) { ++posted; };
    const std::size_t failed = torture([&](std::uint64_t n) {
        posted = 0;
        int refused = 0;
        Script script;
        TestServer server(one_port, {{"relay", "relay#full", "", &script}});
        Peer peer = server.connect("relay");
        REQUIRE(eventually([&] { return script.opened == 1; }));
        Line& line = *script.line(0);
        const auto succeeds = [&](auto&& call) {
            portico_status status = call();
            if (status == PORTICO_NO_MEMORY) {
                ++refused;
                status = call();
            }
            return status == PORTICO_OK;
        };
        FailingCalls failing(caller, n, Failing::once);
        portico_connection_info info{};
        info.struct_size = sizeof info;
        const bool all = succeeds([&] { return script.info(line.handle, info); }) &&
                         succeeds([&] { return script.pause(line); }) &&
                         succeeds([&] { return script.resume(line); }) &&
                         succeeds([&] { return script.post(line, count, nullptr); }) &&
                         succeeds([&] { return script.post_instance(count, nullptr); }) &&
                         succeeds([&] { return script.send(line, "one"); }) &&
                         succeeds([&] { return script.send(line, "two"); }) &&
                         succeeds([&] { return script.close(line); });
        failing.stop();
        CHECK(all);
        CHECK(refused == (failing.has_failed() ? 1 : 0));
        Peer::Outcome outcome = Peer::Outcome::failed;
        CHECK(peer.receive_to_end(outcome) == "onetwo");
        CHECK(outcome == Peer::Outcome::end);
        peer.close();
        CHECK(server.comes_to_rest());
        CHECK(posted == 2);
        return failing.has_failed();
    });
    CHECK(failed >= 7);
}

TEST_CASE("a call's mail that memory is short for where it arrives closes its connection",
          "[connection]") {
    // Longer than what is left in the queue's chunk, so that the worker allocates as well.
    const std::string message(200'000, 'm');
    const std::size_t failed = torture([&](std::uint64_t n) {
        const CaughtErrors lines;
        bool has_failed = false;
        bool lost = false;
        {
            number_threads();
            Script script;
            TestServer server(
                one_port,
                {{"relay", "relay#full", R"("limits": {"send_queue_bytes": 1000000})", &script}},
                log_lines);
            Peer peer = server.connect("relay");
            REQUIRE(eventually([&] { return script.opened == 1; }));
            FailingCalls failing(worker, n, Failing::once);
            CHECK(script.send(*script.line(0), message) == PORTICO_OK);
            const std::string got = peer.receive_exactly(message.size());
            failing.stop();
            has_failed = failing.has_failed();
            lost = got != message;
            CHECK((!lost || has_failed));
            peer.close();
            CHECK(server.comes_to_rest());
            if (lost) {
                const portico_closed& closed = script.line(0)->closed;
                CHECK(closed.reason == PORTICO_REASON_NO_MEMORY);
                CHECK(closed.status == PORTICO_OK);
                CHECK(closed.native_error == 0);
                CHECK(closed.sent_bytes + closed.unsent_bytes >= message.size());
            }
        }
        CHECK(warnings_of_memory(lines.text()) == (lost ? 1 : 0));
        return has_failed;
    });
    CHECK(failed >= 1);
}

TEST_CASE("a stop without memory stops all the same", "[connection]") {
    const std::uint32_t thread = GENERATE(caller, worker);
    INFO((thread == caller ? "the thread that stops" : "the worker"));
    const std::size_t failed = torture([&](std::uint64_t n) {
        const CaughtErrors lines;
        number_threads();
        Script script;
        // an error ends the connection as well
        script.on_drain = [&](Line& line, const portico_draining&) { return script.close(line); };
        TestServer server(
            one_port, {{"echo", "echo", framed}, {"relay", "relay#full", "", &script}}, log_lines);
        Peer idle = server.connect("echo");
        REQUIRE(echoes(idle, "idle\n"));
        Peer other = server.connect("relay");
        REQUIRE(eventually([&] { return script.opened == 1; }));
        FailingCalls failing(thread, n, Failing::once);
        const StopResult result = server.stop();
        failing.stop();
        // a connection that could not be told at once is told a little later
        CHECK(result.connections_cut == 0);
        return failing.has_failed();
    });
    if (thread == caller) {
        CHECK(failed >= 4);
    }
}
