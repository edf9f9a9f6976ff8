// The host's functions other than send: post, info, finish_sending; and stale handles.
#include <algorithm>
#include <array>

#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

struct Posted {
    Script* script = nullptr;
    std::atomic<std::uint64_t> ran{0};
    std::atomic<std::uint64_t> closing{0};
    std::atomic<std::uint64_t> after_close{0};
    std::atomic<std::uint64_t> wrong{0};

    static void PORTICO_CALL on_line(void*, portico_connection connection, void* state,
                                     void* argument, portico_status status) {
        auto& posted = *static_cast<Posted*>(argument);
        auto& line = *static_cast<Line*>(state);
        if (line.inside.fetch_add(1) != 0) {
            posted.script->violated("a posted function beside a callback of its connection");
        }
        posted.wrong += connection != line.handle ||
                                (status != PORTICO_OK && status != PORTICO_CLOSING)
                            ? 1
                            : 0;
        posted.closing += status == PORTICO_CLOSING ? 1 : 0;
        posted.after_close += line.closes != 0 ? 1 : 0;
        ++line.posts;
        ++posted.ran;
        line.inside.fetch_sub(1);
    }

    static void PORTICO_CALL on_instance(void*, portico_connection connection, void* state,
                                         void* argument, portico_status status) {
        auto& posted = *static_cast<Posted*>(argument);
        posted.wrong += connection != 0 || state != nullptr ||
                                (status != PORTICO_OK && status != PORTICO_CLOSING)
                            ? 1
                            : 0;
        posted.closing += status == PORTICO_CLOSING ? 1 : 0;
        ++posted.ran;
    }
};

}  // namespace

TEST_CASE("a posted function runs once, on the strand, and never inside post", "[calls]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#full", "relay#serial");
    Script script;
    Posted posted;
    posted.script = &script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        const std::uint64_t before = line.posts;
        if (script.post(line, Posted::on_line, &posted) != PORTICO_OK || line.posts != before) {
            script.violated("post from a callback");
        }
        consumed = data.size();
        return script.send(line, data);
    };
    std::uint64_t accepted = 0;
    {
        TestServer server(io_of(ports), {{"x", plugin, "", &script}});
        Peer peer = server.connect("x");
        for (int i = 0; i < 100; ++i) {
            REQUIRE(echoes(peer, "p"));
        }
        accepted = script.line(0)->offers;
        // The calls come from other threads, while callbacks run.
        std::vector<std::thread> threads;
        std::atomic<std::uint64_t> more{0};
        for (int t = 0; t < 3; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 1'000; ++i) {
                    more += script.post(*script.line(0), Posted::on_line, &posted) == PORTICO_OK
                                ? 1
                                : 0;
                }
            });
        }
        for (int i = 0; i < 100; ++i) {
            REQUIRE(echoes(peer, "p"));
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        accepted = script.line(0)->offers + more;
        CHECK(more == 3'000);
        CHECK(eventually([&] { return posted.ran == accepted; }));
        CHECK(script.host()->post(script.instance(), script.line(0)->handle, nullptr, nullptr) ==
              PORTICO_INVALID);
    }
    CHECK(posted.ran == accepted);
    CHECK(posted.wrong == 0);
    CHECK(posted.after_close == 0);
}

TEST_CASE(
    "a function posted as the connection closes runs before on_close, with CLOSING, or is refused",
    "[calls]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Posted posted;
    posted.script = &script;
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<bool> done{false};
    {
        TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
        std::thread poster([&] {
            while (!done) {
                for (Line* line : script.lines()) {
                    if (line->closes == 0 || line->posts % 7 == 0) {
                        const portico_status status = script.post(*line, Posted::on_line, &posted);
                        accepted += status == PORTICO_OK ? 1 : 0;
                        if (status == PORTICO_LIMIT) {
                            std::this_thread::yield();  // at the limit: 65,536 posts wait
                        } else if (status != PORTICO_OK && status != PORTICO_GONE) {
                            script.violated("post: " + std::to_string(status));
                        }
                    }
                }
            }
        });
        for (int i = 0; i < 100; ++i) {
            Peer peer = server.connect("x");
            static_cast<void>(peer.send_all("x"));
            if (i % 2 == 0) {
                peer.abort();
            }
        }
        CHECK(eventually([&] { return script.opened == script.closed && script.opened >= 50; }));
        done = true;
        poster.join();
        CHECK(eventually([&] { return posted.ran == accepted; }));
        // One of the last clients may be accepted only now; it is neither closed nor asked.
        for (Line* line : script.lines()) {
            if (line->closes == 1) {
                CHECK(script.post(*line, Posted::on_line, &posted) == PORTICO_GONE);
            }
        }
    }
    CHECK(posted.ran == accepted);
    CHECK(posted.after_close == 0);
    CHECK(posted.wrong == 0);
}

TEST_CASE("a post that waits when the close begins runs with CLOSING; a later one is refused",
          "[calls]") {
    Script script;
    Posted posted;
    posted.script = &script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        if (script.post(line, Posted::on_line, &posted) != PORTICO_OK)
            script.violated("post before close");
        if (script.close(line) != PORTICO_OK) script.violated("close");
        if (script.close(line) != PORTICO_GONE) script.violated("second graceful close");
        if (script.post(line, Posted::on_line, &posted) != PORTICO_GONE)
            script.violated("post after close");
        if (script.send(line, "x") != PORTICO_GONE) script.violated("send after close");
        if (script.queued_bytes(line) == UINT64_MAX) script.violated("info in its own callback");
        if (script.pause(line) != PORTICO_GONE || script.resume(line) != PORTICO_GONE)
            script.violated("pause after close");
        if (script.finish_sending(line) != PORTICO_GONE)
            script.violated("finish_sending after close");
        return PORTICO_OK;
    };
    TestServer server(io_of("per_core"), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("x"));
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome).empty());
    CHECK(outcome == Peer::Outcome::end);
    peer.close();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(posted.ran == 1);
    CHECK(posted.closing == 1);
    CHECK(script.line(0)->reason == PORTICO_REASON_PLUGIN);
}

TEST_CASE("functions posted to the instance run once each, all before destroy", "[calls]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#full", "relay#serial", "relay#blocking");
    Script script;
    Posted posted;
    posted.script = &script;
    std::uint64_t ran_at_destroy = 0;
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<bool> refused{false};
    std::thread poster;
    std::atomic<bool> go_on{true};
    script.on_create = [&](Script& self) {
        accepted += self.post_instance(Posted::on_instance, &posted) == PORTICO_OK ? 1 : 0;
        return PORTICO_OK;
    };
    // A plugin's own thread ends in destroy, as the ABI requires.
    script.on_destroy = [&] {
        go_on = false;
        poster.join();
        ran_at_destroy = posted.ran;
    };
    {
        TestServer server(io_of(ports), {{"x", plugin, "", &script}});
        poster = std::thread([&] {
            while (go_on) {
                const portico_status status = script.post_instance(Posted::on_instance, &posted);
                if (status == PORTICO_OK) {
                    ++accepted;
                } else if (status == PORTICO_GONE) {
                    refused = true;
                } else if (status == PORTICO_LIMIT) {
                    std::this_thread::yield();
                } else {
                    script.violated("post_instance: " + std::to_string(status));
                }
            }
        });
        Peer peer = server.connect("x");
        REQUIRE(peer.send_all("x"));
        CHECK(eventually([&] { return posted.ran > 1'000; }));
    }
    CHECK(ran_at_destroy == accepted);
    CHECK(posted.ran == accepted);
    CHECK(posted.wrong == 0);
}

TEST_CASE("info gives addresses and queued bytes", "[calls]") {
    Script script;
    TestServer server(io_of("per_core"), {{"the-name", "relay#full", "", &script}});
    Peer peer = server.connect("the-name");
    REQUIRE(eventually([&] { return script.opened == 1; }));
    portico_connection_info info{};
    REQUIRE(script.info(script.line(0)->handle, info) == PORTICO_OK);
    CHECK(std::string(info.peer.text, info.peer.text_size) ==
          "127.0.0.1:" + std::to_string(peer.local_address().port));
    CHECK(std::string(info.local.text, info.local.text_size) ==
          "127.0.0.1:" + std::to_string(server.address("the-name").port));
    for (const portico_address& address : {info.peer, info.local}) {
        CHECK(address.family == PORTICO_ADDRESS_IPV4);
        constexpr std::array<std::uint8_t, 16> loopback{127, 0, 0, 1};
        CHECK(std::equal(loopback.begin(), loopback.end(), address.bytes));
        CHECK(address.scope == 0);
        CHECK(address.reserved == 0);
    }
    CHECK(info.peer.port == peer.local_address().port);
    CHECK(info.local.port == server.address("the-name").port);
    CHECK(info.queued_bytes == 0);
    info.struct_size = 0;
    CHECK(script.host()->info(script.instance(), script.line(0)->handle, &info) == PORTICO_INVALID);
    CHECK(script.host()->close(script.instance(), script.line(0)->handle, 7) == PORTICO_INVALID);
    // An older plugin's smaller structure is filled only up to its size.
    portico_connection_info small{};
    small.struct_size = 8 + sizeof(portico_address);
    small.queued_bytes = 4'711;
    CHECK(script.host()->info(script.instance(), script.line(0)->handle, &small) == PORTICO_OK);
    CHECK(small.peer.text[small.peer.text_size] == 0);
    CHECK(small.peer.text_size != 0);
    CHECK(small.local.text_size == 0);
    CHECK(small.queued_bytes == 4'711);
    CHECK(script.host()->worker_index(script.instance()) == UINT32_MAX);
    CHECK(script.host()->now(script.instance()) != 0);
}

TEST_CASE("a stale handle, or one of another instance or server, answers GONE", "[calls]") {
    const std::string ports = ANY_PORTS();
    Script one;
    Script two;
    Script elsewhere;
    TestServer server(io_of(ports),
                      {{"one", "relay#full", "", &one}, {"two", "relay#full", "", &two}});
    TestServer other(io_of(ports), {{"x", "relay#full", "", &elsewhere}});
    const auto all_gone = [](Script& script, portico_connection handle) {
        const portico_host& host = *script.host();
        portico_instance* self = script.instance();
        portico_connection_info info{};
        const auto never = [](void*, portico_connection, void*, void*, portico_status) {};
        return script.send_to(handle, "x") == PORTICO_GONE &&
               host.finish_sending(self, handle) == PORTICO_GONE &&
               host.close(self, handle, PORTICO_CLOSE_ABORT) == PORTICO_GONE &&
               host.close(self, handle, PORTICO_CLOSE_GRACEFUL) == PORTICO_GONE &&
               host.pause_reading(self, handle) == PORTICO_GONE &&
               host.resume_reading(self, handle) == PORTICO_GONE &&
               host.post(self, handle, never, nullptr) == PORTICO_GONE &&
               script.info(handle, info) == PORTICO_GONE;
    };
    Peer first = server.connect("one");
    Peer second = server.connect("two");
    Peer third = other.connect("x");
    REQUIRE(
        eventually([&] { return one.opened == 1 && two.opened == 1 && elsewhere.opened == 1; }));
    const portico_connection handle_one = one.line(0)->handle;
    const portico_connection handle_two = two.line(0)->handle;
    const portico_connection handle_elsewhere = elsewhere.line(0)->handle;
    CHECK(all_gone(one, handle_two));
    CHECK(all_gone(two, handle_one));
    CHECK(all_gone(one, 0));
    CHECK(all_gone(one, UINT64_MAX));
    CHECK(all_gone(one, handle_one ^ 0xffff'ffffULL << 24));
    // A handle of another server. The numbers of two servers must differ for this to mean anything.
    CHECK(handle_elsewhere != handle_one);
    CHECK(handle_elsewhere != handle_two);
    CHECK(all_gone(one, handle_elsewhere));
    CHECK(all_gone(two, handle_elsewhere));
    CHECK(all_gone(elsewhere, handle_one));
    // None of that did any harm.
    CHECK(one.send_to(handle_one, "alive") == PORTICO_OK);
    CHECK(first.receive_exactly(5) == "alive");
    CHECK(two.send_to(handle_two, "alive") == PORTICO_OK);
    CHECK(second.receive_exactly(5) == "alive");
    CHECK(elsewhere.send_to(handle_elsewhere, "alive") == PORTICO_OK);
    CHECK(third.receive_exactly(5) == "alive");
    // The handle stays gone after on_close, even if the slot is used again.
    first.close();
    REQUIRE(eventually([&] { return one.closed == 1; }));
    CHECK(all_gone(one, handle_one));
    std::vector<Peer> later;
    for (int i = 0; i < 20; ++i) {
        later.push_back(server.connect("one"));
    }
    REQUIRE(eventually([&] { return one.opened == 21; }));
    CHECK(all_gone(one, handle_one));
    for (Line* line : one.lines()) {
        CHECK((line->number == 0 || line->handle != handle_one));
    }
}

TEST_CASE("after finish_sending the peer reads the end, and the plugin goes on reading",
          "[calls]") {
    const std::string ports = ANY_PORTS();
    Script script;
    std::atomic<std::uint64_t> got{0};
    const std::string reply = pattern(0, 500'000);
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        got += data.size();
        if (line.flag.exchange(1) == 0) {
            if (script.send(line, reply) != PORTICO_OK) script.violated("send");
            if (script.finish_sending(line) != PORTICO_OK) script.violated("finish_sending");
            if (script.finish_sending(line) != PORTICO_OK)
                script.violated("a second finish_sending");
            if (script.send(line, "late") != PORTICO_CLOSING)
                script.violated("send after finish_sending");
        }
        return PORTICO_OK;
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("go"));
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome) == reply);
    CHECK(outcome == Peer::Outcome::end);
    REQUIRE(peer.send_all(std::string(100'000, 'm')));
    CHECK(eventually([&] { return got == 100'002; }));
    CHECK(script.closed == 0);
    peer.finish_sending();
    CHECK(eventually([&] { return script.closed == 1; }));
    CHECK(script.line(0)->ends == 1);
}

TEST_CASE("worker_index is one of the workers' inside callbacks", "[calls]") {
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        const std::uint32_t index = script.host()->worker_index(script.instance());
        if (index >= 4) {
            script.violated("worker_index " + std::to_string(index));
        }
        consumed = data.size();
        return script.send(line, data);
    };
    TestServer server(io_of("shared"), {{"x", "relay#full", "", &script}});
    CHECK(server.statistics().worker_threads == 4);
    Peer peer = server.connect("x");
    for (int i = 0; i < 20; ++i) {
        REQUIRE(echoes(peer, "i"));
    }
}

TEST_CASE("at most 65,536 posts of an instance wait; those run, and then there is room again",
          "[calls]") {
    constexpr std::uint64_t most = 65'536;
    Script script;
    Posted posted;
    posted.script = &script;
    // All are on one strand: none can run before this callback has returned.
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        for (std::uint64_t i = 0; i < most; ++i) {
            const portico_status status = i % 2 == 0
                                              ? script.post(line, Posted::on_line, &posted)
                                              : script.post_instance(Posted::on_instance, &posted);
            if (status != PORTICO_OK) {
                script.violated("post number " + std::to_string(i) + ": " + std::to_string(status));
            }
        }
        if (script.post(line, Posted::on_line, &posted) != PORTICO_LIMIT ||
            script.post_instance(Posted::on_instance, &posted) != PORTICO_LIMIT) {
            script.violated("there was room for more");
        }
        return script.send(line, data);
    };
    {
        TestServer server(io_of("per_core"), {{"x", "relay#serial", "", &script}});
        Peer peer = server.connect("x");
        for (std::uint64_t round = 1; round <= 2; ++round) {
            REQUIRE(peer.send_all("?"));
            CHECK(peer.receive_exactly(1) == "?");
            REQUIRE(eventually([&] { return posted.ran == round * most; }));
        }
        peer.close();
        REQUIRE(eventually([&] { return script.closed == 1; }));
        CHECK(server.comes_to_rest());
    }
    CHECK(posted.wrong == 0);
    CHECK(posted.ran == 2 * most);
}

TEST_CASE("a hold ends with the blockage even if on_writable is NULL", "[calls]") {
    Script script;
    constexpr std::size_t large = 8'000'000;
    // The first time, the queue is filled until it refuses, and the byte is held.
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        if (line.offers == 1) {
            while (script.send(line, std::string(large, 'x')) == PORTICO_OK) {
            }
            return PORTICO_HOLD;
        }
        consumed = data.size();
        return script.close(line);
    };
    TestServer server(io_of("per_core"), {{"x", "relay#bare", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("?"));
    Peer::Outcome outcome{};
    const std::string all = peer.receive_to_end(outcome);
    CHECK(outcome == Peer::Outcome::end);
    CHECK(all.size() == script.line(0)->accepted);
    CHECK(all.size() >= large);
    peer.close();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(script.line(0)->offers == 2);
    CHECK(server.comes_to_rest());
}
