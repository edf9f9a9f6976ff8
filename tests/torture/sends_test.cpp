// Parts, owned sends and reservations while each allocation fails in turn: all or nothing.
#include "integration/service.hpp"
#include "torture/scenario.hpp"

#include "portico/ext/send_owned.h"

using namespace portico;
using namespace portico::test;

namespace {

constexpr std::uint32_t caller = 0;
constexpr std::uint32_t worker = 2;  // 1 is the log's

const std::string one_port = R"({"ports": "per_core", "threads": 1, "receive_buffer_bytes": 1024})";

// Sends that are made again if memory was out. Nothing in here allocates.
struct Sends {
    explicit Sends(Script& its_script) : script(its_script) {}

    void prepare() {
        constexpr std::string_view id = PORTICO_EXT_SEND_OWNED;
        owned = static_cast<const portico_send_owned*>(
            script.host()->get_extension(script.instance(), id.data(), id.size()));
    }

    template <class Call>
    void succeeds(Call&& call) {
        portico_status status = call();
        if (status == PORTICO_NO_MEMORY) {
            ++refused;
            status = call();
        }
        all = all && status == PORTICO_OK;
    }
    void send_parts(Line& line) {
        succeeds([&] {
            return script.host()->send_parts(script.instance(), line.handle, parts, 3,
                                             sizeof parts[0]);
        });
        expected_bytes += bytes;
    }
    void send_owned(Line& line) {
        succeeds([&] {
            return owned->send(
                script.instance(), line.handle, parts, 3, sizeof parts[0],
                [](void*, portico_connection, void*, void* argument, portico_status) {
                    ++*static_cast<std::atomic<int>*>(argument);
                },
                &released);
        });
        expected_bytes += bytes;
        ++owned_sends;
    }
    void send_reserved(Line& line) {
        void* place = nullptr;
        std::uint64_t buffer = 0;
        succeeds(
            [&] { return owned->reserve(script.instance(), line.handle, 2'000, &place, &buffer); });
        std::fill_n(static_cast<char*>(place), 1'000, 'x');
        succeeds([&] { return owned->commit(script.instance(), buffer, 1'000); });
        expected_bytes += 1'000;
    }

    Script& script;
    const portico_send_owned* owned = nullptr;
    const std::string small = std::string(10, 'x');
    const std::string large = std::string(100'000, 'x');
    const portico_part parts[3] = {
        {small.data(), small.size()}, {large.data(), large.size()}, {small.data(), small.size()}};
    const std::size_t bytes = large.size() + 2 * small.size();
    std::size_t expected_bytes = 0;
    int owned_sends = 0;
    int refused = 0;
    bool all = true;
    std::atomic<int> released{0};
};

}  // namespace

TEST_CASE("without memory a send is refused as a whole, and succeeds when there is some again",
          "[sends]") {
    const std::uint32_t thread = GENERATE(caller, worker);
    INFO((thread == caller ? "another thread" : "the connection's callback"));
    const std::size_t failed = torture([&](std::uint64_t n) {
        number_threads();
        Script script;
        Sends sends(script);
        std::atomic<bool> done{false};
        script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                             std::uint64_t& consumed) {
            consumed = data.size();
            FailingCalls failing(caller, n, Failing::once);  // of this thread
            for (int i = 0; i < 2; ++i) {
                sends.send_parts(line);
                sends.send_owned(line);
                sends.send_reserved(line);
            }
            failing.stop();
            sends.refused -= failing.has_failed() ? 1 : 0;
            line.flag = failing.has_failed() ? 1 : 0;
            done = true;
            return PORTICO_OK;
        };
        TestServer server(one_port, {{"relay", "relay#full",
                                      R"("limits": {"send_queue_bytes": 4000000})", &script}});
        sends.prepare();
        Peer peer = server.connect("relay");
        REQUIRE(eventually([&] { return script.opened == 1; }));
        Line& line = *script.line(0);
        if (thread == caller) {
            FailingCalls failing(caller, n, Failing::once);
            sends.send_owned(line);
            sends.send_owned(line);
            failing.stop();
            sends.refused -= failing.has_failed() ? 1 : 0;
            line.flag = failing.has_failed() ? 1 : 0;
        } else {
            REQUIRE(peer.send_all("?"));
            REQUIRE(eventually([&] { return done.load(); }));
        }
        CHECK(sends.all);
        CHECK(sends.refused == 0);
        const std::string got = peer.receive_exactly(sends.expected_bytes);
        CHECK(got == std::string(sends.expected_bytes, 'x'));
        CHECK(eventually([&] { return sends.released == sends.owned_sends; }));
        peer.close();
        CHECK(server.comes_to_rest());
        return line.flag != 0;
    });
    CHECK(failed >= (thread == caller ? 2U : 4U));
}
