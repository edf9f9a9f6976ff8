// portico/testkit.hpp, with a plugin of the examples that is linked into this program.
#include <portico/testkit.hpp>

#include "support/catch.hpp"

using portico::testkit::options;
using portico::testkit::peer;
using portico::testkit::peer_state;
using portico::testkit::world;

PORTICO_EXTERN_C const portico_module* PORTICO_CALL tcp_proxy_query(std::uint32_t major);

namespace {

options lines() {
    options wanted;
    wanted.framing = "delimiter:\n";
    return wanted;
}

}  // namespace

TEST_CASE("a message is answered when the world runs") {
    world its(portico_plugin_query, lines());
    peer client = its.connect();
    client.send("PI");
    its.run();
    CHECK(client.received().empty());
    client.send("NG\nECHO hello\n");
    CHECK(client.received().empty());
    its.run();
    CHECK(client.take() == "PONG\nhello\n");
    CHECK(client.take().empty());
    CHECK(client.state() == peer_state::open);
    client.finish();
    its.run();
    CHECK(client.state() == peer_state::finished);
    its.stop();
    CHECK(its.findings().empty());
}

TEST_CASE("time passes only when the test lets it") {
    options wanted = lines();
    wanted.idle_timeout_ms = 60'000;
    world its(portico_plugin_query, wanted);
    peer client = its.connect();
    const std::uint64_t before = its.now();
    its.advance(59'000);
    CHECK(client.state() == peer_state::open);
    its.advance(2'000);
    CHECK(client.state() != peer_state::open);
    CHECK(its.now() - before >= 61'000'000'000U);
}

TEST_CASE("a peer that does not read holds up the plugin") {
    options wanted = lines();
    wanted.send_queue_bytes = 64;
    world its(portico_plugin_query, wanted);
    peer client = its.connect(4'096);
    client.reads(false);
    for (int i = 0; i < 40'000; ++i) {
        client.send("PING\n");
    }
    its.advance(1'000);
    CHECK(client.received().empty());
    client.reads(true);
    client.finish();
    its.advance(60'000);
    CHECK(client.received().size() == 200'000);
    CHECK(client.state() == peer_state::finished);
}

TEST_CASE("a new generation serves new connections, and the old one its own") {
    world its(portico_plugin_query, lines());
    peer older = its.connect();
    its.run();
    REQUIRE(its.reload());
    peer newer = its.connect();
    newer.send("PING\n");
    older.send("PING\n");
    its.run();
    CHECK(newer.take() == "PONG\n");
    CHECK(older.take() == "PONG\n");
    its.stop(0);
    CHECK(its.findings().empty());
}

TEST_CASE("a plugin that connects finds a server that sends back what it gets") {
    options wanted;
    wanted.settings = R"({"upstream": "backend"})";
    wanted.upstreams = "other backend";
    world its(tcp_proxy_query, wanted);
    peer client = its.connect();
    client.send("hello");
    its.run();
    CHECK(client.take() == "hello");
    client.finish();
    its.advance(100);
    CHECK(client.state() == peer_state::finished);
    its.stop();
    CHECK(its.findings().empty());
    CHECK(its.log().empty());
}

TEST_CASE("a world that cannot be made says why") {
    options wanted;  // pingpong needs lines
    CHECK_THROWS_AS(world(portico_plugin_query, wanted), std::runtime_error);
    wanted = lines();
    wanted.settings = "[]";
    CHECK_THROWS_AS(world(portico_plugin_query, wanted), std::runtime_error);
    wanted.settings = "{}";
    wanted.plugin = "another";
    CHECK_THROWS_AS(world(portico_plugin_query, wanted), std::runtime_error);
}
