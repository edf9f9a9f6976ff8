// Names: the extension portico.resolve on every kind of port and of instance, with the system's
// resolver. (Slow ones are in tests/unit and tests/sim.) Each request that was accepted is answered
// once, on the strand it belongs to.
#include <algorithm>

#include "integration/service.hpp"
#include "support/loopback.hpp"

#include "portico/ext/resolve.h"

using namespace portico;
using namespace portico::test;

namespace {

constexpr const char* plugins[] = {"relay#full", "relay#serial", "relay#blocking"};

// All requests of a test, and their answers.
class Names {
public:
    struct Request {
        Names* names = nullptr;
        portico_connection connection = 0;
        portico_request number = 0;
        std::function<void(Request&, portico_status)> on_answer;
        std::atomic<std::uint32_t> answers{0};
        std::atomic<portico_status> status{1};
        std::vector<std::string> texts;  // written in the answer's callback
        std::vector<std::uint16_t> numbers;
    };

    explicit Names(Script& script) : script_(script) {}

    [[nodiscard]] const portico_resolve& table() const {
        static constexpr std::string_view id = PORTICO_EXT_RESOLVE;
        return *static_cast<const portico_resolve*>(
            script_.host()->get_extension(script_.instance(), id.data(), id.size()));
    }
    Request& make(std::function<void(Request&, portico_status)> on_answer = {}) {
        const std::scoped_lock lock(mutex_);
        Request& made = all_.emplace_back();
        made.names = this;
        made.on_answer = std::move(on_answer);
        return made;
    }
    portico_status ask(Request& request, std::string_view name, portico_connection connection = 0,
                       std::uint32_t timeout_ms = 60'000) {
        request.connection = connection;
        const portico_status status = table().resolve(script_.instance(), connection, name.data(),
                                                      name.size(), timeout_ms, answered, &request,
                                                      &request.number);
        accepted += status == PORTICO_OK ? 1 : 0;
        return status;
    }
    portico_status cancel(const Request& request) const {
        return table().cancel(script_.instance(), request.number);
    }

    std::atomic<std::uint32_t> accepted{0};
    std::atomic<std::uint32_t> answered_{0};

private:
    static void PORTICO_CALL answered(void*, portico_connection connection, void* state,
                                      void* argument, const portico_resolved* resolved) {
        auto& request = *static_cast<Request*>(argument);
        Names& names = *request.names;
        auto* line = static_cast<Line*>(state);
        if (++request.answers != 1 || connection != request.connection ||
            resolved->request != request.number || resolved->struct_size != sizeof *resolved) {
            names.script_.violated("an answer twice, or to another request");
        }
        if (names.script_.host()->worker_index(names.script_.instance()) == UINT32_MAX) {
            names.script_.violated("an answer that is not told on a worker");
        }
        if ((line != nullptr) != (connection != 0) || (line != nullptr && line->closes != 0)) {
            names.script_.violated("an answer without the connection's state, or too late");
        }
        if (line != nullptr && line->inside.fetch_add(1) != 0) {
            names.script_.violated("an answer beside a callback of its connection");
        }
        for (std::uint32_t i = 0; i < resolved->count; ++i) {
            const auto& address = *reinterpret_cast<const portico_address*>(
                reinterpret_cast<const std::byte*>(resolved->addresses) + i * resolved->stride);
            request.texts.emplace_back(address.text, address.text_size);
            request.numbers.push_back(address.port);
        }
        request.status = resolved->status;
        if (request.on_answer) {
            request.on_answer(request, resolved->status);
        }
        if (line != nullptr) {
            line->inside.fetch_sub(1);
        }
        ++names.answered_;
    }

    Script& script_;
    std::mutex mutex_;
    std::deque<Request> all_;
};

}  // namespace

TEST_CASE("a name's addresses come to the connection, with its port", "[resolve]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Names names(script);
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        return names.ask(names.make([&](Names::Request& request, portico_status status) {
            static_cast<void>(script.send(
                line, status == PORTICO_OK ? request.texts.front() + "\n" : "nothing\n"));
        }),
                         data, line.handle);
    };
    TestServer server(io_of(ports), {{"x", plugin, "", &script}});
    Peer peer = server.connect("x");
    for (const std::string name : {"127.0.0.1:4711", "[::1]:1"}) {
        REQUIRE(peer.send_all(name));
        REQUIRE(peer.receive_exactly(name.size() + 1) == name + "\n");
    }
}

TEST_CASE("a name that needs the system's resolver", "[resolve]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Names names(script);
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Names::Request& known = names.make();
    REQUIRE(names.ask(known, "localhost:4711") == PORTICO_OK);
    Names::Request& unknown = names.make();
    REQUIRE(names.ask(unknown, "nobody.invalid:1", 0, 5'000) == PORTICO_OK);
    REQUIRE(eventually([&] { return known.answers == 1; }));
    CHECK(known.status == PORTICO_OK);
    CHECK(std::all_of(known.numbers.begin(), known.numbers.end(),
                      [](std::uint16_t port) { return port == 4711; }));
    CHECK(std::any_of(known.texts.begin(), known.texts.end(), [](const std::string& text) {
        return text == "127.0.0.1:4711" || text == "[::1]:4711";
    }));
    // (Without a name server this takes as long as the system likes.)
    REQUIRE(eventually([&] { return unknown.answers == 1; }));
    CHECK((unknown.status == PORTICO_NOT_FOUND || unknown.status == PORTICO_ERROR ||
           unknown.status == PORTICO_TIMED_OUT));
    CHECK(unknown.texts.empty());
}

TEST_CASE("what is no name with a port is refused", "[resolve]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Names names(script);
    std::atomic<portico_status> in_create{1};
    script.on_create = [&](Script&) {
        in_create = names.ask(names.make(), "127.0.0.1:1");
        return PORTICO_OK;
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    CHECK(in_create == PORTICO_UNSUPPORTED);
    for (const std::string_view name :
         {"", "localhost", "localhost:", "localhost:0", "localhost:65536", "[::1]", "*:1"}) {
        INFO(name);
        CHECK(names.ask(names.make(), name) == PORTICO_INVALID);
    }
    CHECK(names.ask(names.make(), std::string_view("a\0b:1", 5)) == PORTICO_INVALID);
    CHECK(names.ask(names.make(), "127.0.0.1:1", 12'345) == PORTICO_GONE);
    CHECK(names.accepted == 0);
    CHECK(names.answered_ == 0);
}

TEST_CASE("a request that is cancelled, or whose connection closes, is answered all the same",
          "[resolve]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE(from_range(std::begin(plugins), std::end(plugins)));
    Script script;
    Names names(script);
    std::atomic<std::uint32_t> cancelled{0};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        for (int i = 0; i < 20; ++i) {
            Names::Request& request = names.make();
            if (names.ask(request, "localhost:4711", line.handle) == PORTICO_OK && i % 2 == 0) {
                cancelled += names.cancel(request) == PORTICO_OK ? 1 : 0;
                // A second one comes too late in any case.
                if (names.cancel(request) != PORTICO_GONE) {
                    script.violated("a request is cancelled twice");
                }
            }
        }
        return script.close(line);
    };
    TestServer server(io_of(ports), {{"x", plugin, "", &script}});
    for (int i = 0; i < 10; ++i) {
        Peer peer = server.connect("x");
        REQUIRE(peer.send_all("x"));
        Peer::Outcome outcome{};
        REQUIRE(peer.receive_to_end(outcome).empty());
    }
    REQUIRE(eventually([&] { return names.answered_ == names.accepted; }));
    CHECK(names.accepted == 200);
    // In a callback of the connection nothing comes between.
    CHECK(cancelled == 100);
    CHECK(server.comes_to_rest());
}

TEST_CASE("a stop answers what is left", "[resolve]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Names names(script);
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    for (int i = 0; i < 200; ++i) {
        REQUIRE(names.ask(names.make(), i % 2 == 0 ? "localhost:1" : "nobody.invalid:1") ==
                PORTICO_OK);
    }
    CHECK_FALSE(server.stop().stuck);
    CHECK(names.answered_ == 200);
}
