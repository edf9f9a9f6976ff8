// examples/smtp_sink against a scripted host: what commands and messages are answered with.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smtp_client.hpp"

using portico::test::announcement;
using Client = portico::test::SmtpClient;

namespace {

struct Case {
    std::string_view line;
    std::string_view answer;
};
using namespace std::string_view_literals;
// In one dialogue, one after the other: what they are answered with.
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
