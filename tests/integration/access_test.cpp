// Access lines: each connection that ends has one, on every kind of port, with what it was and did.
#include <algorithm>
#include <cstdio>
#include <fstream>

#include "integration/outbound.hpp"
#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

// The access lines of a server that has stopped, as JSON.
class AccessFile {
public:
    AccessFile() : name_(Server::program_directory() + "/access_test.log") {
        std::remove(name_.c_str());
    }
    ~AccessFile() { std::remove(name_.c_str()); }
    AccessFile(const AccessFile&) = delete;
    AccessFile& operator=(const AccessFile&) = delete;

    static constexpr const char* options =
        R"("log": {"level": "error", "format": "json", "access": "access_test.log"})";

    [[nodiscard]] std::vector<std::string> lines() const {
        std::ifstream in(name_, std::ios::binary);
        std::vector<std::string> all;
        for (std::string line; std::getline(in, line);) {
            all.push_back(line);
        }
        return all;
    }

private:
    const std::string name_;
};

bool contains(const std::string& line, const std::string& part) {
    return line.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a connection that ends has a line with its peer, bytes, messages and reason",
          "[access]") {
    const std::string ports = ANY_PORTS();
    const AccessFile file;
    std::string address;
    {
        Script script;
        script.on_data = [&](test::Line& line, std::string_view data, const portico_frame&,
                             std::uint64_t& consumed) {
            consumed = data.size();
            return script.send(line, "four");
        };
        TestServer server(io_of(ports), {{"it", "relay#full", "", &script}}, AccessFile::options);
        Peer peer = server.connect("it");
        address = io::to_string(peer.local_address());
        REQUIRE(peer.send_all("hello"));
        CHECK(peer.receive_exactly(4) == "four");
        peer.close();
        REQUIRE(eventually([&] { return script.closed == 1; }));
    }
    const std::vector<std::string> lines = file.lines();
    REQUIRE(lines.size() == 1);
    INFO(lines[0]);
    CHECK(contains(lines[0], R"("type":"access","level":"info","listener":"it","connection":")"));
    CHECK(contains(lines[0], R"("plugin":"relay#full","origin":"accepted","peer":")" + address +
                                 R"(","received_bytes":5,"sent_bytes":4,"messages":1,)"));
    CHECK(contains(lines[0], R"("reason":"plugin","status":0,"native_error":0})"));
}

TEST_CASE("the line has the status of a callback that failed", "[access]") {
    const std::string ports = ANY_PORTS();
    const AccessFile file;
    {
        Script script;
        script.on_data = [](test::Line&, std::string_view, const portico_frame&, std::uint64_t&) {
            return portico_status{PORTICO_PROTOCOL_ERROR};
        };
        TestServer server(io_of(ports), {{"it", "relay#full", "", &script}}, AccessFile::options);
        Peer peer = server.connect("it");
        REQUIRE(peer.send_all("hello"));
        REQUIRE(eventually([&] { return script.closed == 1; }));
    }
    const std::vector<std::string> lines = file.lines();
    REQUIRE(lines.size() == 1);
    INFO(lines[0]);
    CHECK(contains(lines[0], R"("reason":"plugin_error","status":-12,"native_error":0})"));
}

TEST_CASE("outbound connections have lines too", "[access]") {
    const std::string ports = ANY_PORTS();
    const AccessFile file;
    std::string address;
    {
        Script upstream_script;
        TestServer upstream(io_of(ports), {{"upstream", "relay#full", "", &upstream_script}});
        address = io::to_string(upstream.address("upstream"));
        Script script;
        Outbound outbound(script);
        TestServer server(io_of(ports), {{"it", "relay#full", "", &script}}, AccessFile::options);
        Outbound::Line& line = outbound.make();
        line.on_open = [&](Outbound::Line& its) {
            const portico_status sent = outbound.send(its, "first");
            return sent == PORTICO_OK ? outbound.close(its) : sent;
        };
        REQUIRE(outbound.connect(line, Outbound::To{"", address, 0, 0}) == PORTICO_OK);
        REQUIRE(eventually([&] { return line.closes == 1; }));
    }
    const std::vector<std::string> lines = file.lines();
    REQUIRE(lines.size() == 1);
    INFO(lines[0]);
    CHECK(contains(lines[0], R"("listener":"it",)"));
    CHECK(contains(lines[0], R"("plugin":"relay#full","origin":"connected","peer":")" + address +
                                 R"(","received_bytes":0,"sent_bytes":5,"messages":0,)"));
    CHECK(contains(lines[0], R"("reason":"plugin",)"));
}

TEST_CASE("no access line is missing after many short connections", "[access]") {
    const std::string ports = ANY_PORTS();
    const AccessFile file;
    constexpr std::size_t visits = sanitized ? 200 : 1'000;
    std::uint64_t missing = 0;
    {
        TestServer server(io_of(ports), {{"echo", "echo", ""}}, AccessFile::options);
        for (std::size_t i = 0; i < visits; ++i) {
            Peer peer = server.connect("echo");
            REQUIRE(echoes(peer, "x"));
        }
        CHECK(server.comes_to_rest());
        missing = server.statistics().log_lines_missing;
    }
    CHECK(missing == 0);
    const std::vector<std::string> lines = file.lines();
    CHECK(lines.size() == visits);
    CHECK(std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
              return contains(line, R"("received_bytes":1,"sent_bytes":1,"messages":1,)") &&
                     line.starts_with("{\"time\":\"") && line.ends_with("}");
          }) == static_cast<std::ptrdiff_t>(visits));
}
