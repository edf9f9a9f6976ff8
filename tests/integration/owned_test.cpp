// Parts, sends of memory that the plugin keeps, and memory in which it writes what it sends.
#include <deque>
#include <mutex>

#include "integration/service.hpp"

#include "portico/ext/send_owned.h"

using namespace portico;
using namespace portico::test;

namespace {

// True on a thread that is inside a host function: no release may come then.
thread_local bool in_call = false;

class Owner {
public:
    // One send_owned.
    struct Sent {
        Owner* owner = nullptr;
        Line* line = nullptr;
        std::vector<std::string> texts;
        std::atomic<int> releases{0};
        std::atomic<portico_status> status{1};
    };

    explicit Owner(Script& script) : script_(script) {}

    portico_status send(Line& line, std::vector<std::string> texts) {
        Sent* sent = nullptr;
        {
            const std::scoped_lock lock(mutex_);
            sent = &all_.emplace_back();
        }
        sent->owner = this;
        sent->line = &line;
        sent->texts = std::move(texts);
        std::vector<portico_part> parts;
        std::uint64_t bytes = 0;
        for (const std::string& text : sent->texts) {
            parts.push_back({text.data(), text.size()});
            bytes += text.size();
        }
        const portico_status status = call([&] {
            return table().send(script_.instance(), line.handle, parts.data(),
                                static_cast<std::uint32_t>(parts.size()), sizeof(portico_part),
                                released, sent);
        });
        if (status == PORTICO_OK) {
            ++accepted;
            line.accepted += bytes;
        } else {
            line.blocked += status == PORTICO_WOULD_BLOCK ? 1 : 0;
            sent->releases = -1'000;  // none must come
        }
        return status;
    }
    portico_status reserve(Line& line, std::uint64_t size, char*& data, std::uint64_t& buffer) {
        void* place = nullptr;
        const portico_status status = call([&] {
            return table().reserve(script_.instance(), line.handle, size, &place, &buffer);
        });
        data = static_cast<char*>(place);
        return status;
    }
    portico_status commit(std::uint64_t buffer, std::uint64_t used) {
        return call([&] { return table().commit(script_.instance(), buffer, used); });
    }
    portico_status drop(std::uint64_t buffer) {
        return call([&] { return table().drop(script_.instance(), buffer); });
    }

    [[nodiscard]] const portico_send_owned& table() const {
        return *script_.extension<portico_send_owned>(PORTICO_EXT_SEND_OWNED);
    }

    // Runs in each release.
    std::function<void(Sent&, portico_status)> on_release;
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> released_ok{0};
    std::atomic<std::uint64_t> released_closing{0};

    [[nodiscard]] bool all_released() const { return accepted == released_ok + released_closing; }

private:
    template <class Call>
    static portico_status call(Call&& function) {
        in_call = true;
        const portico_status status = function();
        in_call = false;
        return status;
    }

    static void PORTICO_CALL released(void* self, portico_connection connection, void* state,
                                      void* argument, portico_status status) {
        static_cast<void>(state);
        Sent& sent = *static_cast<Sent*>(argument);
        Owner& owner = *sent.owner;
        Line& line = *sent.line;
        if (in_call) {
            owner.script_.violated("a release inside a host function");
        }
        if (self == nullptr || connection != line.handle ||
            (status != PORTICO_OK && status != PORTICO_CLOSING)) {
            owner.script_.violated("a release with wrong arguments");
        }
        if (line.inside.fetch_add(1) != 0) {
            owner.script_.violated("a release while a callback of the connection runs");
        }
        if (line.closes != 0) {
            owner.script_.violated("a release after on_close");
        }
        if (sent.releases.fetch_add(1) != 0) {
            owner.script_.violated("a second release, or one that is not due");
        }
        sent.status = status;
        if (owner.on_release) {
            owner.on_release(sent, status);
        }
        // The memory may be used again at once.
        for (std::string& text : sent.texts) {
            std::fill(text.begin(), text.end(), '!');
        }
        line.inside.fetch_sub(1);
        ++(status == PORTICO_OK ? owner.released_ok : owner.released_closing);
    }

    Script& script_;
    std::mutex mutex_;
    std::deque<Sent> all_;
};

// Consumes the offer and does `what` once.
auto answering(std::function<portico_status(Line&, std::string_view)> what) {
    return [what = std::move(what)](Line& line, std::string_view data, const portico_frame&,
                                    std::uint64_t& consumed) {
        consumed = data.size();
        return what(line, data);
    };
}

}  // namespace

TEST_CASE("owned parts of all sizes arrive as they were, and are released once", "[owned]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Owner owner(script);
    std::string all;
    std::vector<std::string> texts;
    for (const std::size_t size : {0, 1, 1, 0, 255, 256, 257, 1, 70'000, 0, 3, 100'000, 12}) {
        texts.push_back(pattern(all.size(), size));
        all += texts.back();
    }
    script.on_data = answering(
        [&](Line& line, std::string_view) { return owner.send(line, texts); });
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    for (std::uint64_t round = 1; round <= 3; ++round) {
        REQUIRE(peer.send_all("?"));
        CHECK(peer.receive_exactly(all.size()) == all);
        // The connection is idle: nothing else wakes the worker.
        CHECK(eventually([&] { return owner.released_ok == round; }));
    }
    peer.close();
    CHECK(server.comes_to_rest());
    CHECK(owner.accepted == 3);
    CHECK(owner.released_closing == 0);
}

TEST_CASE("owned, copied, gathered and reserved sends keep their order", "[owned]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Owner owner(script);
    std::string all;
    script.on_data = answering([&](Line& line, std::string_view) -> portico_status {
        const auto next = [&](std::size_t size) {
            const std::string text = pattern(all.size(), size);
            all += text;
            return text;
        };
        for (int i = 0; i < 20; ++i) {
            const std::string head = next(100);
            const std::string body = next(3'000);
            const std::string one = next(7), two = next(400);
            char* data = nullptr;
            std::uint64_t buffer = 0;
            if (script.send(line, head) != PORTICO_OK ||
                owner.send(line, {body.substr(0, 1'000), body.substr(1'000)}) != PORTICO_OK ||
                script.send_parts(line, {one, two}) != PORTICO_OK ||
                owner.reserve(line, 600, data, buffer) != PORTICO_OK) {
                return PORTICO_ERROR;
            }
            // A send in between goes before.
            if (script.send(line, next(5)) != PORTICO_OK) {
                return PORTICO_ERROR;
            }
            const std::string written = next(500);
            std::copy(written.begin(), written.end(), data);
            if (owner.commit(buffer, written.size()) != PORTICO_OK) {
                return PORTICO_ERROR;
            }
        }
        return script.send(line, next(50));
    });
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("?"));
    constexpr std::size_t size = 20 * (100 + 3'000 + 7 + 400 + 5 + 500) + 50;
    CHECK(first_difference(peer.receive_exactly(size), 0) == std::string::npos);
    CHECK(eventually([&] { return owner.released_ok == 20; }));
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("parts are one message: other threads' bytes never come between", "[owned]") {
    const std::string ports = ANY_PORTS();
    const bool is_owned = GENERATE(false, true);
    CAPTURE(ports, is_owned);
    Script script;
    Owner owner(script);
    constexpr std::size_t threads = 4;
    const std::size_t messages = sanitized ? 100 : 500;
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(eventually([&] { return script.opened == 1; }));
    Line& line = *script.line(0);
    std::vector<std::thread> senders;
    for (std::size_t thread = 0; thread < threads; ++thread) {
        senders.emplace_back([&, thread] {
            const std::string letter(1, static_cast<char>('a' + thread));
            const std::string long_text(300, letter[0]);
            for (std::size_t sent = 0; sent < messages;) {
                const portico_status status = is_owned ? owner.send(line,
                                                                    {letter, "", long_text, letter})
                                                       : script.send_parts(
                                                             line, {letter, "", long_text, letter});
                if (status == PORTICO_OK) {
                    ++sent;
                } else {
                    std::this_thread::yield();
                }
            }
        });
    }
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < threads * messages; ++i) {
        const std::string message = peer.receive_exactly(302);
        if (message.empty() || message != std::string(302, message[0])) {
            ++wrong;
        }
    }
    for (std::thread& sender : senders) {
        sender.join();
    }
    CHECK(wrong == 0);
    CHECK(eventually([&] { return owner.all_released(); }));
    CHECK(owner.released_closing == 0);
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("what is not allowed is refused, and nothing is released or sent for it", "[owned]") {
    Script script;
    Owner owner(script);
    std::atomic<int> wrong{0};
    static std::atomic<int> released{0};
    released = 0;
    script.on_data = answering([&](Line& line, std::string_view data) -> portico_status {
        const portico_host& host = *script.host();
        const portico_send_owned& owned = owner.table();
        portico_instance* self = script.instance();
        const portico_release_function release = [](void*, portico_connection, void*, void*,
                                                    portico_status) { ++released; };
        std::vector<portico_part> parts(1'025, portico_part{"x", 1});
        const auto both = [&](std::uint64_t connection, const portico_part* first,
                              std::uint32_t count, std::uint32_t stride, portico_status expected) {
            wrong += host.send_parts(self, connection, first, count, stride) != expected ? 1 : 0;
            wrong += owned.send(self, connection, first, count, stride, release, nullptr) !=
                             expected
                         ? 1
                         : 0;
        };
        constexpr std::uint32_t stride = sizeof(portico_part);
        both(line.handle, nullptr, 1, stride, PORTICO_INVALID);
        both(line.handle, parts.data(), 0, stride, PORTICO_INVALID);
        both(line.handle, parts.data(), 1'025, stride, PORTICO_INVALID);
        both(line.handle, parts.data(), 1, stride - 1, PORTICO_INVALID);
        both(line.handle + 1, parts.data(), 1, stride, PORTICO_GONE);
        both(0, parts.data(), 1, stride, PORTICO_GONE);
        parts[1] = {nullptr, 1};
        both(line.handle, parts.data(), 2, stride, PORTICO_INVALID);
        // The sum is above the limit, or overflows.
        parts[1] = {parts.data(), 1'000};
        both(line.handle, parts.data(), 2, stride, PORTICO_TOO_LARGE);
        parts[1] = {parts.data(), UINT64_MAX};
        both(line.handle, parts.data(), 3, stride, PORTICO_TOO_LARGE);
        parts[1] = {parts.data(), UINT32_MAX};
        both(line.handle, parts.data(), 3, stride, PORTICO_TOO_LARGE);
        wrong += owned.send(self, line.handle, parts.data(), 1, stride, nullptr, nullptr) !=
                         PORTICO_INVALID
                     ? 1
                     : 0;
        return script.send(line, data);
    });
    TestServer server(io_of("per_core"),
                      {{"x", "relay#full", R"("limits": {"max_send_bytes": 1000})", &script}});
    Peer peer = server.connect("x");
    CHECK(echoes(peer, "nothing before this"));
    CHECK(wrong == 0);
    CHECK(released == 0);
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("owned bytes count in the queue, and stay until a slow peer has room for them",
          "[owned]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Owner owner(script);
    // The system takes far less for a peer that does not read.
    constexpr std::uint64_t high = 8'000'000;
    constexpr std::size_t piece = 500'000;
    std::atomic<std::size_t> made{0};
    const auto fill = [&](Line& line) -> portico_status {
        portico_status status = PORTICO_OK;
        while ((status = owner.send(line, {pattern(made, piece)})) == PORTICO_OK) {
            made += piece;
        }
        const std::uint64_t queued = script.queued_bytes(line);
        constexpr std::uint64_t cost = 2'000 * (high / piece + 1);
        if (status == PORTICO_WOULD_BLOCK && (queued < high || queued > high + piece + cost)) {
            script.violated("refused with " + std::to_string(queued) + " bytes queued");
        }
        return status == PORTICO_WOULD_BLOCK ? PORTICO_OK : status;
    };
    script.on_data = answering([&](Line& line, std::string_view) { return fill(line); });
    script.on_writable = [&](Line& line) -> portico_status {
        return line.writables < 3 ? fill(line) : PORTICO_OK;
    };
    TestServer server(io_of(ports),
                      {{"x", "relay#full", R"("limits": {"send_queue_bytes": 8000000})", &script}});
    Peer peer = server.connect("x", 16'384, 16'384);
    REQUIRE(peer.send_all("?"));
    REQUIRE(eventually([&] { return script.line(0) != nullptr && script.line(0)->blocked != 0; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(owner.accepted > owner.released_ok);
    CHECK(owner.released_closing == 0);
    std::string all;
    while (all.size() < made || script.line(0)->writables < 3) {
        const std::string more = peer.receive_exactly(
            std::min<std::size_t>(100'000, made - all.size()));
        REQUIRE((!more.empty() || all.size() == made));
        all += more;
    }
    CHECK(first_difference(all, 0) == std::string::npos);
    CHECK(eventually([&] { return owner.all_released(); }));
    CHECK(owner.released_closing == 0);
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("if a connection is cut, what was not sent is released before on_close", "[owned]") {
    const std::string ports = ANY_PORTS();
    const int how = GENERATE(0, 1, 2);  // the plugin aborts, the peer resets, a deadline
    CAPTURE(ports, how);
    Script script;
    Owner owner(script);
    // Together far more than the system takes for a peer that does not read.
    const std::string piece(1'000'000, 'x');
    script.on_data = answering([&](Line& line, std::string_view) -> portico_status {
        while (owner.send(line, {piece}) == PORTICO_OK) {
        }
        if (how == 0) {
            return script.close(line, PORTICO_CLOSE_ABORT);
        }
        return how == 2 ? script.close(line) : PORTICO_OK;
    });
    script.on_close = [&](Line&, const portico_closed& closed) {
        if (!owner.all_released() || owner.released_closing == 0) {
            script.violated("on_close before the releases");
        }
        if (closed.unsent_bytes == 0) {
            script.violated("nothing is said to be unsent");
        }
    };
    TestServer server(
        io_of(ports),
        {{"x", "relay#full", R"("limits": {"send_queue_bytes": 16000000, "close_timeout_ms": 300})",
          &script}});
    Peer peer = server.connect("x", 16'384, 16'384);
    REQUIRE(peer.send_all("?"));
    REQUIRE(eventually([&] { return script.line(0) != nullptr && owner.accepted > 2; }));
    if (how == 1) {
        REQUIRE(eventually([&] { return script.line(0)->blocked != 0; }));
        peer.abort();
    }
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(owner.all_released());
    CHECK(owner.released_closing != 0);
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("owned sends of other threads that race with the close are released once", "[owned]") {
    const std::string ports = ANY_PORTS();
    const bool is_abort = GENERATE(false, true);
    CAPTURE(ports, is_abort);
    Script script;
    Owner owner(script);
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    const std::size_t rounds = sanitized ? 10 : 40;
    for (std::size_t round = 0; round < rounds; ++round) {
        Peer peer = server.connect("x");
        REQUIRE(eventually([&] { return script.opened == round + 1; }));
        Line& line = *script.line(round);
        std::atomic<bool> go{false};
        std::vector<std::thread> senders;
        for (int thread = 0; thread < 3; ++thread) {
            senders.emplace_back([&, thread] {
                while (!go) {
                    std::this_thread::yield();
                }
                for (int i = 0; i < 50; ++i) {
                    std::vector<std::string> texts{std::string(i % 3 == 0 ? 0 : 20'000, 'x')};
                    if (owner.send(line, std::move(texts)) == PORTICO_GONE) {
                        return;
                    }
                    if (thread == 0 && i == 5) {
                        static_cast<void>(script.close(
                            line, is_abort ? PORTICO_CLOSE_ABORT : PORTICO_CLOSE_GRACEFUL));
                    }
                }
            });
        }
        go = true;
        Peer::Outcome outcome{};
        const std::string all = peer.receive_to_end(outcome);
        for (std::thread& sender : senders) {
            sender.join();
        }
        peer.close();
        REQUIRE(eventually([&] { return script.closed == round + 1; }));
        CHECK(owner.all_released());
        if (!is_abort) {
            CHECK(outcome == Peer::Outcome::end);
            CHECK(all.size() == line.accepted);
        }
    }
    CHECK(is_abort == (owner.released_closing != 0));
    CHECK(server.comes_to_rest());
}

TEST_CASE("what on_open has sent is released, even if it refuses the connection", "[owned]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Owner owner(script);
    script.on_open = [&](Line& line) -> portico_status {
        return owner.send(line, {"", pattern(0, 5'000)}) == PORTICO_OK ? PORTICO_REFUSED
                                                                       : PORTICO_OK;
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    CHECK(eventually([&] { return owner.released_closing == 1; }));
    CHECK(owner.all_released());
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("a release may send the next piece, and close", "[owned]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Owner owner(script);
    constexpr std::size_t piece = 30'000;
    const std::size_t pieces = sanitized ? 30 : 300;
    std::atomic<std::size_t> sent{0};
    const auto next = [&](Line& line) {
        return owner.send(line, {pattern(sent++ * piece, piece)});
    };
    owner.on_release = [&](Owner::Sent& done, portico_status status) {
        if (status != PORTICO_OK) {
            return;
        }
        const portico_status answer = sent < pieces ? next(*done.line) : script.close(*done.line);
        if (answer != PORTICO_OK) {
            script.violated("a release is answered " + std::to_string(answer));
        }
    };
    script.on_data = answering([&](Line& line, std::string_view) { return next(line); });
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("?"));
    Peer::Outcome outcome{};
    const std::string all = peer.receive_to_end(outcome);
    CHECK(outcome == Peer::Outcome::end);
    CHECK(all.size() == pieces * piece);
    CHECK(first_difference(all, 0) == std::string::npos);
    CHECK(owner.released_ok == pieces);
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("a reservation belongs to its callback and ends once", "[owned]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Owner owner(script);
    std::uint64_t kept = 0;
    char* kept_data = nullptr;
    const auto expect = [&](portico_status status, portico_status expected, const char* what) {
        if (status != expected) {
            script.violated(std::string(what) + " answers " + std::to_string(status));
        }
    };
    script.on_data = answering([&](Line& line, std::string_view data) -> portico_status {
        char* place = nullptr;
        std::uint64_t buffer = 0;
        if (line.offers == 1) {
            expect(owner.reserve(line, 0, place, buffer), PORTICO_INVALID, "a reserve of 0");
            expect(owner.reserve(line, 1'001, place, buffer), PORTICO_TOO_LARGE, "a large one");
            expect(owner.reserve(line, UINT64_MAX, place, buffer), PORTICO_TOO_LARGE, "the most");
            expect(owner.commit(0, 1), PORTICO_GONE, "a commit of nothing");
            expect(owner.reserve(line, 8, place, buffer), PORTICO_OK, "reserve");
            std::uint64_t second = 0;
            char* other = nullptr;
            expect(owner.reserve(line, 8, other, second), PORTICO_INVALID, "a second reserve");
            expect(owner.commit(buffer, 9), PORTICO_INVALID, "a commit of too much");
            expect(owner.commit(buffer + 1, 1), PORTICO_GONE, "another number");
            std::copy_n("reserved", 8, place);
            expect(owner.commit(buffer, 8), PORTICO_OK, "commit");
            expect(owner.commit(buffer, 8), PORTICO_GONE, "a second commit");
            expect(owner.drop(buffer), PORTICO_GONE, "a drop after it");
            expect(owner.reserve(line, 1'000, place, buffer), PORTICO_OK, "the next");
            expect(owner.drop(buffer), PORTICO_OK, "drop");
            expect(owner.reserve(line, 1'000, place, buffer), PORTICO_OK, "one more");
            expect(owner.commit(buffer, 0), PORTICO_OK, "a commit of 0");
            expect(owner.reserve(line, 1'000, kept_data, kept), PORTICO_OK, "one that is kept");
            std::thread([&] {
                std::uint64_t number = 0;
                char* elsewhere = nullptr;
                expect(owner.reserve(line, 8, elsewhere, number), PORTICO_UNSUPPORTED, "elsewhere");
                expect(owner.commit(kept, 8), PORTICO_GONE, "a commit elsewhere");
            }).join();
            return PORTICO_OK;
        }
        expect(owner.commit(kept, 8), PORTICO_GONE, "a commit in the next callback");
        expect(owner.drop(kept), PORTICO_GONE, "a drop in the next callback");
        expect(owner.reserve(line, 3, place, buffer), PORTICO_OK, "a reserve after all that");
        std::copy_n("end", 3, place);
        expect(script.finish_sending(line), PORTICO_OK, "finish_sending");
        expect(owner.commit(buffer, 3), PORTICO_CLOSING, "a commit after the end");
        return data == "2" ? script.close(line) : PORTICO_ERROR;
    });
    TestServer server(io_of(ports),
                      {{"x", "relay#full", R"("limits": {"max_send_bytes": 1000})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("1"));
    CHECK(peer.receive_exactly(8) == "reserved");
    REQUIRE(peer.send_all("2"));
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome).empty());
    CHECK(outcome == Peer::Outcome::end);
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("a full queue refuses a reservation and tells when there is room", "[owned]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Owner owner(script);
    std::atomic<std::uint64_t> committed{0};
    const auto fill = [&](Line& line) -> portico_status {
        for (;;) {
            char* place = nullptr;
            std::uint64_t buffer = 0;
            const portico_status status = owner.reserve(line, 40'000, place, buffer);
            if (status == PORTICO_WOULD_BLOCK) {
                ++line.blocked;
                return PORTICO_OK;
            }
            if (status != PORTICO_OK) {
                return status;
            }
            const std::string text = pattern(committed, 30'000);
            std::copy(text.begin(), text.end(), place);
            committed += text.size();
            if (owner.commit(buffer, text.size()) != PORTICO_OK) {
                return PORTICO_ERROR;
            }
        }
    };
    script.on_data = answering([&](Line& line, std::string_view) { return fill(line); });
    script.on_writable = [&](Line& line) {
        return line.writables < 5 ? fill(line) : script.close(line);
    };
    TestServer server(io_of(ports),
                      {{"x", "relay#full", R"("limits": {"send_queue_bytes": 262144})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("?"));
    Peer::Outcome outcome{};
    const std::string all = peer.receive_to_end(outcome);
    CHECK(outcome == Peer::Outcome::end);
    CHECK(all.size() == committed);
    CHECK(first_difference(all, 0) == std::string::npos);
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("one static buffer is sent to all", "[owned]") {
    const std::string ports = ANY_PORTS();
    TestServer server(io_of(ports), {{"x", "notices", "", nullptr}});
    constexpr std::size_t notice = 100'000;  // tests/plugins/notices.c
    std::vector<Peer> peers;
    for (int i = 0; i < 8; ++i) {
        peers.push_back(server.connect("x"));
        REQUIRE(peers.back().send_all("?"));
        REQUIRE(peers.back().receive_exactly(notice).size() == notice);
    }
    // Any byte from one of them brings the notice to all.
    REQUIRE(peers[3].send_all("!"));
    const std::string expected = [] {
        std::string text(notice, ' ');
        for (std::size_t i = 0; i < notice; ++i) {
            text[i] = static_cast<char>('a' + i % 23);
        }
        return text;
    }();
    for (Peer& peer : peers) {
        CHECK(peer.receive_exactly(notice) == expected);
        peer.close();
    }
    CHECK(server.comes_to_rest());
}
