// The C++ wrapper between a plugin's class and a host that does what the test says.
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/scripted_host.hpp"
#include "wrapped.hpp"

using portico::test::Driver;
using portico::test::ScriptedHost;
using wrapped::notes;

namespace {

struct Case {
    Case() {
        notes.clear();
        host.settings["name"] = std::string("test");
        host.max_send_bytes = 1'000;
        host.error_capacity = 64;
    }
    ~Case() { CHECK(wrapped::counted == 0); }
    void begin() {
        REQUIRE(driver.create() == PORTICO_OK);
        REQUIRE(driver.open() == PORTICO_OK);
    }

    // Returns what on_data itself answers, whatever the host makes of it.
    portico_status data(std::string_view bytes) {
        (void)driver.data(bytes);
        return driver.answered;
    }

    ScriptedHost host;
    Driver driver{replies_query(PORTICO_ABI_MAJOR), host};
};

}  // namespace

TEST_CASE("the table has what the class has") {
    const portico_plugin& replies = *replies_query(PORTICO_ABI_MAJOR)->plugins[0];
    CHECK(replies.flags == PORTICO_PLUGIN_SERIAL);
    CHECK(replies.framing == (PORTICO_FRAMING_NONE | PORTICO_FRAMING_DELIMITER));
    CHECK(std::string(replies.name, replies.name_size) == "replies");
    CHECK(replies.validate != nullptr);
    CHECK(replies.on_stop != nullptr);
    CHECK(replies.callbacks->on_end == nullptr);
    CHECK(replies.callbacks->on_drain == nullptr);
    const portico_plugin& plain = *plain_query(PORTICO_ABI_MAJOR)->plugins[0];
    CHECK(plain.flags == 0);
    CHECK(plain.framing == PORTICO_FRAMING_ANY);
    CHECK(plain.version_size == 0);
    CHECK(plain.validate == nullptr);
    CHECK(plain.on_stop == nullptr);
}

TEST_CASE("settings have defaults and ranges, and their errors are the host's") {
    Case c;
    CHECK(c.driver.validate() == PORTICO_OK);
    c.host.settings["size"] = std::int64_t{11};
    CHECK(c.driver.validate() == PORTICO_WRONG_TYPE);
    CHECK(c.driver.create() == PORTICO_WRONG_TYPE);
    CHECK(c.driver.error.empty());
    c.host.settings.clear();
    CHECK(c.driver.validate() == PORTICO_ERROR);
    CHECK(c.host.failed == "name: this setting is required");
    c.host.settings["name"] = std::string("fails");
    CHECK(c.driver.create() == PORTICO_ERROR);
    CHECK(c.host.failed == "name: found a bad one");
    CHECK(c.driver.error.empty());
}

TEST_CASE("what the constructor throws is the reason, as far as it fits") {
    Case c;
    c.host.settings["name"] = std::string("throws");
    CHECK(c.driver.create() == PORTICO_ERROR);
    CHECK(c.driver.error == std::string(64, 't'));
}

TEST_CASE("a session that throws refuses its connection") {
    Case c;
    c.host.settings["name"] = std::string("refuses");
    REQUIRE(c.driver.create() == PORTICO_OK);
    CHECK(c.driver.open() == PORTICO_REFUSED);
    CHECK(c.host.logged == "on_open threw: not today\n");
}

TEST_CASE("a session lives from on_open to after on_close") {
    Case c;
    c.begin();
    CHECK(notes.empty());
    c.driver.close();
    CHECK(notes == "closed.gone.");
}

TEST_CASE("a large reply goes in pieces, and what the queue does not take follows by itself") {
    Case c;
    c.begin();
    c.host.room = 1'500;
    const std::string bytes = "5000x;more";
    CHECK(c.data(bytes) == PORTICO_HOLD);
    CHECK(c.driver.consumed == 0);  // until the rest has gone
    CHECK(c.host.sent.size() == 2'000);
    CHECK(c.host.writable_due);
    CHECK(c.driver.writable() == PORTICO_OK);  // early: the queue is still full
    CHECK(c.data(bytes) == PORTICO_HOLD);
    CHECK(c.data(bytes + "ab") == PORTICO_HOLD);
    CHECK(notes == "0>");
    c.host.room = UINT64_MAX;
    CHECK(c.driver.writable() == PORTICO_OK);
    CHECK(c.host.sent == std::string(5'000, 'x'));
    CHECK(notes == "0>writable.");
    // The plugin saw "more" and not "ab".
    CHECK(c.data(bytes + "ab") == PORTICO_OK);
    CHECK(c.driver.consumed == 6);
    CHECK(notes == "0>writable.4>");
}

TEST_CASE("a rest of which all bytes were consumed does not call the plugin again") {
    Case c;
    c.begin();
    c.host.room = 1;
    CHECK(c.data("3000x;") == PORTICO_HOLD);
    c.host.room = UINT64_MAX;
    CHECK(c.driver.writable() == PORTICO_OK);
    CHECK(c.data("3000x;") == PORTICO_OK);
    CHECK(c.driver.consumed == 6);
    CHECK(notes == "0>writable.");
    CHECK(c.data("small;") == PORTICO_OK);
    CHECK(c.host.sent == std::string(3'000, 'x') + "small");
}

TEST_CASE("a framed message is consumed as a whole, after its reply") {
    Case c;
    c.host.framing = PORTICO_FRAMING_DELIMITER;
    c.begin();
    c.host.room = 1;
    CHECK(c.data("3000x;rest\n") == PORTICO_HOLD);
    CHECK(c.driver.consumed == 0);
    c.host.room = UINT64_MAX;
    CHECK(c.driver.writable() == PORTICO_OK);
    CHECK(c.data("3000x;rest\n") == PORTICO_OK);
    CHECK(c.driver.consumed == 11);
    CHECK(notes == "0>writable.");
}

TEST_CASE("while a rest waits, other sends are refused, and a close comes after it") {
    for (const char* const end : {"close", "finish"}) {
        Case c;
        c.begin();
        (void)c.data(std::string("post_small_and_") + end + ";");
        c.host.room = 1;
        CHECK(c.data("3000x;") == PORTICO_HOLD);
        notes.clear();
        c.driver.run_posts(PORTICO_OK);
        CHECK(notes == "refused.");
        CHECK(c.host.closes.empty());
        c.host.room = UINT64_MAX;
        CHECK(c.driver.writable() == PORTICO_OK);
        CHECK(c.host.sent == std::string(3'000, 'x'));
        CHECK(c.host.closes ==
              std::vector<std::string>{end == std::string_view("close") ? "graceful" : "finish"});
    }
}

TEST_CASE("an error of a large reply's callback ends the connection") {
    Case c;
    c.begin();
    c.host.room = 1;
    CHECK(c.data("error;") == PORTICO_PROTOCOL_ERROR);
    CHECK(c.data("throw;") == PORTICO_ERROR);
    CHECK(c.host.logged == "on_data threw: an order\n");
}

TEST_CASE("a connection that is gone needs no reply") {
    Case c;
    c.begin();
    c.host.answer = PORTICO_GONE;
    CHECK(c.data("5000x;") == PORTICO_OK);
    c.host.answer = PORTICO_NO_MEMORY;
    CHECK(c.data("10x;") == PORTICO_NO_MEMORY);
}

TEST_CASE("posted functions are freed after their one call, whatever its status") {
    Case c;
    c.begin();
    CHECK(c.data("post;") == PORTICO_OK);
    CHECK(wrapped::counted == 1);
    c.driver.run_posts(PORTICO_OK);
    CHECK(wrapped::counted == 0);
    (void)c.data("post;");
    (void)c.data("post_status;");
    c.driver.run_posts(PORTICO_CLOSING);
    CHECK(notes == "0>posted.0>0>-5.");
    c.host.answer = PORTICO_LIMIT;
    (void)c.data("post;");
    CHECK(notes == "0>posted.0>0>-5.0>no.");
}

TEST_CASE("a posted function that throws closes its connection") {
    Case c;
    c.begin();
    (void)c.data("post_throw;");
    c.driver.run_posts(PORTICO_OK);
    CHECK(c.host.logged == "a posted function threw: later\n");
    CHECK(c.host.closes == std::vector<std::string>{"abort"});
}

TEST_CASE("timers are freed by their last call") {
    Case c;
    c.begin();
    (void)c.data("after;");
    (void)c.data("restart;");
    CHECK(c.host.restarts == std::vector<std::uint32_t>{9});
    c.driver.fire(0, PORTICO_OK);
    CHECK(wrapped::counted == 0);
    (void)c.data("every;");
    c.driver.fire(1, PORTICO_OK);
    c.driver.fire(1, PORTICO_OK);
    CHECK(wrapped::counted == 1);
    c.driver.fire(1, PORTICO_CANCELLED);
    CHECK(wrapped::counted == 0);
    CHECK(notes == "0>0>after.0>every.every.");
}

TEST_CASE("a timer's function may take the event") {
    Case c;
    c.begin();
    (void)c.driver.data("every_event;");
    (void)c.driver.data("after_event;");
    notes.clear();
    c.driver.fire(0, PORTICO_OK);
    c.driver.fire(0, PORTICO_CLOSING);
    c.driver.fire(1, PORTICO_OK);
    CHECK(notes == "0x1.-5x0.last.");
}

TEST_CASE("a host without timers starts none") {
    Case c;
    c.host.has_timers = false;
    c.begin();
    CHECK(c.data("after;") == PORTICO_OK);
    CHECK(c.data("restart;") == PORTICO_OK);
    CHECK(c.host.restarts.empty());
}

TEST_CASE("blocking work gives what it returned to the second function, and frees both") {
    Case c;
    c.begin();
    (void)c.driver.data("work;");
    (void)c.driver.data("work_void;");
    (void)c.driver.data("work_of_instance;");
    CHECK(wrapped::counted == 6);
    c.driver.do_work(PORTICO_OK);
    CHECK(wrapped::counted == 0);
    CHECK(notes == "0>0>0>made.sent.worked.1.7.");
    CHECK(c.host.sent == "small");
}

TEST_CASE("the function after blocking work does not run if the connection is gone") {
    Case c;
    c.begin();
    (void)c.driver.data("work;");
    (void)c.driver.data("work_void;");
    c.driver.close();
    c.driver.do_work(PORTICO_CLOSING);
    CHECK(wrapped::counted == 0);
    CHECK(notes == "0>0>closed.gone.worked.");
}

TEST_CASE("blocking work that throws closes its connection, and so does what comes after it") {
    Case c;
    c.begin();
    (void)c.driver.data("work_throw;");
    c.driver.do_work(PORTICO_OK);
    CHECK(c.host.logged == "blocking work threw: a library\n");
    CHECK(notes == "0>");
    (void)c.driver.data("work_done_throw;");
    c.driver.do_work(PORTICO_OK);
    CHECK(c.host.logged ==
          "blocking work threw: a library\nthe function after blocking work threw: after it\n");
    CHECK(c.host.closes == std::vector<std::string>{"abort", "abort"});
    CHECK(wrapped::counted == 0);
}

TEST_CASE("blocking work that is refused is freed at once") {
    Case c;
    c.begin();
    c.host.answer = PORTICO_LIMIT;
    (void)c.driver.data("work;");
    CHECK(notes == "0>-9.");
    c.host.answer = PORTICO_OK;
    c.host.has_executor = false;
    (void)c.driver.data("work;");
    CHECK(notes == "0>-9.0>-8.");
    CHECK(c.host.work.empty());
    CHECK(wrapped::counted == 0);
}

TEST_CASE("parts are one message") {
    Case c;
    c.begin();
    (void)c.data("parts;");
    CHECK(c.host.sent == "abc");
}

TEST_CASE("a plugin without sessions, settings and results") {
    notes.clear();
    ScriptedHost host;
    Driver driver(plain_query(PORTICO_ABI_MAJOR), host);
    REQUIRE(driver.create() == PORTICO_OK);
    REQUIRE(driver.open() == PORTICO_OK);
    (void)driver.data("abc");
    CHECK(driver.answered == PORTICO_OK);
    CHECK(driver.consumed == 3);
    CHECK(host.sent == "abc");
    // The clock, in the constructor and in on_data: the smallest of objects finds its host.
    CHECK(notes == "7.7");
}

TEST_CASE("a plugin is told which address of its listener a client has used") {
    notes.clear();
    for (const portico_module* module :
         {doors_query(PORTICO_ABI_MAJOR), gates_query(PORTICO_ABI_MAJOR)}) {
        ScriptedHost host;
        Driver driver(module, host);
        REQUIRE(driver.create() == PORTICO_OK);
        REQUIRE(driver.open(3) == PORTICO_OK);
        (void)driver.data("knock");
    }
    CHECK(notes == "door 3.here.gate 3.");
}

TEST_CASE("a connect makes a session, which its on_close destroys") {
    Case c;
    c.begin();
    c.host.upstream.max_send_bytes = 4;
    (void)c.driver.data("dial;");
    REQUIRE(c.host.connects.size() == 1);
    const ScriptedHost::Connect made = c.host.connects[0];
    CHECK(made.to == "far");
    CHECK(made.beside == 1);
    CHECK(made.timeout_ms == 9);
    CHECK(notes == "0>0!2.");
    CHECK(wrapped::counted == 1);
    const portico_callbacks& calls = *made.callbacks;
    CHECK(calls.on_drain == nullptr);
    void* state = made.state;
    const portico_opened opened{sizeof opened, PORTICO_ORIGIN_CONNECTED, 0, 0};
    notes.clear();
    REQUIRE(calls.on_open(c.driver.self(), 2, &opened, &state) == PORTICO_OK);
    CHECK(state == made.state);
    const portico_frame frame{sizeof frame, 0, 0, 2, 0};
    const std::string hi = "hi";
    std::uint64_t consumed = 0;
    const auto* data = reinterpret_cast<const std::uint8_t*>(hi.data());
    REQUIRE(calls.on_data(c.driver.self(), 2, state, data, 2, &frame, &consumed) == PORTICO_OK);
    CHECK(consumed == 2);
    // In pieces as large as its upstream takes, whatever the listener's limit is.
    CHECK(c.host.sent == std::string(10, 'd'));
    const portico_ended ended{sizeof ended, 0, 0};
    CHECK(calls.on_end(c.driver.self(), 2, state, &ended) == PORTICO_OK);
    portico_closed closed{};
    closed.struct_size = sizeof closed;
    closed.reason = PORTICO_REASON_PEER;
    calls.on_close(c.driver.self(), 2, state, &closed);
    CHECK(notes == "up 7.heard hi.end.down 2.hung up.");
    CHECK(wrapped::counted == 0);
}

TEST_CASE("a connect that fails later closes its session without an on_open") {
    Case c;
    c.begin();
    (void)c.driver.data("dial_address;");
    REQUIRE(c.host.connects.size() == 1);
    CHECK(c.host.connects[0].to == "[::1]:1");
    notes.clear();
    portico_closed closed{};
    closed.struct_size = sizeof closed;
    closed.reason = PORTICO_REASON_CONNECT_FAILED;
    c.host.connects[0].callbacks->on_close(c.driver.self(), 2, c.host.connects[0].state, &closed);
    CHECK(notes == "down 13.hung up.");
    CHECK(wrapped::counted == 0);
}

TEST_CASE("a session that throws aborts its outbound connection") {
    Case c;
    c.begin();
    (void)c.driver.data("dial;");
    const ScriptedHost::Connect made = c.host.connects.at(0);
    const portico_frame frame{sizeof frame, 0, 0, 5, 0};
    std::uint64_t consumed = 0;
    const std::string text = "throw";
    CHECK(made.callbacks->on_data(c.driver.self(), 2, made.state,
                                  reinterpret_cast<const std::uint8_t*>(text.data()), 5, &frame,
                                  &consumed) == PORTICO_ERROR);
    CHECK(c.host.logged == "on_data threw: far away\n");
    const portico_closed closed{};
    made.callbacks->on_close(c.driver.self(), 2, made.state, &closed);
    CHECK(wrapped::counted == 0);
}

TEST_CASE("a connect that is refused destroys its session at once, without a callback") {
    Case c;
    c.begin();
    (void)c.driver.data("dial_nobody;");
    CHECK(notes == "0>hung up.-10?0.");
    notes.clear();
    c.host.answer = PORTICO_LIMIT;
    (void)c.driver.data("dial;");
    CHECK(notes == "0>hung up.-9?0.");
    notes.clear();
    c.host.has_connect = false;
    (void)c.driver.data("dial;");
    (void)c.driver.data("find;");
    CHECK(notes == "0>-8?0.0>none.");
    CHECK(c.host.connects.empty());
    CHECK(wrapped::counted == 0);
}

TEST_CASE("an upstream can be found") {
    Case c;
    c.begin();
    (void)c.driver.data("find;");
    CHECK(notes == "0>1.");
}

TEST_CASE("a lookup's function gets the answer, and is freed after it") {
    Case c;
    c.begin();
    (void)c.driver.data("ask;");
    (void)c.driver.data("ask;");
    CHECK(wrapped::counted == 2);
    REQUIRE(c.host.questions.size() == 2);
    CHECK(c.host.questions[0].name == "db:1");
    CHECK(c.host.questions[0].connection == 1);
    notes.clear();
    c.driver.resolve(0, PORTICO_OK, "192.0.2.1:1");
    c.driver.resolve(1, PORTICO_NOT_FOUND);
    CHECK(notes == "1 0 192.0.2.1:1.1 -10 -.");
    CHECK(wrapped::counted == 0);
}

TEST_CASE("a lookup's function that throws closes its connection") {
    Case c;
    c.begin();
    (void)c.driver.data("ask_throw;");
    CHECK(c.host.closes == std::vector<std::string>{"cancel 1"});
    c.driver.resolve(0, PORTICO_CANCELLED);
    CHECK(c.host.logged == "the function of a lookup threw: late\n");
    CHECK(c.host.closes == std::vector<std::string>{"cancel 1", "abort"});
    CHECK(wrapped::counted == 0);
}

TEST_CASE("a lookup that is refused frees its function") {
    Case c;
    c.begin();
    c.host.answer = PORTICO_LIMIT;
    (void)c.driver.data("ask;");
    c.host.has_resolve = false;
    (void)c.driver.data("ask;");
    CHECK(notes == "0>-9.0>-8.");
    CHECK(wrapped::counted == 0);
}
