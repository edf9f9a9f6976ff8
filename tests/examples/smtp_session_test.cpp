// examples/smtp_sink against a scripted host: its timer, its settings, clients that do not read,
// and every way in which a session ends.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "smtp_client.hpp"

using portico::test::announcement;
using Client = portico::test::SmtpClient;

TEST_CASE("each whole command and each part of a text restarts the timer") {
    Client client;
    client.start();
    CHECK(client.host.restarts.empty());
    client.say("EHLO ");
    CHECK(client.host.restarts.empty());
    client.say("me\r\n");
    CHECK(client.last_restart() == 2000);
    client.say("MAIL FROM:<a@b>\r\n");
    CHECK(client.last_restart() == 3000);
    client.say("RCPT TO:<a@b>\r\n");
    CHECK(client.last_restart() == 4000);
    client.say("DATA\r\n");
    CHECK(client.last_restart() == 5000);
    CHECK(client.host.restarts.size() == 4);
    client.say("x");
    client.say("\r\n");
    CHECK(client.host.restarts.size() == 6);
    CHECK(client.last_restart() == 5000);
    client.say(".\r\n");
    CHECK(client.last_restart() == 2000);
    client.say(std::string(5000, 'x'));
    client.say("x");
    CHECK(client.host.restarts.size() == 7);
}

TEST_CASE("the whole session has an end") {
    Client client;
    client.host.settings["timeouts/session_ms"] = std::int64_t{1500};
    client.start();
    client.say("EHLO me\r\n");
    CHECK(client.last_restart() == 1500);  // (the scripted host's clock stands still)
}

TEST_CASE("a timeout in each state is answered with 421 and counted") {
    const std::string steps[] = {"", "EHLO me\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<a@b>\r\n",
                                 "DATA\r\nhello\r\n"};
    const std::string states[] = {"hello", "mail", "rcpt", "data", "text"};
    for (std::size_t state = 0; state < 5; ++state) {
        CAPTURE(states[state]);
        Client client;
        client.start();
        for (std::size_t step = 1; step <= state; ++step) {
            client.say(steps[step]);
        }
        client.sink.fire(0, PORTICO_OK);
        CHECK(client.answers() == (state == 0 ? "421 localhost Timeout, closing\r\n"
                                              : "421 4.4.2 localhost Timeout, closing\r\n"));
        CHECK(client.host.closes.front() == "graceful");
        CHECK(client.host.counted["timeouts_total{" + states[state] + '}'] == 1);
        CHECK(client.host.counted["messages_total{incomplete}"] == (state == 4 ? 1 : 0));
    }
}

TEST_CASE("a client that does not read loses no reply") {
    Client client;
    client.start();
    client.host.room = 0;
    CHECK(client.offer("EHLO me\r\nNOOP\r\n") == PORTICO_HOLD);
    CHECK(client.pending.empty());
    CHECK(client.sink.writable() == PORTICO_WOULD_BLOCK);  // it may come early
    client.host.room = 1000;
    CHECK(client.sink.writable() == PORTICO_OK);
    CHECK(client.answers() == announcement + "250 2.0.0 Ok\r\n");

    client.host.room = 0;
    std::string many;
    for (int i = 0; i < 1000; ++i) {
        many += "NOOP\r\n";
    }
    CHECK(client.offer(many) == PORTICO_HOLD);
    const std::size_t left = client.pending.size();
    CHECK(left > 4000);  // 4 KB of replies wait
    CHECK(client.offer("QUIT\r\n") == PORTICO_HOLD);
    CHECK(client.pending.size() == left + 6);
    CHECK(client.answers().empty());
    std::string output;
    for (int i = 0; i < 10 && !client.pending.empty(); ++i) {
        client.host.room = 1;
        CHECK(client.sink.writable() == PORTICO_OK);
        client.host.room = 1;
        CHECK(client.offer("") == PORTICO_HOLD);
        output += client.answers();
    }
    CHECK(client.host.closes.empty());
    client.host.room = 1;
    CHECK(client.sink.writable() == PORTICO_OK);
    output += client.answers();
    CHECK(output.size() == 14 * 1000 + 25);
    CHECK(output.substr(14 * 1000) == "221 2.0.0 localhost Bye\r\n");
    CHECK(client.host.closes == std::vector<std::string>{"graceful"});
}

TEST_CASE("a client that does not read is still timed out") {
    Client client;
    client.start();
    client.host.room = 0;
    CHECK(client.offer("EHLO me\r\nQUIT\r\n") == PORTICO_HOLD);
    CHECK(client.host.closes.empty());
    client.sink.fire(0, PORTICO_OK);
    CHECK(client.host.closes == std::vector<std::string>{"graceful"});
}

TEST_CASE("a drain is told with 421, after the message that has begun") {
    for (const bool is_extended : {false, true}) {
        const std::string farewell = std::string("421 ") + (is_extended ? "4.3.2 " : "") +
                                     "localhost Service not available, closing\r\n";
        Client idle;
        idle.start();
        idle.say(is_extended ? "EHLO me\r\n" : "HELO me\r\n");
        CHECK(idle.sink.drain(PORTICO_DRAIN_STOP, UINT64_MAX) == PORTICO_OK);
        CHECK(idle.answers() == farewell);
        CHECK(idle.host.closes.size() == 1);

        Client busy;
        busy.start();
        busy.begin_message(is_extended ? "EHLO me" : "HELO me");
        CHECK(busy.sink.drain(PORTICO_DRAIN_RELOAD, 2'000'000'007) == PORTICO_OK);
        CHECK(busy.answers().empty());
        CHECK(busy.last_restart() == 1500);
        CHECK(busy.sink.drain(PORTICO_DRAIN_STOP, 400'000'000) == PORTICO_OK);
        CHECK(busy.last_restart() == 0);
        CHECK(busy.say("hello\r\n").empty());
        CHECK(busy.say(".\r\nMAIL FROM:<a@b>\r\n") ==
              (is_extended ? "250 2.0.0 " : "250 ") + ("Ok, and thrown away\r\n" + farewell));
        CHECK(busy.host.closes.size() == 1);

        Client slow;
        slow.start();
        slow.begin_message(is_extended ? "EHLO me" : "HELO me");
        CHECK(slow.sink.drain(PORTICO_DRAIN_STOP, 2'000'000'007) == PORTICO_OK);
        slow.sink.fire(0, PORTICO_OK);
        CHECK(slow.answers() == farewell);
        CHECK(slow.host.counted["timeouts_total{text}"] == 0);
        CHECK(slow.host.counted["messages_total{incomplete}"] == 1);
    }
}

TEST_CASE("a client that goes inside a message leaves an incomplete one") {
    for (const bool says_goodbye : {false, true}) {
        Client client;
        client.start();
        client.begin_message();
        client.say("hello\r\n.");
        if (says_goodbye) {
            CHECK(client.sink.end() == PORTICO_OK);
            CHECK(client.host.closes.size() == 1);
        }
        client.sink.close();
        CHECK(client.answers().empty());
        CHECK(client.host.logged ==
              "message 1 incomplete: recipients=1 bytes=7 lines=1 crc32=46ce8aac from=<a@b>\n");
        CHECK(client.host.counted["messages_total{incomplete}"] == 1);
    }
}

TEST_CASE("the sink's settings are checked") {
    Client client;
    CHECK(client.sink.validate() == PORTICO_OK);
    for (const char* const name : {"", "a b", "-a", "[", "a\r\nb"}) {
        CAPTURE(name);
        client.host.settings["hostname"] = std::string(name);
        CHECK(client.sink.validate() == PORTICO_ERROR);
        CHECK(client.host.failed == "hostname: expected a domain, or an address in brackets");
        CHECK(client.sink.create() == PORTICO_ERROR);
    }
    client.host.settings["hostname"] = std::int64_t{1};
    CHECK(client.sink.validate() == PORTICO_WRONG_TYPE);
    client.host.settings["hostname"] = std::string("[192.0.2.1]");
    CHECK(client.sink.validate() == PORTICO_OK);
    client.host.settings["timeouts/text_ms"] = std::int64_t{0};
    CHECK(client.sink.create() == PORTICO_WRONG_TYPE);
    client.host.settings.erase("timeouts/text_ms");
    client.host.max_send_bytes = 4095;
    CHECK(client.sink.create() == PORTICO_ERROR);
    CHECK(client.sink.error ==
          "limits.unconsumed_bytes must be above 1024, limits.max_send_bytes at least 4096");
    CHECK(client.host.counted.empty());
}

TEST_CASE("the sink needs timers and settings, and no metrics") {
    Client client;
    client.host.has_timers = false;
    CHECK(client.sink.create() == PORTICO_UNSUPPORTED);
    client.host.has_timers = true;
    client.host.has_settings = false;
    CHECK(client.sink.create() == PORTICO_UNSUPPORTED);
    client.host.has_settings = true;
    client.host.has_metrics = false;
    client.start();
    client.begin_message();
    CHECK(client.say(".\r\nQUIT\r\n").substr(0, 10) == "250 2.0.0 ");
    CHECK(client.host.counted.empty());
}

TEST_CASE("a connection is refused if its timer cannot start") {
    Client client;
    REQUIRE(client.sink.create() == PORTICO_OK);
    client.host.answer = PORTICO_LIMIT;
    CHECK(client.sink.open() == PORTICO_LIMIT);
}
