// Timers: the extension portico.timer on every kind of port and of instance. Each timer's calls are
// counted: never early, on the strand, and exactly one last call, which is marked.
#include <algorithm>
#include <atomic>

#include "integration/service.hpp"

#include "portico/ext/timer.h"

using namespace portico;
using namespace portico::test;

namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t ms = 1'000'000;

// All timers of a test, and what happened to them.
class Timers {
public:
    struct Timer {
        Timers* timers = nullptr;
        bool is_periodic = false;
        // It must not be called OK before. Written before the start or a restart returns.
        std::atomic<std::uint64_t> not_before_ns{0};
        std::atomic<portico_timer> id{0};
        std::atomic<std::uint32_t> oks{0};
        std::atomic<std::uint32_t> periods{0};
        std::atomic<std::uint64_t> due_ns{0};  // of the last call that was OK
        std::atomic<std::uint32_t> lasts{0};
        std::atomic<portico_status> last{0};
        std::atomic<std::uint64_t> called_ns{0};
        std::function<void(Timer&, portico_status)> on_call;

        [[nodiscard]] bool is_early(const portico_timer_event& event) const {
            return event.status == PORTICO_OK &&
                   (event.due_ns < not_before_ns || called_ns < event.due_ns);
        }
    };

    explicit Timers(Script& script) : script_(script) {}

    [[nodiscard]] std::uint64_t now() const { return script_.host()->now(script_.instance()); }
    [[nodiscard]] const portico_timers& table() const {
        return *script_.extension<portico_timers>(PORTICO_EXT_TIMER);
    }

    Timer& make(std::function<void(Timer&, portico_status)> on_call = {}) {
        const std::scoped_lock lock(mutex_);
        Timer& made = timers_.emplace_back();
        made.timers = this;
        made.on_call = std::move(on_call);
        return made;
    }
    // On the connection, or (0) on the instance.
    portico_status start(Timer& timer, portico_connection connection, std::uint32_t first_ms,
                         std::uint32_t period_ms = 0) {
        timer.is_periodic = period_ms != 0;
        timer.not_before_ns = now() + first_ms * ms;
        portico_timer id = 0;
        const portico_status status = table().start(script_.instance(), connection, first_ms,
                                                    period_ms, on_timer, &timer, &id);
        if (status == PORTICO_OK) {
            timer.id = id;
            ++started;
        }
        return status;
    }
    portico_status restart(Timer& timer, std::uint32_t first_ms, std::uint32_t period_ms = 0) {
        const std::uint64_t before = now() + first_ms * ms;
        const portico_status status = table().restart(script_.instance(), timer.id, first_ms,
                                                      period_ms);
        if (status == PORTICO_OK) {
            timer.not_before_ns = before;
        }
        return status;
    }
    portico_status cancel(const Timer& timer) const {
        return table().cancel(script_.instance(), timer.id);
    }

    std::atomic<std::uint64_t> started{0};
    std::atomic<std::uint64_t> ended{0};
    std::atomic<std::uint64_t> with_null_state{0};

private:
    static void PORTICO_CALL on_timer(void*, portico_connection connection, void* state,
                                      void* argument, const portico_timer_event* event) {
        const portico_status status = event->status;
        auto& timer = *static_cast<Timer*>(argument);
        Timers& timers = *timer.timers;
        timer.called_ns = timers.now();
        auto* line = static_cast<Line*>(state);
        if (line != nullptr && line->inside.fetch_add(1) != 0) {
            timers.script_.violated("a timer beside a callback of its connection");
        }
        if (line != nullptr && (line->closes != 0 || line->handle != connection)) {
            timers.script_.violated("a timer after on_close, or with another one's state");
        }
        if (timer.id != 0 && timer.id != event->timer) {
            timers.script_.violated("a timer's call names another timer");
        }
        if (timer.is_early(*event)) {
            timers.script_.violated("a timer is early");
        }
        if (timer.lasts != 0) {
            timers.script_.violated("a call after the last one");
        }
        timers.check(timer, *event);
        timers.with_null_state += connection != 0 && state == nullptr ? 1 : 0;
        const bool is_last = status != PORTICO_OK || !timer.is_periodic;
        if (is_last) {
            timer.last = status;
            ++timer.lasts;
            if (timers.is_alive(event->timer)) {
                timers.script_.violated("a timer that is over is not gone");
            }
        }
        if (timer.on_call) {
            timer.on_call(timer, status);
        }
        if (line != nullptr) {
            line->inside.fetch_sub(1);
        }
        timers.ended += is_last ? 1 : 0;
    }

    // What the event says, apart from its time.
    void check(Timer& timer, const portico_timer_event& event) {
        const bool is_ok = event.status == PORTICO_OK;
        const bool is_last = !is_ok || !timer.is_periodic;
        if (event.struct_size != sizeof event ||
            event.flags != (is_last ? PORTICO_TIMER_LAST : 0U)) {
            script_.violated("a timer's last call is not marked, or another one is");
        }
        if (is_ok ? event.periods == 0 || (!timer.is_periodic && event.periods != 1)
                  : event.periods != 0 || event.due_ns != 0) {
            script_.violated("a timer's call is for a wrong number of periods");
        }
        if (is_ok) {
            ++timer.oks;
            timer.periods += event.periods;
            timer.due_ns = event.due_ns;
        }
    }
    [[nodiscard]] bool is_alive(portico_timer id) const {
        return table().restart(script_.instance(), id, 1, 0) != PORTICO_GONE ||
               table().cancel(script_.instance(), id) != PORTICO_GONE;
    }

    Script& script_;
    std::mutex mutex_;
    std::deque<Timer> timers_;
};

constexpr const char* plugins[] = {"relay#full", "relay#serial", "relay#blocking"};

}  // namespace

TEST_CASE("a timer comes once, on its strand, and not early", "[timers]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Timers timers(script);
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        Timers::Timer& timer = timers.make(
            [&](Timers::Timer&, portico_status) { script.send(line, "tick"); });
        return timers.start(timer, line.handle, 20);
    };
    {
        TestServer server(io_of(ports), {{"x", plugin, "", &script}});
        Peer peer = server.connect("x");
        for (int i = 0; i < 5; ++i) {
            REQUIRE(peer.send_all("go"));
            REQUIRE(peer.receive_exactly(4) == "tick");
        }
        CHECK(timers.started == 5);
        CHECK(eventually([&] { return timers.ended == 5; }));
    }
    CHECK(timers.ended == 5);
}

TEST_CASE("an idle worker's timer is at most a millisecond late", "[timers]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Timers timers(script);
    std::uint64_t least_late_ns = UINT64_MAX;
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    for (int i = 0; i < 20; ++i) {
        Timers::Timer& timer = timers.make();
        REQUIRE(timers.start(timer, 0, 7) == PORTICO_OK);
        REQUIRE(eventually([&] { return timer.lasts == 1; }));
        least_late_ns = std::min(least_late_ns, timer.called_ns - timer.not_before_ns);
    }
    // (A busy machine may be late. Windows counts in milliseconds.)
    CHECK(least_late_ns <= (on_windows ? 2 : 1) * ms);
}

TEST_CASE("a periodic timer keeps its rhythm until it is cancelled in its own call", "[timers]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Timers timers(script);
    TestServer server(io_of(ports), {{"x", plugin, "", &script}});
    std::uint64_t started_ns = 0;
    Timers::Timer& timer = timers.make([&](Timers::Timer& its, portico_status status) {
        if (status == PORTICO_OK) {
            its.not_before_ns = started_ns + (its.oks + 1) * 5 * ms;
        }
        if (its.oks == 20 && status == PORTICO_OK && timers.cancel(its) != PORTICO_OK) {
            script.violated("a periodic timer cannot be cancelled in its own call");
        }
    });
    started_ns = timers.now();
    REQUIRE(timers.start(timer, 0, 5, 5) == PORTICO_OK);
    CHECK(eventually([&] { return timer.lasts == 1; }));
    CHECK(timer.oks == 20);
    CHECK(timer.last == PORTICO_CANCELLED);
}

TEST_CASE("one call stands for all periods that passed in a long callback", "[timers]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Timers timers(script);
    TestServer server(io_of(ports), {{"x", "relay#serial", "", &script}});
    struct Called {
        std::uint64_t at_ns;
        std::uint64_t due_ns;
        std::uint64_t periods;  // up to this call
    };
    std::vector<Called> calls;
    std::uint64_t started_ns = 0;
    Timers::Timer& timer = timers.make([&](Timers::Timer& its, portico_status status) {
        if (status != PORTICO_OK) {
            return;
        }
        calls.push_back({its.called_ns - started_ns, its.due_ns, its.periods});
        if (its.oks == 1) {
            std::this_thread::sleep_for(milliseconds(105));  // passes the next ten
        }
        if (its.oks == 4) {
            static_cast<void>(timers.cancel(its));
        }
    });
    started_ns = timers.now();
    REQUIRE(timers.start(timer, 0, 10, 10) == PORTICO_OK);
    REQUIRE(eventually([&] { return timer.lasts == 1; }));
    REQUIRE(calls.size() == 4);
    CHECK(calls[1].at_ns >= 115 * ms);
    // The third one is at a multiple of ten again, at least the 12th.
    CHECK(calls[2].at_ns >= 120 * ms);
    CHECK(calls[3].at_ns >= calls[2].at_ns + 1);
    // The second one stands for all that passed, and no period is left out.
    CHECK(calls[1].periods - calls[0].periods >= 10);
    for (const std::size_t i : {0U, 1U, 2U}) {
        CHECK(calls[i + 1].due_ns == calls[0].due_ns + calls[i].periods * 10 * ms);
    }
}

TEST_CASE("a timer that each message restarts comes after the last one", "[timers]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Timers timers(script);
    std::atomic<Timers::Timer*> timer{nullptr};
    script.on_open = [&](Line& line) {
        timer = &timers.make([&](Timers::Timer&, portico_status status) {
            if (status == PORTICO_OK) {
                script.send(line, "idle");
            }
        });
        return timers.start(*timer.load(), line.handle, 300);
    };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        if (timers.restart(*timer.load(), 300) != PORTICO_OK) {
            script.violated("a restart fails");
        }
        return script.send(line, data);
    };
    TestServer server(io_of(ports), {{"x", plugin, "", &script}});
    Peer peer = server.connect("x");
    for (int i = 0; i < 40; ++i) {
        REQUIRE(echoes(peer, "p"));
        std::this_thread::sleep_for(milliseconds(i % 4 == 0 ? 15 : 1));
    }
    CHECK(peer.receive_exactly(4) == "idle");
    CHECK(timer.load()->oks == 1);
}

TEST_CASE("a restart to an earlier instant, and of a timer of the instance", "[timers]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Timers timers(script);
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Timers::Timer& timer = timers.make();
    REQUIRE(timers.start(timer, 0, 3'600'000) == PORTICO_OK);
    timer.is_periodic = true;
    timer.not_before_ns = timers.now() + 10 * ms;
    REQUIRE(timers.table().restart(script.instance(), timer.id, 10, 10) == PORTICO_OK);
    CHECK(eventually([&] { return timer.oks >= 3; }));
    REQUIRE(timers.cancel(timer) == PORTICO_OK);
    CHECK(eventually([&] { return timer.lasts == 1; }));
    CHECK(timer.last == PORTICO_CANCELLED);
}

TEST_CASE("timers of a connection end before its on_close, with CLOSING", "[timers]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    const std::string how = GENERATE("peer", "graceful", "abort", "refused", "stop");
    CAPTURE(how);
    Script script;
    Timers timers(script);
    Timers::Timer& in_on_close = timers.make();
    script.on_open = [&](Line& line) {
        for (const std::uint32_t after : {100'000U, 200'000U, 4'000'000'000U}) {
            if (timers.start(timers.make(), line.handle, after, after / 2) != PORTICO_OK) {
                script.violated("start in on_open");
            }
        }
        return how == "refused" ? PORTICO_REFUSED : PORTICO_OK;
    };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        static_cast<void>(
            script.close(line, how == "abort" ? PORTICO_CLOSE_ABORT : PORTICO_CLOSE_GRACEFUL));
        if (timers.start(in_on_close, line.handle, 0) != PORTICO_GONE) {
            script.violated("start on a closing connection");
        }
        return PORTICO_OK;
    };
    script.on_close = [&](Line& line, const portico_closed&) {
        if (timers.ended != 3 || timers.start(in_on_close, line.handle, 0) != PORTICO_GONE) {
            script.violated("a timer is left at on_close, or can be started there");
        }
    };
    {
        TestServer server(io_of(ports), {{"x", plugin, "", &script}});
        Peer peer = server.connect("x");
        if (how == "graceful" || how == "abort") {
            REQUIRE(peer.send_all("x"));
        }
        if (how == "peer" || how == "graceful") {
            peer.finish_sending();
        }
        if (how != "stop") {
            CHECK(eventually([&] { return timers.ended == 3; }));
        } else {
            REQUIRE(eventually([&] { return script.opened == 1; }));
        }
        CHECK(timers.started == 3);
    }
    CHECK(timers.ended == 3);
    CHECK(timers.with_null_state == (how == "refused" ? 3 : 0));
    CHECK(in_on_close.oks == 0);
}

TEST_CASE("timers of an instance end before destroy; afterwards nothing can be started",
          "[timers]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Timers timers(script);
    const portico_timers* table = nullptr;
    script.on_create = [&](Script&) {
        table = &timers.table();
        for (int i = 0; i < 100; ++i) {
            if (timers.start(timers.make(), 0, i % 2 == 0 ? 1 : 1'000'000, 3) != PORTICO_OK) {
                script.violated("start in create");
            }
        }
        return PORTICO_OK;
    };
    script.on_destroy = [&] {
        if (timers.ended != 100 || timers.start(timers.make(), 0, 0) != PORTICO_GONE) {
            script.violated("a timer is left at destroy, or can be started there");
        }
    };
    {
        TestServer server(io_of(ports), {{"x", plugin, "", &script}});
        std::this_thread::sleep_for(milliseconds(30));
    }
    CHECK(timers.ended == 100);
    Timers::Timer& late = timers.make();
    CHECK(table->start(
              script.instance(), 0, 0, 0, [](auto...) {}, &late, nullptr) == PORTICO_GONE);
    CHECK(table->cancel(script.instance(), 1) == PORTICO_GONE);
}

TEST_CASE("mistakes with timers harm nobody", "[timers]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Script neighbour;
    Timers timers(script);
    Timers others(neighbour);
    TestServer server(io_of(ports),
                      {{"x", "relay#full", "", &script}, {"y", "relay#full", "", &neighbour}});
    const portico_timers& table = timers.table();
    Timers::Timer& timer = timers.make();
    CHECK(table.start(script.instance(), 0, 1, 0, nullptr, nullptr, nullptr) == PORTICO_INVALID);
    REQUIRE(timers.start(timer, 0, 100'000) == PORTICO_OK);
    // another instance's timer, and its connection
    CHECK(table.cancel(neighbour.instance(), timer.id) == PORTICO_GONE);
    CHECK(table.restart(neighbour.instance(), timer.id, 0, 0) == PORTICO_GONE);
    Peer peer = server.connect("y");
    REQUIRE(eventually([&] { return neighbour.opened == 1; }));
    CHECK(timers.start(timers.make(), neighbour.line(0)->handle, 0) == PORTICO_GONE);
    // numbers that were never a timer's
    CHECK(table.cancel(script.instance(), 0) == PORTICO_GONE);
    CHECK(table.cancel(script.instance(), UINT64_MAX) == PORTICO_GONE);
    CHECK(table.restart(script.instance(), timer.id + 1, 0, 0) == PORTICO_GONE);
    CHECK(table.cancel(script.instance(), timer.id + (portico_timer{1} << 24)) == PORTICO_GONE);
    // twice
    CHECK(timers.cancel(timer) == PORTICO_OK);
    CHECK(timers.cancel(timer) == PORTICO_GONE);
    CHECK(timers.restart(timer, 0) == PORTICO_GONE);
    CHECK(eventually([&] { return timer.lasts == 1; }));
    CHECK(timer.last == PORTICO_CANCELLED);
    CHECK(timer.oks == 0);
}

TEST_CASE("timers are started, restarted and cancelled from everywhere while connections end",
          "[timers]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Timers timers(script);
    std::atomic<bool> done{false};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        static_cast<void>(timers.start(timers.make(), line.handle,
                                       static_cast<std::uint32_t>(line.offers % 3),
                                       line.offers % 2 == 0 ? 1 : 0));
        return script.send(line, data);
    };
    {
        TestServer server(io_of(ports), {{"x", plugin, "", &script}});
        std::vector<std::thread> threads;
        for (std::uint32_t t = 0; t < 3; ++t) {
            threads.emplace_back([&, t] {
                for (std::uint32_t i = t; !done && i < 20'000; ++i) {
                    const std::vector<Line*> lines = script.lines();
                    const portico_connection connection =
                        lines.empty() || i % 5 == 0
                            ? 0
                            : lines[lines.size() - 1 - i % 2 % lines.size()]->handle;
                    Timers::Timer& timer = timers.make();
                    if (timers.start(timer, connection, i % 4, i % 3 == 0 ? 1 : 0) != PORTICO_OK) {
                        continue;
                    }
                    if (i % 2 == 0) {
                        static_cast<void>(timers.table().restart(script.instance(), timer.id, 4,
                                                                 timer.is_periodic ? 2 : 0));
                    }
                    if (i % 3 != 1 || i % 7 == 0) {
                        static_cast<void>(timers.cancel(timer));
                    }
                    if (i % 64 == 0) {
                        std::this_thread::yield();
                    }
                }
            });
        }
        for (int i = 0; i < 30; ++i) {
            Peer peer = server.connect("x");
            for (int k = 0; k < 5; ++k) {
                REQUIRE(echoes(peer, "p"));
            }
        }
        done = true;
        for (std::thread& thread : threads) {
            thread.join();
        }
    }
    CHECK(timers.started > 0);
    CHECK(timers.ended == timers.started);
}

TEST_CASE("the plugin timers takes leave of a client that is silent", "[timers]") {
    const std::string ports = ANY_PORTS();
    TestServer server(
        io_of(ports),
        {{"x", "timers", "\"settings\": {\"idle_ms\": 1000, \"heartbeat_ms\": 20}", nullptr}});
    Peer peer = server.connect("x");
    for (int i = 0; i < 13; ++i) {
        REQUIRE(echoes(peer, "here"));
        std::this_thread::sleep_for(milliseconds(100));
    }
    CHECK(peer.receive_exactly(5) == "IDLE\n");
    peer.close();
    CHECK(server.comes_to_rest());
}
