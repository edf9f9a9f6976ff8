// The typed reads of a plugin's settings: the values found, the refusals with their messages, and
// the members that nobody asked for.
#include "plugin/settings_reader.hpp"
#include "config/json_source.hpp"

#include <limits>

#include "support/catch.hpp"

using namespace portico;
using plugin::SettingsReader;
using Read = SettingsReader::Read;

namespace {

// Settings that a program makes: they have a name but no file.
config::Settings settings_of(const std::string& json) {
    config::Settings settings;
    settings.json = json;
    settings.file = "host.json";
    settings.path = "listeners[0].settings";
    return settings;
}

// The settings that the configuration makes from a text that begins on this line of the file.
config::Settings settings_from_line(int line, const std::string& json) {
    config::Settings settings = settings_of(json);
    settings.lines = config::Lines(
        config::parse_json(std::string(static_cast<std::size_t>(line - 1), '\n') + json).root);
    return settings;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a setting is read as its type", "[plugin_settings]") {
    const config::Settings settings = settings_of(
        R"({"yes": true, "no": false, "small": -5, "large": 9223372036854775807, "half": 0.5, "text": "ä", "empty": "", "list": [1, 2, 3], "object": {"a": 1}})");
    SettingsReader reader(settings);
    bool truth = false;
    CHECK(reader.boolean("yes", truth) == Read::ok);
    CHECK(truth);
    CHECK(reader.boolean("no", truth) == Read::ok);
    CHECK_FALSE(truth);
    std::int64_t integer = 0;
    CHECK(reader.integer("small", -5, -5, integer) == Read::ok);
    CHECK(integer == -5);
    CHECK(reader.integer("large", 0, INT64_MAX, integer) == Read::ok);
    CHECK(integer == INT64_MAX);
    double number = 0;
    CHECK(reader.number("half", 0, 1, number) == Read::ok);
    CHECK(number == 0.5);
    CHECK(reader.number("small", -5, 5, number) == Read::ok);  // an integer is a number too
    CHECK(number == -5);
    std::string_view text;
    CHECK(reader.string("text", text) == Read::ok);
    CHECK(text == "ä");
    CHECK(reader.string("empty", text) == Read::ok);
    CHECK(text.empty());
    std::uint64_t count = 0;
    CHECK(reader.count("list", count) == Read::ok);
    CHECK(count == 3);
    CHECK(reader.count("object", count) == Read::ok);
    CHECK(count == 1);
    CHECK(reader.count("", count) == Read::ok);
    CHECK(count == 9);
    CHECK(reader.error().empty());
}

TEST_CASE("a missing setting leaves the default", "[plugin_settings]") {
    const config::Settings settings = settings_of(R"({"there": {"is": [1]}})");
    SettingsReader reader(settings);
    bool truth = true;
    std::int64_t integer = 7;
    double number = 2.5;
    std::string_view text = "default";
    std::uint64_t count = 9;
    CHECK(reader.boolean("missing", truth) == Read::not_found);
    CHECK(reader.integer("there/missing", 0, 10, integer) == Read::not_found);
    CHECK(reader.number("there/is/1", 0, 10, number) == Read::not_found);
    CHECK(reader.string("missing/deep/below", text) == Read::not_found);
    CHECK(reader.count("missing", count) == Read::not_found);
    CHECK(reader.anything("missing") == Read::not_found);
    CHECK(reader.count("there/is/", count) == Read::not_found);
    CHECK(reader.count("there/is/99999999999999999999", count) == Read::not_found);
    CHECK(truth);
    CHECK(integer == 7);
    CHECK(number == 2.5);
    CHECK(text == "default");
    CHECK(count == 9);
    CHECK(reader.error().empty());
}

TEST_CASE("a path leads through objects and arrays, with '/' and '~' escaped",
          "[plugin_settings]") {
    const config::Settings settings = settings_of(
        R"({"limits": [{"size": 5}, {"size": 6}], "a/b": 7, "c~d": 8})");
    SettingsReader reader(settings);
    std::int64_t value = 0;
    CHECK(reader.integer("limits/1/size", 0, 10, value) == Read::ok);
    CHECK(value == 6);
    CHECK(reader.integer("a~1b", 0, 10, value) == Read::ok);
    CHECK(value == 7);
    CHECK(reader.integer("c~0d", 0, 10, value) == Read::ok);
    CHECK(value == 8);
    // not a path: the boundary answers PORTICO_INVALID
    CHECK_THROWS(reader.integer("bad~2escape", 0, 10, value));
}

TEST_CASE(
    "a setting of the wrong type is refused with its place, what was found and what was expected",
    "[plugin_settings]") {
    const config::Settings settings = settings_from_line(
        12, "{\"deep\": [{\"value\": \"text\"}],\n\"number\": 5,\n\"list\": [1]}");
    SettingsReader reader(settings);
    bool truth = false;
    std::int64_t integer = 7;
    double number = 2.5;
    std::string_view text = "default";
    std::uint64_t count = 0;
    const std::string place =
        "host.json:12: listeners[0].settings.deep[0].value: found \"text\", expected ";
    CHECK(reader.boolean("deep/0/value", truth) == Read::wrong_type);
    CHECK(reader.error() == place + "true or false");
    CHECK(reader.integer("deep/0/value", -1, 5, integer) == Read::wrong_type);
    CHECK(reader.error() == place + "an integer from -1 to 5");
    CHECK(reader.number("deep/0/value", 0.5, 1.5, number) == Read::wrong_type);
    CHECK(reader.error() == place + "a number from 0.5 to 1.5");
    CHECK(reader.string("number", text) == Read::wrong_type);
    CHECK(reader.error() ==
          "host.json:13: listeners[0].settings.number: found 5, expected a string");
    CHECK(reader.count("number", count) == Read::wrong_type);
    CHECK(reader.error() ==
          "host.json:13: listeners[0].settings.number: found 5, expected an array or an object");
    CHECK(reader.string("list", text) == Read::wrong_type);
    CHECK(reader.error() ==
          "host.json:14: listeners[0].settings.list: found [1], expected a string");
    CHECK(text == "default");
    CHECK(integer == 7);
    CHECK(number == 2.5);
}

TEST_CASE("a number out of range is refused as a wrong type", "[plugin_settings]") {
    const config::Settings settings = settings_of(
        R"({"value": 5, "fraction": 5.5, "huge": 18446744073709551615, "far": 1e300})");
    SettingsReader reader(settings);
    std::int64_t integer = 1;
    double number = 1;
    CHECK(reader.integer("value", 6, 10, integer) == Read::wrong_type);
    CHECK(reader.integer("value", 0, 4, integer) == Read::wrong_type);
    CHECK(reader.integer("fraction", 0, 10, integer) == Read::wrong_type);
    // it does not wrap around to -1
    CHECK(reader.integer("huge", INT64_MIN, INT64_MAX, integer) == Read::wrong_type);
    CHECK(contains(reader.error(), "found 18446744073709551615"));
    CHECK(reader.number("value", 6, 10, number) == Read::wrong_type);
    CHECK(reader.number("far", 0, 1e299, number) == Read::wrong_type);
    CHECK(integer == 1);
    CHECK(number == 1);
}

TEST_CASE("a long value is cut in an error", "[plugin_settings]") {
    const config::Settings settings = settings_of(R"({"value": ")" + std::string(100, 'x') + "\"}");
    SettingsReader reader(settings);
    bool truth = false;
    CHECK(reader.boolean("value", truth) == Read::wrong_type);
    CHECK(contains(reader.error(), "found \"" + std::string(40, 'x') + "...\", expected"));
}

TEST_CASE("settings that a program made are reported without a file", "[plugin_settings]") {
    config::Settings settings;
    settings.json = R"({"value": 1, "": 2})";
    SettingsReader reader(settings);
    bool truth = false;
    CHECK(reader.boolean("value", truth) == Read::wrong_type);
    CHECK(reader.error() == "settings.value: found 1, expected true or false");
    settings.file = "host.json";  // and without a line if none is known
    SettingsReader again(settings);
    CHECK(again.boolean("value", truth) == Read::wrong_type);
    CHECK(again.error() == "host.json: settings.value: found 1, expected true or false");
}

TEST_CASE("members that the plugin did not read are unknown, if it reads settings at all",
          "[plugin_settings]") {
    const config::Settings settings = settings_from_line(4, R"({"count": 1,
                                  "cuont": 2,
                                  "list": [{"a": 1, "b": 2}, 3], "free": {"x": {"y": 1}}, "with/slash": 1, "with~tilde": 2})");
    SettingsReader reader(settings);
    // it has read nothing here: it may parse the text itself
    CHECK(reader.unread().empty());
    std::int64_t value = 0;
    CHECK(reader.integer("count", 0, 10, value) == Read::ok);
    CHECK(reader.integer("list/0/a", 0, 10, value) == Read::ok);
    CHECK(reader.anything("free") == Read::ok);
    const std::vector<std::string> unread = reader.unread();
    REQUIRE(unread.size() == 5);
    CHECK(unread[0] ==
          "host.json:5: listeners[0].settings.cuont: unknown setting of this plugin; did you mean "
          "\"count\"?");
    CHECK(unread[1] ==
          "host.json:6: listeners[0].settings.list[0].b: unknown setting of this plugin; did you "
          "mean \"a\"?");
    CHECK(contains(unread[2], "list[1]: unknown setting of this plugin"));
    CHECK(contains(unread[3], "with~1slash: unknown setting"));
    CHECK(contains(unread[4], "with~0tilde: unknown setting"));
    CHECK(reader.integer("with~1slash", 0, 10, value) == Read::ok);
    CHECK(reader.integer("with~0tilde", 0, 10, value) == Read::ok);
    CHECK(reader.unread().size() == 3);
    CHECK(reader.anything("") == Read::ok);
    CHECK(reader.unread().empty());
}

TEST_CASE("the kind of a setting is told, and does not count as a read", "[plugin_settings]") {
    using Kind = SettingsReader::Kind;
    const config::Settings settings = settings_of(
        R"({"a": null, "b": true, "c": -9223372036854775808, "d": 9223372036854775808, "e": 1.0,
            "f": "", "g": [], "h": {"i": 1}})");
    SettingsReader reader(settings);
    const std::vector<std::pair<std::string, Kind>> expected{
        {"", Kind::object},  {"a", Kind::null},     {"b", Kind::boolean}, {"c", Kind::integer},
        {"d", Kind::number}, {"e", Kind::number},   {"f", Kind::string},  {"g", Kind::array},
        {"h", Kind::object}, {"h/i", Kind::integer}};
    for (const auto& [key, kind] : expected) {
        Kind found = key == "a" ? Kind::object : Kind::null;
        CHECK(reader.kind(key, found) == Read::ok);
        CHECK(found == kind);
    }
    Kind found = Kind::array;
    CHECK(reader.kind("none", found) == Read::not_found);
    CHECK(reader.kind("g/0", found) == Read::not_found);
    CHECK(found == Kind::array);
    CHECK_THROWS(reader.kind("~", found));
    CHECK(reader.error().empty());
    // What it lies in counts as read, as for every read.
    const std::vector<std::string> unread = reader.unread();
    REQUIRE(unread.size() == 7);
    CHECK(unread[6] == "host.json: listeners[0].settings.h.i: unknown setting of this plugin");
}

TEST_CASE("a name that only its kind was asked of is known for suggestions", "[plugin_settings]") {
    const config::Settings settings = settings_of(R"({"cuont": 1})");
    SettingsReader reader(settings);
    SettingsReader::Kind kind = SettingsReader::Kind::null;
    CHECK(reader.kind("count", kind) == Read::not_found);
    REQUIRE(reader.unread().size() == 1);
    CHECK(contains(reader.unread()[0], "did you mean \"count\"?"));
}

TEST_CASE("an object's names are read by number", "[plugin_settings]") {
    const config::Settings settings = settings_of(R"({"a/b": {"c~d": 1, "e": 2}, "list": [1]})");
    SettingsReader reader(settings);
    std::string_view name = "default";
    CHECK(reader.key("", 0, name) == Read::ok);
    CHECK(name == "a/b");
    CHECK(reader.key("", 1, name) == Read::ok);
    CHECK(name == "list");
    CHECK(reader.key("a~1b", 0, name) == Read::ok);
    CHECK(name == "c~d");
    CHECK(reader.key("a~1b", 2, name) == Read::not_found);
    CHECK(reader.key("a~1b", UINT64_MAX, name) == Read::not_found);
    CHECK(reader.key("none", 0, name) == Read::not_found);
    CHECK(name == "c~d");
    CHECK(reader.key("list", 0, name) == Read::wrong_type);
    CHECK(reader.error() == "host.json: listeners[0].settings.list: found [1], expected an object");
    // The object counts as read, its members do not.
    REQUIRE(reader.unread().size() == 3);
    CHECK(contains(reader.unread()[0], "a~1b.c~0d: unknown"));
}

TEST_CASE("a plugin's own mistakes are kept with their places", "[plugin_settings]") {
    const config::Settings settings = settings_from_line(4, R"({"even": 7,
                                "list": [{"size": 1},
                                         {"size": 2}]})");
    SettingsReader reader(settings);
    CHECK(reader.failures().empty());
    reader.fail("even", "found 7, expected an even number");
    reader.fail("list/1/size", "is more than list[0].size");
    reader.fail("list/1/name", "is missing");
    reader.fail("", "need a \"rest\"");
    reader.fail("even", "two\nlines");
    CHECK_THROWS(reader.fail("~", "x"));
    CHECK(reader.failures() ==
          std::vector<std::string>{
              "host.json:4: listeners[0].settings.even: found 7, expected an even number",
              "host.json:6: listeners[0].settings.list[1].size: is more than list[0].size",
              "host.json:6: listeners[0].settings.list[1].name: is missing",
              "host.json:4: listeners[0].settings: need a \"rest\"",
              "host.json:4: listeners[0].settings.even: two\\nlines"});
    // What a mistake was found in counts as read.
    REQUIRE(reader.unread().size() == 1);
    CHECK(contains(reader.unread()[0], "list[0]: unknown"));
}

TEST_CASE("of very many mistakes the first ones are kept, and the others counted",
          "[plugin_settings]") {
    const config::Settings settings = settings_of("{}");
    SettingsReader reader(settings);
    for (int i = 0; i < 53; ++i) {
        reader.fail("", std::string(2'000, 'x'));
    }
    const std::vector<std::string> failures = reader.failures();
    REQUIRE(failures.size() == 51);
    CHECK(failures[0].size() < 1'100);
    CHECK(failures[50] == "3 more mistakes not shown");
}
