// The plugin ack against a scripted host.
#include "plugins.hpp"
#include "support/catch.hpp"
#include "support/scripted_host.hpp"

using portico::test::Driver;
using portico::test::ScriptedHost;

TEST_CASE("ack answers each read with the article's text") {
    ScriptedHost host;
    Driver ack(ack_query(PORTICO_ABI_MAJOR), host);
    REQUIRE(ack.validate() == PORTICO_OK);
    REQUIRE(ack.start() == PORTICO_OK);
    CHECK(ack.data("one") == PORTICO_OK);
    CHECK(ack.consumed == 3);
    CHECK(ack.data("two two") == PORTICO_OK);
    CHECK(ack.consumed == 7);
    CHECK(host.sent == "Message received successfullyMessage received successfully");
    CHECK(host.closes.empty());
}

TEST_CASE("ack holds the message while the queue is full and answers it once there is room") {
    ScriptedHost host;
    host.settings["reply"] = std::string("ok\n");
    Driver ack(ack_query(PORTICO_ABI_MAJOR), host);
    REQUIRE(ack.start() == PORTICO_OK);
    host.answers = {PORTICO_WOULD_BLOCK};
    CHECK(ack.data("one") == PORTICO_HOLD);
    CHECK(ack.consumed == 0);
    CHECK(ack.data("one") == PORTICO_OK);
    CHECK(ack.consumed == 3);
    CHECK(host.sent == "ok\n");
}

TEST_CASE("ack with close_after answers once, whatever else has come") {
    ScriptedHost host;
    host.settings["close_after"] = true;
    host.settings["reply"] = std::string("bye");
    Driver ack(ack_query(PORTICO_ABI_MAJOR), host);
    REQUIRE(ack.start() == PORTICO_OK);
    CHECK(ack.data("one") == PORTICO_OK);
    CHECK(ack.data("two") == PORTICO_OK);
    CHECK(ack.consumed == 3);
    CHECK(host.sent == "bye");
    CHECK(host.closes == std::vector<std::string>{"graceful"});
}

TEST_CASE("ack's reply has 1 to 65,536 bytes") {
    ScriptedHost host;
    for (const std::size_t size : {std::size_t{1}, std::size_t{65'536}}) {
        host.settings["reply"] = std::string(size, 'x');
        Driver ack(ack_query(PORTICO_ABI_MAJOR), host);
        CHECK(ack.validate() == PORTICO_OK);
        CHECK(ack.start() == PORTICO_OK);
    }
    for (const std::size_t size : {std::size_t{0}, std::size_t{65'537}}) {
        host.settings["reply"] = std::string(size, 'x');
        Driver ack(ack_query(PORTICO_ABI_MAJOR), host);
        CHECK(ack.validate() == PORTICO_INVALID);
        CHECK(ack.error == "\"reply\" has " + std::to_string(size) + " bytes, expected 1 to 65536");
        CHECK(ack.create() == PORTICO_INVALID);
    }
}

TEST_CASE("ack and echo print from create to destroy") {
    ScriptedHost host;
    host.settings["print"] = true;
    for (const portico_module* module :
         {ack_query(PORTICO_ABI_MAJOR), echo_query(PORTICO_ABI_MAJOR)}) {
        Driver plugin(module, host);
        CHECK(plugin.validate() == PORTICO_OK);
        REQUIRE(plugin.start() == PORTICO_OK);
        CHECK(plugin.data("printed") == PORTICO_OK);
    }
}

TEST_CASE("ack leaves a setting of the wrong type to the host's own words") {
    ScriptedHost host;
    host.settings["close_after"] = std::string("yes");
    Driver ack(ack_query(PORTICO_ABI_MAJOR), host);
    CHECK(ack.validate() == PORTICO_WRONG_TYPE);
    CHECK(ack.create() == PORTICO_WRONG_TYPE);
    CHECK(ack.error.empty());
}

TEST_CASE("ack needs the settings extension only if there are settings") {
    ScriptedHost host;
    host.has_settings = false;
    Driver plain(ack_query(PORTICO_ABI_MAJOR), host);
    CHECK(plain.start() == PORTICO_OK);
    host.settings["reply"] = std::string("x");
    Driver configured(ack_query(PORTICO_ABI_MAJOR), host);
    CHECK(configured.create() == PORTICO_UNSUPPORTED);
    CHECK(configured.error ==
          "this host has no portico.settings.draft/1 to read the settings with");
}

TEST_CASE("a plugin shows a host of another major version for which one it was built") {
    for (const portico_module* module :
         {ack_query(PORTICO_ABI_MAJOR + 1), echo_query(PORTICO_ABI_MAJOR + 1)}) {
        REQUIRE(module != nullptr);
        CHECK(module->abi_major == PORTICO_ABI_MAJOR);
        CHECK(module->abi_minor == PORTICO_ABI_MINOR);
    }
}
