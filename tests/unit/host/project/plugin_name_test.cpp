// Which names a plugin's project may have.
#include "project/plugin_name.hpp"

#include "project/new_project.hpp"
#include "support/catch.hpp"

namespace portico::project {

namespace {

bool mistake_has(std::string_view name, std::string_view text) {
    return mistake_in_plugin_name(name).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("A plugin's name is a word that every system and tool takes", "[plugin_name]") {
    for (const char* name : {"a", "echo", "my_protocol", "smtp2", "x_", "com10", "testing"}) {
        CHECK(mistake_in_plugin_name(name) == "");
    }
    CHECK(mistake_in_plugin_name(std::string(64, 'n')).empty());
    CHECK(mistake_has(std::string(65, 'n'), "has 65 characters, expected at most 64"));
    CHECK(mistake_has("", "is missing"));
    for (const char* name : {"1a", "_a", "a b", "a-b", "A", "a/b", "..", "é", "a\n"}) {
        CHECK(mistake_has(name, "expected a-z, 0-9 and _, beginning with a letter"));
    }
}

TEST_CASE("A name that is nearly right comes with one that is", "[plugin_name]") {
    CHECK(mistake_has("My-Protocol", ", such as my_protocol"));
    CHECK(mistake_has("a+b", ", such as a_b"));
    // One that would be a surprise is not proposed.
    for (const char* name : {"1a", "a/b", "Test", "c:a", "a b", "é"}) {
        CHECK_FALSE(mistake_has(name, "such as"));
    }
}

TEST_CASE("Words that a system or a tool has taken are no names", "[plugin_name]") {
    CHECK(mistake_has("con", "taken by Windows, for a device"));
    CHECK(mistake_has("lpt9", "taken by Windows, for a device"));
    CHECK(mistake_has("all", "taken by CMake, for a target"));
    CHECK(mistake_has("while", "taken by Rust. Choose another one, such as while_protocol"));
    CHECK(mistake_has("portico", "taken by the SDK"));
}

TEST_CASE("A command is what a shell takes", "[plugin_name]") {
    CHECK(command_of("/usr/lib/portico", "host") == "portico");
    CHECK(command_of("/usr/lib/portico", "client") == "portico-client");
#ifdef _WIN32
    CHECK(command_of("C:/p", "client") == "C:\\p\\client");
    CHECK(command_of("C:/My Programs", "host") == "\"C:\\My Programs\\host\"");
#else
    CHECK(command_of("/opt/p", "client") == "/opt/p/client");
    CHECK(command_of("/opt/my programs", "host") == "\"/opt/my programs/host\"");
#endif
}

}  // namespace portico::project
