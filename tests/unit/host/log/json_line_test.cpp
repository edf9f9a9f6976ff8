// Lines as JSON: what a reader gets back, for every kind of text.
#include "log/json_line.hpp"

#include <nlohmann/json.hpp>

#include "support/catch.hpp"

using namespace portico;
using Json = nlohmann::json;

namespace {

Json read_back(std::string_view text) {
    std::string line;
    log::append_line(line, {log::LineFormat::Kind::json, false}, {}, text);
    REQUIRE(line.ends_with("}\n"));
    REQUIRE(line.find('\n') == line.size() - 1);
    return Json::parse(line);
}

}  // namespace

TEST_CASE("a JSON line has the members of the reference", "[log]") {
    std::string line;
    const std::chrono::system_clock::time_point time{std::chrono::milliseconds(1'769'860'800'123)};
    log::append_line(line, {log::LineFormat::Kind::json, false},
                     {time, base::LogLevel::warn, "echo", 0x2a}, "text");
    CHECK(line ==
          R"({"time":"2026-01-31T12:00:00.123Z","type":"log","level":"warn","listener":"echo",)"
          R"("connection":"2a","text":"text"})"
          "\n");
    CHECK(read_back("ready").size() == 4);  // neither listener nor connection
}

TEST_CASE("any text comes back from a JSON line, as valid UTF-8", "[log]") {
    for (const std::string text :
         {"", "plain", "a \"quote\" and a \\", "tab\tbreak\r\nbell\a and \x7f",
          "\xc3\xa4\xe6\xbc\xa2", "\xf0\x9f\x9a\x80 </script>"}) {
        CHECK(read_back(text).at("text") == text);
    }
    CHECK(read_back(std::string_view("a\0b", 3)).at("text") == std::string("a\0b", 3));
    CHECK(read_back("a\xff"
                    "b\xc3")
              .at("text") ==
          "a\xef\xbf\xbd"
          "b\xef\xbf\xbd");
    CHECK(read_back("\xed\xa0\x80").at("text").get<std::string>().find("\xef\xbf\xbd") == 0);
}

TEST_CASE("a long text is cut, and a character that the cut splits does no harm", "[log]") {
    CHECK(read_back(std::string(5'000, 'x')).at("text") == std::string(4'096, 'x') + "...");
    CHECK(read_back(std::string(4'095, 'x') + "\xc3\xa4" + "yyy").at("text") ==
          std::string(4'095, 'x') + "\xef\xbf\xbd...");
}

TEST_CASE("an access line as JSON has every figure", "[log]") {
    base::Access access{.peer = "127.0.0.1:40000",
                        .reason = "a plugin callback failed",
                        .received_bytes = UINT64_MAX,
                        .sent_bytes = 34,
                        .messages = 5,
                        .duration_ns = 1'234'567'890,
                        .local = "",
                        .is_outbound = false,
                        .reason_name = "plugin_error",
                        .plugin = "a\\b",
                        .status = -5,
                        .native_error = 0};
    std::string line;
    log::append_access_line(line, {log::LineFormat::Kind::json, false},
                            {{},
                             base::LogLevel::info,
                             "\xc3\xa9"
                             "cho",
                             0x2a},
                            access);
    Json expected{{"time", "1970-01-01T00:00:00.000Z"},
                  {"type", "access"},
                  {"level", "info"},
                  {"listener",
                   "\xc3\xa9"
                   "cho"},
                  {"connection", "2a"},
                  {"plugin", "a\\b"},
                  {"origin", "accepted"},
                  {"peer", "127.0.0.1:40000"},
                  {"received_bytes", UINT64_MAX},
                  {"sent_bytes", 34},
                  {"messages", 5},
                  {"duration_ms", 1234.567},
                  {"reason", "plugin_error"},
                  {"status", -5},
                  {"native_error", 0}};
    CHECK(Json::parse(line) == expected);
    access.is_outbound = true;
    access.local = "[::1]:5000";
    line.clear();
    log::append_access_line(line, {log::LineFormat::Kind::json, false},
                            {{},
                             base::LogLevel::info,
                             "\xc3\xa9"
                             "cho",
                             0x2a},
                            access);
    expected["origin"] = "connected";
    expected["local"] = "[::1]:5000";
    CHECK(Json::parse(line) == expected);
}
