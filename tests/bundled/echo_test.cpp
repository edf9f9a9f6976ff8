// The plugin echo against a scripted host.
#include "plugins.hpp"
#include "support/catch.hpp"
#include "support/scripted_host.hpp"

using portico::test::Driver;
using portico::test::ScriptedHost;

TEST_CASE("echo sends back what it gets") {
    ScriptedHost host;
    Driver echo(echo_query(PORTICO_ABI_MAJOR), host);
    REQUIRE(echo.validate() == PORTICO_OK);
    REQUIRE(echo.start() == PORTICO_OK);
    const std::string bytes("a\0b\xFF", 4);
    CHECK(echo.data(bytes) == PORTICO_OK);
    CHECK(echo.consumed == 4);
    CHECK(host.sent == bytes);
}

TEST_CASE("echo holds what the queue does not take, and sends it once") {
    ScriptedHost host;
    Driver echo(echo_query(PORTICO_ABI_MAJOR), host);
    REQUIRE(echo.start() == PORTICO_OK);
    host.answers = {PORTICO_WOULD_BLOCK, PORTICO_WOULD_BLOCK};
    CHECK(echo.data("abc") == PORTICO_HOLD);
    CHECK(echo.consumed == 0);
    CHECK(echo.data("abc") == PORTICO_HOLD);
    CHECK(echo.data("abcde") == PORTICO_OK);  // more had come meanwhile
    CHECK(echo.consumed == 5);
    CHECK(host.sent == "abcde");
}

TEST_CASE("echo sends a message in pieces if one send may not carry it, and resumes between them") {
    ScriptedHost host;
    host.max_send_bytes = 3;
    Driver echo(echo_query(PORTICO_ABI_MAJOR), host);
    REQUIRE(echo.start() == PORTICO_OK);
    host.answers = {PORTICO_OK, PORTICO_WOULD_BLOCK};
    const std::string message = "0123456789\n";
    CHECK(echo.message(message, 0, 10) == PORTICO_HOLD);
    CHECK(echo.consumed == 0);
    CHECK(echo.message(message, 0, 10) == PORTICO_OK);
    CHECK(echo.consumed == 11);
    CHECK(host.sent == message);
    CHECK(echo.message("next\n", 0, 4) == PORTICO_OK);
    CHECK(host.sent == message + "next\n");
}

TEST_CASE("echo gives up, and does not loop, if not even one byte may be sent") {
    ScriptedHost host;
    host.max_send_bytes = 0;
    Driver echo(echo_query(PORTICO_ABI_MAJOR), host);
    REQUIRE(echo.start() == PORTICO_OK);
    CHECK(echo.data("abc") == PORTICO_TOO_LARGE);
}

TEST_CASE("echo accepts that a connection is closing, and reports a failure") {
    ScriptedHost host;
    Driver echo(echo_query(PORTICO_ABI_MAJOR), host);
    REQUIRE(echo.start() == PORTICO_OK);
    host.answers = {PORTICO_GONE, PORTICO_NO_MEMORY};
    CHECK(echo.data("abc") == PORTICO_OK);
    CHECK(echo.data("abc") == PORTICO_NO_MEMORY);
}

TEST_CASE("echo leaves a setting of the wrong type to the host's own words") {
    ScriptedHost host;
    host.settings["print"] = std::int64_t{1};
    Driver echo(echo_query(PORTICO_ABI_MAJOR), host);
    CHECK(echo.validate() == PORTICO_WRONG_TYPE);
    CHECK(echo.create() == PORTICO_WRONG_TYPE);
    CHECK(echo.error.empty());
}
