// Blocking work: the extension portico.executor on every kind of port and of instance. Each piece
// is done once, on a thread that is no worker, and its end is told once, on the strand it should be
// on.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>

#include "integration/service.hpp"

#include "portico/ext/executor.h"

using namespace portico;
using namespace portico::test;

namespace {

using std::chrono::milliseconds;

// All work of a test, and what happened to it.
class Works {
public:
    struct Work {
        Works* works = nullptr;
        std::function<void(Work&)> on_work;
        std::function<void(Work&, portico_status)> on_done;
        portico_connection connection = 0;
        // Written on the helper thread, read in the end's callback.
        bool has_worked = false;
        std::atomic<std::uint32_t> ends{0};
        std::atomic<portico_status> status{1};
        std::atomic<bool> had_state{false};
    };

    explicit Works(Script& script) : script_(script) {}

    [[nodiscard]] const portico_executor* table() const {
        return script_.extension<portico_executor>(PORTICO_EXT_EXECUTOR);
    }
    Work& make(std::function<void(Work&)> on_work = {},
               std::function<void(Work&, portico_status)> on_done = {}) {
        const std::scoped_lock lock(mutex_);
        Work& made = all_.emplace_back();
        made.works = this;
        made.on_work = std::move(on_work);
        made.on_done = std::move(on_done);
        return made;
    }
    // For the connection, or (0) for the instance.
    portico_status run(Work& work, portico_connection connection) {
        work.connection = connection;
        const portico_status status = table()->run(script_.instance(), connection, on_work, on_done,
                                                   &work);
        given += status == PORTICO_OK ? 1 : 0;
        return status;
    }

    std::atomic<std::uint64_t> given{0};
    std::atomic<std::uint64_t> ended{0};
    std::atomic<std::uint32_t> inside{0};  // work that runs now
    std::atomic<std::uint32_t> inside_max{0};

private:
    static void PORTICO_CALL on_work(void*, void* argument) {
        auto& work = *static_cast<Work*>(argument);
        Works& works = *work.works;
        const std::uint32_t now = ++works.inside;
        std::uint32_t most = works.inside_max;
        while (most < now && !works.inside_max.compare_exchange_weak(most, now)) {
        }
        if (works.script_.host()->worker_index(works.script_.instance()) != UINT32_MAX) {
            works.script_.violated("work runs on a worker");
        }
        if (work.on_work) {
            work.on_work(work);
        }
        work.has_worked = true;
        --works.inside;
    }
    static void PORTICO_CALL on_done(void*, portico_connection connection, void* state,
                                     void* argument, portico_status status) {
        auto& work = *static_cast<Work*>(argument);
        Works& works = *work.works;
        auto* line = static_cast<Line*>(state);
        if (!work.has_worked || ++work.ends != 1) {
            works.script_.violated("the end of a work is told early or twice");
        }
        if (connection != work.connection ||
            (line != nullptr && (line->handle != connection || line->closes != 0))) {
            works.script_.violated("the end of a work is told to another connection, or too late");
        }
        if ((line != nullptr) != (status == PORTICO_OK && connection != 0)) {
            works.script_.violated("the end of a work has a state, or none");
        }
        if (works.script_.host()->worker_index(works.script_.instance()) == UINT32_MAX) {
            works.script_.violated("the end of a work is not told on a worker");
        }
        if (line != nullptr && line->inside.fetch_add(1) != 0) {
            works.script_.violated("the end of a work beside a callback of its connection");
        }
        work.status = status;
        work.had_state = line != nullptr;
        if (work.on_done) {
            work.on_done(work, status);
        }
        if (line != nullptr) {
            line->inside.fetch_sub(1);
        }
        ++works.ended;
    }

    Script& script_;
    std::mutex mutex_;
    std::deque<Work> all_;
};

// Lets work wait until the test opens it.
class Gate {
public:
    void pass() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return is_open_; });
    }
    void open() {
        const std::scoped_lock lock(mutex_);
        is_open_ = true;
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_open_ = false;
};

// Made after the server, so that a test that fails does not leave its work waiting.
class OpensAtEnd {
public:
    explicit OpensAtEnd(Gate& gate) : gate_(gate) {}
    ~OpensAtEnd() { gate_.open(); }
    OpensAtEnd(const OpensAtEnd&) = delete;
    OpensAtEnd& operator=(const OpensAtEnd&) = delete;

private:
    Gate& gate_;
};

constexpr const char* plugins[] = {"relay#full", "relay#serial", "relay#blocking"};

#ifdef __linux__
// How many threads of this process have the name of helper threads.
std::size_t helper_threads() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string name;
        std::ifstream(entry.path() / "comm") >> name;
        count += name.rfind("portico-exec-", 0) == 0 ? 1 : 0;
    }
    return count;
}
#endif

}  // namespace

TEST_CASE("work waits on a helper thread, and its result comes to the connection", "[executor]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Works works(script);
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        line.text = "found " + std::string(data);
        return works.run(
            works.make([](Works::Work&) { std::this_thread::sleep_for(milliseconds(5)); },
                       [&](Works::Work&, portico_status status) {
                           if (status == PORTICO_OK) {
                               static_cast<void>(script.send(line, line.text));
                           }
                       }),
            line.handle);
    };
    TestServer server(io_of(ports), {{"x", plugin, "", &script}});
    Peer peer = server.connect("x");
    for (const std::string name : {"a", "b", "c"}) {
        REQUIRE(peer.send_all(name));
        REQUIRE(peer.receive_exactly(7) == "found " + name);
    }
    CHECK(works.given == 3);
    CHECK(eventually([&] { return works.ended == 3; }));
}

TEST_CASE("what work sends comes before what its end sends", "[executor]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Works works(script);
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        return works.run(
            works.make([&](Works::Work&) { static_cast<void>(script.send_to(line.handle, "1")); },
                       [&](Works::Work&, portico_status) {
                           static_cast<void>(script.send_to(line.handle, "2"));
                       }),
            line.handle);
    };
    TestServer server(io_of(ports), {{"x", plugin, "", &script}});
    Peer peer = server.connect("x");
    for (int i = 0; i < 50; ++i) {
        REQUIRE(peer.send_all("x"));
        REQUIRE(peer.receive_exactly(2) == "12");
    }
}

TEST_CASE("so much work runs at once as there are threads; what the queue cannot hold is refused",
          "[executor]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Works works(script);
    Gate gate;
    TestServer server(io_of(ports), {{"x", "relay#full",
                                      R"("executor_threads": 3, "executor_queue": 5)", &script}});
    const OpensAtEnd opens(gate);
    const auto waits = [&](Works::Work&) { gate.pass(); };
    for (int i = 0; i < 8; ++i) {
        REQUIRE(works.run(works.make(waits), 0) == PORTICO_OK);
    }
    CHECK(works.run(works.make(waits), 0) == PORTICO_LIMIT);
    CHECK(eventually([&] { return works.inside == 3; }));
    CHECK(works.run(works.make(waits), 0) == PORTICO_LIMIT);
    gate.open();
    CHECK(eventually([&] { return works.ended == 8; }));
    CHECK(works.inside_max == 3);
    // There is room again. (A thread comes back to the queue a moment after the end was told.)
    CHECK(eventually([&] { return works.run(works.make(), 0) == PORTICO_OK; }));
    CHECK(eventually([&] { return works.ended == works.given; }));
}

TEST_CASE("work begins in the order in which it was given", "[executor]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Works works(script);
    TestServer server(io_of(ports), {{"x", "relay#full", R"("executor_threads": 1)", &script}});
    std::vector<int> begun;  // the one thread's
    std::vector<int> told;   // the instance's strand's
    for (int i = 0; i < 200; ++i) {
        REQUIRE(
            works.run(works.make([&begun, i](Works::Work&) { begun.push_back(i); },
                                 [&told, i](Works::Work&, portico_status) { told.push_back(i); }),
                      0) == PORTICO_OK);
    }
    REQUIRE(eventually([&] { return works.ended == 200; }));
    CHECK(begun.size() == 200);
    CHECK(std::is_sorted(begun.begin(), begun.end()));
    CHECK(told == begun);
}

TEST_CASE("a close does not wait for work; its end comes later, with CLOSING and no state",
          "[executor]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    const std::string how = GENERATE("peer", "graceful", "abort", "refused");
    CAPTURE(how);
    Script script;
    Works works(script);
    Gate gate;
    Works::Work& work = works.make([&](Works::Work&) { gate.pass(); });
    std::atomic<bool> refuses{how == "refused"};
    script.on_open = [&](Line& line) -> portico_status {
        if (line.number == 0 && works.run(work, line.handle) != PORTICO_OK) {
            script.violated("run in on_open");
        }
        return refuses ? PORTICO_REFUSED : PORTICO_OK;
    };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        if (data == "x") {
            return script.close(line,
                                how == "abort" ? PORTICO_CLOSE_ABORT : PORTICO_CLOSE_GRACEFUL);
        }
        return script.send(line, data);
    };
    TestServer server(io_of(ports), {{"x", plugin, "", &script}});
    const OpensAtEnd opens(gate);
    {
        Peer peer = server.connect("x");
        if (how == "graceful" || how == "abort") {
            REQUIRE(peer.send_all("x"));
        }
        if (how == "peer" || how == "graceful") {
            peer.finish_sending();
        }
        REQUIRE(eventually([&] { return script.lines().size() == 1; }));
        REQUIRE(server.comes_to_rest());
    }
    CHECK(script.closed == (how == "refused" ? 0 : 1));
    refuses = false;
    // The slot's next connection has nothing to do with it.
    Peer next = server.connect("x");
    REQUIRE(echoes(next, "next"));
    CHECK(works.ended == 0);
    gate.open();
    CHECK(eventually([&] { return works.ended == 1; }));
    CHECK(work.status == PORTICO_CLOSING);
    CHECK_FALSE(work.had_state);
    CHECK(echoes(next, "still"));
}

TEST_CASE("work that ends while its connection closes is told that", "[executor]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Works works(script);
    // The guard of the script and the checks above see to the rest.
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        for (std::uint32_t i = 0; i < 4; ++i) {
            static_cast<void>(works.run(works.make([i](Works::Work&) {
                std::this_thread::sleep_for(std::chrono::microseconds(40 * i));
            }),
                                        line.handle));
        }
        return script.close(line,
                            line.number % 2 == 0 ? PORTICO_CLOSE_ABORT : PORTICO_CLOSE_GRACEFUL);
    };
    {
        TestServer server(io_of(ports), {{"x", plugin, "", &script}});
        for (int i = 0; i < 100 / (sanitized ? 5 : 1); ++i) {
            Peer peer = server.connect("x");
            REQUIRE(peer.send_all("x"));
            peer.finish_sending();
            std::string all;
            Peer::Outcome outcome{};
            static_cast<void>(peer.receive_to_end(outcome));
        }
    }
    CHECK(works.ended == works.given);
}

TEST_CASE("run refuses what it must", "[executor]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Script neighbour;
    Works works(script);
    Works others(neighbour);
    const portico_executor* table = nullptr;
    script.on_create = [&](Script&) {
        table = works.table();
        if (table == nullptr || works.run(works.make(), 0) != PORTICO_UNSUPPORTED) {
            script.violated("run in create");
        }
        return PORTICO_OK;
    };
    script.on_close = [&](Line& line, const portico_closed&) {
        if (works.run(works.make(), line.handle) != PORTICO_GONE) {
            script.violated("run in on_close");
        }
        if (works.run(works.make(), 0) != PORTICO_OK) {
            script.violated("run for the instance in on_close");
        }
    };
    script.on_destroy = [&] {
        if (works.run(works.make(), 0) != PORTICO_GONE) {
            script.violated("run in destroy");
        }
    };
    {
        TestServer server(io_of(ports),
                          {{"x", plugin, "", &script}, {"y", "relay#full", "", &neighbour}});
        // The neighbour has not asked for it.
        CHECK(table->run(
                  neighbour.instance(), 0, [](auto...) {}, [](auto...) {}, nullptr) ==
              PORTICO_UNSUPPORTED);
        REQUIRE(others.table() == table);
        Peer peer = server.connect("x");
        Peer other = server.connect("y");
        REQUIRE(eventually([&] { return script.opened == 1 && neighbour.opened == 1; }));
        const portico_connection mine = script.line(0)->handle;
        CHECK(others.run(others.make(), mine) == PORTICO_GONE);
        CHECK(works.run(works.make(), neighbour.line(0)->handle) == PORTICO_GONE);
        CHECK(works.run(works.make(), 12'345) == PORTICO_GONE);
        CHECK(table->run(
                  script.instance(), mine, nullptr, [](auto...) {}, nullptr) == PORTICO_INVALID);
        CHECK(table->run(
                  script.instance(), mine, [](auto...) {}, nullptr, nullptr) == PORTICO_INVALID);
        CHECK(works.run(works.make(), mine) == PORTICO_OK);
        peer.close();
        REQUIRE(eventually([&] { return script.closed == 1; }));
        CHECK(works.run(works.make(), mine) == PORTICO_GONE);
        CHECK(eventually([&] { return works.ended == 2; }));
    }
    CHECK(works.given == 2);
    CHECK(works.ended == 2);
    CHECK(table->run(
              script.instance(), 0, [](auto...) {}, [](auto...) {}, nullptr) == PORTICO_GONE);
    CHECK(script.host()->get_extension(script.instance(), PORTICO_EXT_EXECUTOR,
                                       sizeof PORTICO_EXT_EXECUTOR - 1) == nullptr);
}

TEST_CASE("a stop waits for work, and destroy comes after its end", "[executor]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Works works(script);
    const auto takes_long = [](Works::Work&) { std::this_thread::sleep_for(milliseconds(60)); };
    std::deque<portico_status> of_instance;
    script.on_open = [&](Line& line) {
        for (int i = 0; i < 5; ++i) {
            if (works.run(works.make(takes_long), line.handle) != PORTICO_OK) {
                script.violated("run in on_open");
            }
        }
        return PORTICO_OK;
    };
    script.on_drain = [&](Line& line, const portico_draining&) { return script.close(line); };
    script.on_stop = [&](const portico_draining&) {
        const portico_status status = works.run(
            works.make(takes_long,
                       [&](Works::Work&, portico_status its) { of_instance.push_back(its); }),
            0);
        return status == PORTICO_OK ? PORTICO_OK : PORTICO_ERROR;
    };
    script.on_destroy = [&] {
        if (works.ended != 6) {
            script.violated("work is left at destroy");
        }
    };
    {
        TestServer server(io_of(ports), {{"x", plugin, "", &script}});
        Peer peer = server.connect("x");
        REQUIRE(eventually([&] { return works.given == 5; }));
        const StopResult result = server.stop();
        CHECK_FALSE(result.stuck);
    }
    CHECK(works.ended == 6);
    // The instance was about to end when its work was.
    CHECK(of_instance.size() == 1);
}

TEST_CASE("a stop gives up work that does not return, and says whose and how much", "[executor]") {
    const std::string ports = ANY_PORTS();
    // All of this outlives the test, as the server's parts do.
    struct Stuck {
        Script script;
        Works works{script};
        Gate gate;
    };
    static std::vector<Stuck*> kept;
    kept.push_back(new Stuck);
    Stuck& stuck = *kept.back();
    auto server = std::make_unique<Server>();
    server->set_default_plugin_directory(test_plugin_directory());
    REQUIRE(server->configure_text(
        configuration_of(
            io_of(ports),
            {{"x", "relay#full", R"("executor_threads": 2)", &stuck.script}, {"echo", "echo", ""}},
            R"("shutdown": {"drain_ms": 200})"),
        "."));
    REQUIRE(server->start());
    for (int i = 0; i < 5; ++i) {
        REQUIRE(stuck.works.run(stuck.works.make([&](Works::Work&) { stuck.gate.pass(); }), 0) ==
                PORTICO_OK);
    }
    REQUIRE(eventually([&] { return stuck.works.inside == 2; }));
    const auto begun = std::chrono::steady_clock::now();
    server->stop();
    const StopResult result = server->wait();
    const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() -
                                                               begun);
    INFO(ports << ": took " << took.count() << " ms");
    CHECK(result.stuck);
    CHECK(took >= milliseconds(1'100));
    CHECK(took < milliseconds(10'000));
    REQUIRE(server->errors().size() == 1);
    CHECK(server->errors()[0] ==
          "the host no longer waits for plugin \"relay#full\", listener \"x\": blocking work has "
          "not returned (2 under way, 3 waiting)");
    CHECK_FALSE(server->start());
    server.reset();
    // The host's functions are still there.
    stuck.gate.open();
    CHECK(eventually([&] { return stuck.works.ended == 5; }));
    CHECK(stuck.script.destroys == 0);
    CHECK(stuck.script.violations() == "");
}

#ifdef __linux__
TEST_CASE("only an instance that asks has helper threads, and only while it lives", "[executor]") {
    const std::string ports = ANY_PORTS();
    // (Those of servers that were given up stay.)
    const std::size_t before = helper_threads();
    {
        Script asks;
        Script validates;
        Works works(asks);
        const auto id = std::string_view(PORTICO_EXT_EXECUTOR);
        validates.on_validate = [&](const portico_setup& setup) {
            return setup.host->get_extension(setup.instance, id.data(), id.size()) != nullptr
                       ? PORTICO_OK
                       : PORTICO_ERROR;
        };
        Server checked;
        checked.set_default_plugin_directory(test_plugin_directory());
        REQUIRE(checked.configure_text(
            configuration_of(io_of(ports), {{"v", "relay#full", "", &validates}}, ""), "."));
        CHECK(checked.check(false));
        CHECK(helper_threads() == before);

        Script silent;
        TestServer server(io_of(ports), {{"x", "relay#full", R"("executor_threads": 5)", &asks},
                                         {"y", "relay#full", R"("executor_threads": 7)", &silent}});
        CHECK(helper_threads() == before);
        REQUIRE(works.table() != nullptr);
        REQUIRE(works.table() != nullptr);
        // A thread names itself.
        CHECK(eventually([&] { return helper_threads() == before + 5; }));
    }
    CHECK(eventually([&] { return helper_threads() == before; }));
}
#endif
