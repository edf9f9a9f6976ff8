// "listen" as a list: one instance serves all of its addresses, and they share its limits.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include "integration/service.hpp"
#include "support/loopback.hpp"

using namespace portico;
using namespace portico::test;

namespace {

std::string contents_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

Peer connect_to(const Endpoint& endpoint) {
    base::Result<io::HostPort> where = io::parse_host_port(endpoint.address);
    REQUIRE(where);
    std::optional<io::Address> address = io::parse_address(where->host);
    REQUIRE(address);
    address->port = endpoint.port;
    Peer peer;
    INFO(endpoint.address);
    REQUIRE(peer.connect(*address));
    return peer;
}

// The errors of a start, or of a check without ports, each on a line of its own.
std::string errors_of(const ListenerSpec& listener, bool starts) {
    Server server;
    server.set_default_plugin_directory(test_plugin_directory());
    REQUIRE(server.configure_text(configuration_of("{}", {listener}, ""), "."));
    CHECK_FALSE((starts ? server.start() : server.check(false)));
    CHECK(server.endpoints().empty());
    std::string errors;
    for (const std::string& error : server.errors()) {
        errors += error + "\n";
    }
    return errors;
}

}  // namespace

TEST_CASE("one instance serves every address of a list, and on_open is told which", "[listen]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#full", "relay#serial", "relay#blocking");
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        return script.send(line, data);
    };
    TestServer server(io_of(ports),
                      {{"x", plugin, "", &script,
                        R"(["127.0.0.1:0", "localhost:0", "127.0.0.1:0", "[::1]:0"])"}});
    const std::vector<Endpoint> endpoints = server.server.endpoints();
    std::vector<std::uint64_t> of_entry(4);
    std::vector<Peer> peers;
    for (const Endpoint& endpoint : endpoints) {
        peers.push_back(connect_to(endpoint));
        REQUIRE(echoes(peers.back(), "hello"));
        Line* line = script.line(peers.size() - 1);
        REQUIRE(line != nullptr);
        CHECK(line->opened.listen_index == endpoint.listen_index);
        portico_connection_info info{};
        REQUIRE(script.info(line->handle, info) == PORTICO_OK);
        CHECK(std::string(info.local.text, info.local.text_size) == endpoint.address);
        ++of_entry.at(endpoint.listen_index);
    }
    CHECK(std::is_sorted(
        endpoints.begin(), endpoints.end(),
        [](const auto& one, const auto& other) { return one.listen_index < other.listen_index; }));
    CHECK(of_entry[0] == 1);
    CHECK(of_entry[1] >= 1);  // the name's addresses have one index
    CHECK(of_entry[2] == 1);
    CHECK(of_entry[3] == 1);
    CHECK(endpoints.front().port != endpoints[endpoints.size() - 2].port);  // two free ports
    CHECK(script.creates == 1);
}

TEST_CASE("the limit of connections is the listener's, whatever address is used", "[listen]") {
    const std::string ports = ANY_PORTS();
    TestServer server(io_of(ports),
                      {{"echo", "echo", R"("limits": {"connections": 2})", nullptr,
                        R"(["127.0.0.1:0", "127.0.0.1:0", "[::1]:0"])"}},
                      R"("log": {"level": "error"})");
    const std::vector<Endpoint> endpoints = server.server.endpoints();
    REQUIRE(endpoints.size() == 3);
    for (int round = 0; round < 5; ++round) {
        std::vector<Peer> served;
        std::vector<Peer> waiting;
        for (std::size_t i = 0; i < 2; ++i) {
            served.push_back(connect_to(endpoints[i]));
            REQUIRE(echoes(served.back(), "in"));
        }
        for (const Endpoint& endpoint : endpoints) {
            waiting.push_back(connect_to(endpoint));
            REQUIRE(waiting.back().send_all("waiting"));
        }
        for (Peer& peer : waiting) {
            CHECK(peer.is_quiet_for(20));
        }
        CHECK(server.statistics().connections_open == 2);
        // Whoever gets the free place keeps it until the others have had theirs.
        for (std::size_t left = waiting.size(); left > 0; --left) {
            served.erase(served.begin());
            std::size_t next = waiting.size();
            REQUIRE(eventually([&] {
                for (std::size_t i = 0; i < waiting.size() && next == waiting.size(); ++i) {
                    next = waiting[i].is_quiet_for(1) ? next : i;
                }
                return next != waiting.size();
            }));
            CHECK(waiting[next].receive_exactly(6) == "aiting");  // the first byte has come
            served.push_back(std::move(waiting[next]));
            waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(next));
            CHECK(server.statistics().connections_open == 2);
        }
        served.clear();
        REQUIRE(server.comes_to_rest());
    }
}

TEST_CASE("an entry of a list that fails ends the start, and nothing stays open", "[listen]") {
    io::Socket taken;
    REQUIRE(taken.listen(loopback(), 1));
    const std::uint16_t port = taken.local_address().port;
    io::Address other = loopback(port);
    other.bytes = {127, 0, 4, 17};  // nobody else listens there
    Script script;
    const std::string errors = errors_of(
        {"x", "relay#full", "", &script,
         "[\"" + io::to_string(other) + "\",\n\"" + io::to_string(loopback(port)) + "\"]"},
        true);
    INFO(errors);
    CHECK(contains(errors, "configuration:2: listener \"x\": listen[1]: cannot listen on " +
                               io::to_string(loopback(port))));
    CHECK_FALSE(contains(errors, "listen[0]"));
    CHECK(script.creates == 0);
    Peer peer;
    CHECK_FALSE(peer.connect(other));
    taken.close();
}

TEST_CASE("entries of a list that cover one address are refused, without a word of other programs",
          "[listen]") {
    struct Case {
        const char* list;
        const char* error;
    };
    const Case one = GENERATE(
        Case{R"(["127.0.0.1:5000", "127.1:5000"])",
             R"(listen[1]: "127.1:5000" covers 127.0.0.1:5000, and so does listen[0], )"
             R"("127.0.0.1:5000": leave one of them out)"},
        Case{R"(["6000", "127.0.0.1:5000", "0.0.0.0:5000"])",
             R"(listen[2]: "0.0.0.0:5000" covers 127.0.0.1:5000, and so does listen[1])"},
        Case{R"(["[::]:5000", "[::1]:5000"])", R"(listen[1]: "[::1]:5000" covers [::1]:5000)"},
        Case{R"(["[::1]:5000", "[0:0::1]:5000"])",
             R"(listen[1]: "[0:0::1]:5000" covers [::1]:5000)"});
    const std::string errors = errors_of({"x", "echo", "", nullptr, one.list}, false);
    INFO(errors);
    CHECK(contains(errors, "listener \"x\": " + std::string(one.error)));
    CHECK(errors.find('\n') == errors.size() - 1);
}

TEST_CASE("all addresses of one family and all of the other are two entries", "[listen]") {
    TestServer server(io_of("per_core"),
                      {{"echo", "echo", "", nullptr, R"(["0.0.0.0:0", "[::]:0"])"}});
    const std::vector<Endpoint> endpoints = server.server.endpoints();
    REQUIRE(endpoints.size() == 2);
    for (const auto family : {io::Address::Family::v4, io::Address::Family::v6}) {
        const Endpoint& endpoint = endpoints[family == io::Address::Family::v4 ? 0 : 1];
        Peer peer;
        REQUIRE(peer.connect(loopback(family, endpoint.port)));
        CHECK(echoes(peer, "hello"));
    }
}

TEST_CASE("the log names each address at the start, and the one that each client used",
          "[listen]") {
    const bool is_list = GENERATE(false, true);
    const std::string log = Server::program_directory() + "/listen.log";
    std::remove(log.c_str());
    std::vector<Endpoint> endpoints;
    {
        TestServer server(io_of("per_core"),
                          {{"echo", "echo", "", nullptr,
                            is_list ? R"(["127.0.0.1:0", "[::1]:0"])" : R"(["127.0.0.1:0"])"}},
                          R"("log": {"level": "info", "file": "listen.log"})");
        endpoints = server.server.endpoints();
        REQUIRE(endpoints.size() == (is_list ? 2 : 1));
        for (const Endpoint& endpoint : endpoints) {
            Peer peer = connect_to(endpoint);
            CHECK(echoes(peer, "hello"));
        }
    }
    const std::string lines = contents_of(log);
    INFO(lines);
    for (const Endpoint& endpoint : endpoints) {
        CHECK(contains(lines, "listener=echo listening on " + endpoint.address));
        CHECK(contains(lines, " local=" + endpoint.address + " in=5 ") == is_list);
    }
    CHECK(contains(lines, " local=") == is_list);
    std::remove(log.c_str());
}
