// examples/smtp_sink against a scripted host: the dialogue, its timer, clients that do not read,
// and what is counted.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/scripted_host.hpp"

extern "C" const portico_module* PORTICO_CALL smtp_sink_query(std::uint32_t host_abi_major);

using portico::test::Driver;
using portico::test::ScriptedHost;

namespace {

const std::string announcement =
    "250-localhost\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n"
    "250 ENHANCEDSTATUSCODES\r\n";

// A client of a sink whose timeouts say which state is meant.
struct Client {
    ScriptedHost host;
    Driver sink{smtp_sink_query(PORTICO_ABI_MAJOR), host};
    std::string pending;  // bytes that the plugin has not consumed

    Client() {
        host.settings["limits/message_bytes"] = std::int64_t{1000};
        host.settings["limits/recipients"] = std::int64_t{3};
        host.settings["limits/mistakes"] = std::int64_t{5};
        const char* const states[] = {"hello", "mail", "rcpt", "data", "text"};
        for (std::int64_t i = 0; i < 5; ++i) {
            host.settings[std::string("timeouts/") + states[i] + "_ms"] = (i + 1) * 1000;
        }
    }
    void start() {
        REQUIRE(sink.start() == PORTICO_OK);
        CHECK(answers() == "220 localhost ESMTP smtp_sink\r\n");
    }
    // What the plugin has sent since the last call.
    std::string answers() { return std::exchange(host.sent, {}); }
    portico_status offer(std::string_view bytes) {
        pending += bytes;
        const portico_status status = sink.data(pending);
        pending.erase(0, sink.consumed);
        return status;
    }
    std::string say(std::string_view bytes) {
        CHECK(offer(bytes) == PORTICO_OK);
        return answers();
    }
    // Into READS_TEXT, by EHLO or by HELO.
    void begin_message(const std::string& hello = "EHLO me") {
        say(hello + "\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
    }
    std::uint32_t last_restart() const { return host.restarts.back(); }
};

}  // namespace

TEST_CASE("the sink takes a message") {
    Client client;
    client.start();
    CHECK(client.say("EHLO me\r\n") == announcement);
    CHECK(client.say("mail from:<ann@example.org> size=10 BODY=8BITMIME\r\n") ==
          "250 2.1.0 Ok\r\n");
    CHECK(client.say("RCPT TO:<bob@example.org>  \r\n") == "250 2.1.5 Ok\r\n");
    CHECK(client.say("rcpt to:<Postmaster>\t\r\n") == "250 2.1.5 Ok\r\n");
    CHECK(client.say("DATA\r\n") == "354 End it with <CR><LF>.<CR><LF>\r\n");
    CHECK(client.say("QUIT\r\n..\r\n").empty());
    CHECK(client.say(".\r\nQUIT\r\n") ==
          "250 2.0.0 Ok, and thrown away\r\n221 2.0.0 localhost Bye\r\n");
    CHECK(client.host.closes == std::vector<std::string>{"graceful"});
    CHECK(client.host.logged ==
          "message 1 accepted: recipients=2 bytes=9 lines=2 crc32=28ef1e1e "
          "from=<ann@example.org>\n");
    CHECK(client.host.counted["messages_total{accepted}"] == 1);
    CHECK(client.host.counted["message_bytes"] == 9);
    CHECK(client.host.counted["recipients_total"] == 2);
    CHECK(client.host.counted["mistakes_total"] == 0);
}

TEST_CASE("a dialogue may be cut anywhere, and be one piece") {
    const std::string input =
        "EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<c@d>\r\nDATA\r\n..\r\n.\r\nFLY\r\nNOOP x\r\nQUIT\r\n";
    std::string expected;
    for (std::size_t cut = 0; cut <= input.size(); ++cut) {
        CAPTURE(cut);
        Client client;
        client.start();
        std::string output;
        if (cut == input.size()) {
            for (const char& byte : input) {
                output += client.say({&byte, 1});
            }
        } else {
            output = cut == 0 ? "" : client.say(input.substr(0, cut));
            output += client.say(input.substr(cut));
        }
        if (cut == 0) {
            expected = output;
        }
        CHECK(output == expected);
        CHECK(client.host.logged.find("bytes=3 lines=1") != std::string::npos);
        CHECK(client.host.closes.size() == 1);
    }
    CHECK(expected == announcement +
                          "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End it with <CR><LF>.<CR><LF>\r\n"
                          "250 2.0.0 Ok, and thrown away\r\n500 5.5.2 There is no such command\r\n"
                          "250 2.0.0 Ok\r\n221 2.0.0 localhost Bye\r\n");
}

TEST_CASE("without EHLO no reply has an enhanced code") {
    Client client;
    client.start();
    CHECK(client.say("MAIL FROM:<a@b>\r\n") == "503 First EHLO or HELO\r\n");
    CHECK(client.say("EHLO\r\n") == "501 Say who you are: a domain, or an address in brackets\r\n");
    CHECK(client.say("HELO me\r\n") == "250 localhost\r\n");
    CHECK(client.say("MAIL FROM:<a@b> SIZE=1\r\n") == "555 There is no such parameter\r\n");
    CHECK(client.say("MAIL FROM:<a@b>\r\n") == "250 Ok\r\n");
    CHECK(client.say("EHLO me\r\nRSET\r\n") == announcement + "250 2.0.0 Ok\r\n");
    CHECK(client.say("HELO me\r\nRSET\r\n") == "250 localhost\r\n250 Ok\r\n");
    CHECK(client.say("QUIT\r\n") == "221 localhost Bye\r\n");
}

TEST_CASE("commands out of order are refused with 503") {
    Client client;
    client.host.settings["limits/mistakes"] = std::int64_t{100};
    client.start();
    CHECK(client.say("RCPT TO:<a@b>\r\n") == "503 First MAIL\r\n");
    CHECK(client.say("DATA\r\n") == "503 First MAIL, and RCPT at least once\r\n");
    CHECK(client.say("RSET\r\nNOOP\r\n") == "250 Ok\r\n250 Ok\r\n");
    CHECK(client.say("MAIL FROM:<a@b>\r\n") == "503 First EHLO or HELO\r\n");
    client.say("EHLO me\r\n");
    CHECK(client.say("RCPT TO:<a@b>\r\n") == "503 5.5.1 First MAIL\r\n");
    client.say("MAIL FROM:<a@b>\r\n");
    CHECK(client.say("DATA\r\n") == "503 5.5.1 First MAIL, and RCPT at least once\r\n");
    CHECK(client.say("MAIL FROM:<a@b>\r\n") == "503 5.5.1 There is a sender already\r\n");
    client.say("RCPT TO:<a@b>\r\n");
    CHECK(client.say("MAIL FROM:<a@b>\r\n") == "503 5.5.1 There is a sender already\r\n");
    for (const char* const forgets : {"RSET\r\n", "EHLO me\r\n"}) {
        client.say(forgets);
        CHECK(client.say("RCPT TO:<a@b>\r\n") == "503 5.5.1 First MAIL\r\n");
        CHECK(client.say("MAIL FROM:<a@b>\r\n") == "250 2.1.0 Ok\r\n");
    }
}

TEST_CASE("wrong commands are refused with 500, 501, 502 and 555") {
    struct Case {
        std::string_view line;
        std::string_view answer;
    };
    using namespace std::string_view_literals;
    const Case cases[] = {
        {"FLY", "500 5.5.2 "},
        {"", "500 5.5.2 "},
        {" NOOP", "500 5.5.2 "},
        {"NOOPS", "500 5.5.2 "},
        {"NOOP\tx", "500 5.5.2 "},
        {"NOOP\0"sv, "500 5.5.2 "},
        {"NOOP\nNOOP", "500 5.5.2 "},
        {"NOOP\r", "500 5.5.2 "},
        {"NOOP \x7f", "500 5.5.2 "},
        {"RSET x", "501 5.5.4 "},
        {"QUIT x", "501 5.5.4 "},
        {"DATA x", "501 5.5.4 "},
        {"VRFY", "501 5.5.4 "},
        {"HELO", "501 Say"},
        {"MAIL", "501 5.5.4 "},
        {"MAIL FROM", "501 5.5.4 "},
        {"MAIL TO:<a@b>", "501 5.5.4 "},
        {"MAIL FROM: <a@b>", "501 5.1.7 "},
        {"MAIL FROM:a@b", "501 5.1.7 "},
        {"MAIL FROM:<\xc3\xa9@b>", "501 5.1.7 "},
        {"MAIL FROM:<a@b>SIZE=1", "501 5.5.4 "},
        {"MAIL FROM:<a@b>  SIZE=1", "501 5.5.4 "},
        {"MAIL FROM:<a@b> SIZE=", "501 5.5.4 "},
        {"MAIL FROM:<a@b> SIZE=1x", "501 5.5.4 "},
        {"MAIL FROM:<a@b> SIZE=-1", "501 5.5.4 "},
        {"MAIL FROM:<a@b> SIZE=123456789012345678901", "501 5.5.4 "},
        {"MAIL FROM:<a@b> SIZE", "555 5.5.4 "},
        {"MAIL FROM:<a@b> BODY=BINARYMIME", "555 5.5.4 "},
        {"MAIL FROM:<a@b> SMTPUTF8", "555 5.5.4 "},
        {"MAIL FROM:<a@b> SIZE=1001", "552 5.3.4 "},
        {"MAIL FROM:<a@b> SIZE=18446744073709551616", "552 5.3.4 "},
        {"MAIL FROM:<a@b> SIZE=99999999999999999999", "552 5.3.4 "},
        {"EXPN list", "502 5.5.1 "},
        {"AUTH PLAIN x", "502 5.5.1 "},
        {"starttls", "502 5.5.1 "},
        {"VRFY ann", "252 2.0.0 "},
        {"HELP", "214 2.0.0 "},
        {"MAIL FROM:<a@b> SIZE=1000", "250 2.1.0 "},
        {"RCPT", "501 5.5.4 "},
        {"RCPT TO:<>", "501 5.1.3 "},
        {"RCPT TO:<a>", "501 5.1.3 "},
        {"RCPT TO:<a@b> NOTIFY=NEVER", "555 5.5.4 "},
        {"RCPT TO:<a@b>", "250 2.1.5 "},
        {"RCPT TO:<a@b>", "250 2.1.5 "},
        {"RCPT TO:<a@b>", "250 2.1.5 "},
        {"RCPT TO:<a@b>", "452 4.5.3 "},
    };
    Client client;
    client.host.settings["limits/mistakes"] = std::int64_t{100};
    client.start();
    client.say("EHLO me\r\n");
    for (const Case& one : cases) {
        CAPTURE(one.line);
        const std::string answer = client.say(std::string(one.line) + "\r\n");
        CHECK(answer.substr(0, one.answer.size()) == one.answer);
        CHECK(answer.find('\n') == answer.size() - 1);
    }
    CHECK(client.host.closes.empty());
}

TEST_CASE("a client that makes too many mistakes is sent away") {
    Client client;
    client.start();
    client.say("EHLO me\r\nA\r\nB\r\nC\r\nD\r\n");
    CHECK(client.say("E\r\nNOOP\r\n") ==
          "500 5.5.2 There is no such command\r\n421 4.7.0 localhost Too many mistakes\r\n");
    CHECK(client.host.closes.size() == 1);
    CHECK(client.pending.empty());
    CHECK(client.host.counted["mistakes_total"] == 5);
}

TEST_CASE("a line that is too long is refused, and little of it is left with the host") {
    const std::string refusal = "500 5.5.2 The line is too long\r\n";
    for (const std::size_t size : {1020U, 1022U, 1023U, 1024U, 5000U, 100000U}) {
        for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, size + 4}) {
            CAPTURE(size, piece);
            Client client;
            client.start();
            client.say("EHLO me\r\n");
            const std::string line = "NOOP " + std::string(size - 5, '\r') + "\r\nRSET\r\n";
            std::string output;
            for (std::size_t at = 0; at < line.size(); at += piece) {
                output += client.say(line.substr(at, piece));
                REQUIRE(client.pending.size() < 1024);
            }
            CHECK(output == (size + 2 <= 1024 ? "500 5.5.2 Bytes that do not belong into a line\r\n"
                                              : refusal) +
                                "250 2.0.0 Ok\r\n");
        }
    }
}

TEST_CASE("a message that is too large is read to its end and refused") {
    Client client;
    client.start();
    client.begin_message();
    CHECK(client.say(std::string(998, 'x') + "\r\n.\r\n") == "250 2.0.0 Ok, and thrown away\r\n");
    client.begin_message();
    CHECK(client.say(std::string(100'000, 'x')).empty());
    CHECK(client.say("\r\n.\r\nRSET\r\n") ==
          "552 5.3.4 The message is too large\r\n250 2.0.0 Ok\r\n");
    CHECK(client.host.counted["messages_total{accepted}"] == 1);
    CHECK(client.host.counted["messages_total{too_large}"] == 1);
    CHECK(client.host.counted["recipients_total"] == 1);
    CHECK(client.host.logged.find("message 2 too_large: recipients=1 bytes=100002") !=
          std::string::npos);
}

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
