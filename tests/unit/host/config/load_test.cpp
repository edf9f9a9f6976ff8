// The configuration: what it accepts, and the messages about everything else.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#ifndef _WIN32
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "base/path_text.hpp"
#include "config/load.hpp"
#include "config/suggest.hpp"
#include "support/catch.hpp"

using namespace portico::config;

namespace {

namespace fs = std::filesystem;

std::string listener(const std::string& more) {
    return R"({"listeners": [{"listen": "5000", "plugin": "echo")" + more + "}]}";
}

std::string with_top(const std::string& more) {
    return R"({"listeners": [{"listen": "5000", "plugin": "echo"}])" + more + "}";
}

Config accepted(const std::string& text) {
    Loaded loaded = load_text(text, "host.json");
    for (const std::string& mistake : loaded.mistakes) {
        UNSCOPED_INFO(mistake);
    }
    REQUIRE(loaded.mistakes.empty());
    return loaded.config;
}

std::vector<std::string> mistakes_in(const std::string& text) {
    return load_text(text, "host.json").mistakes;
}

// The mistake in a text that has exactly one.
std::string mistake_in(const std::string& text) {
    const std::vector<std::string> mistakes = mistakes_in(text);
    for (const std::string& mistake : mistakes) {
        UNSCOPED_INFO(mistake);
    }
    REQUIRE(mistakes.size() == 1);
    return mistakes.front();
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// A directory that no other run uses, removed at the end. Its name is not ASCII, because an
// operator's may not be.
class Folder {
public:
    Folder() {
        std::random_device random;
        do {
            path_ = fs::temp_directory_path() /
                    fs::path(u8"portico config ä ж 漢 ").concat(std::to_string(random()));
        } while (!fs::create_directory(path_));
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }

    [[nodiscard]] const fs::path& path() const { return path_; }
    [[nodiscard]] std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / portico::base::path_from_utf8(name), std::ios::binary) << text;
        return portico::base::utf8_from_path(path_ / portico::base::path_from_utf8(name));
    }

private:
    fs::path path_;
};

#ifndef _WIN32
// While it lives, files are opened by an account without rights, because root could read
// everything. (Other accounts stay as they are.)
class NobodyInParticular {
public:
    NobodyInParticular() {
        if (::geteuid() == 0) {
            REQUIRE(::seteuid(65'534) == 0);
        }
    }
    ~NobodyInParticular() {
        if (::getuid() == 0) {
            static_cast<void>(::seteuid(0) == 0);
        }
    }
    NobodyInParticular(const NobodyInParticular&) = delete;
    NobodyInParticular& operator=(const NobodyInParticular&) = delete;
};
#endif

}  // namespace

TEST_CASE("the smallest configuration takes every default", "[config]") {
    const Config config = accepted(listener(""));
    const Config defaults;
    CHECK(config.file == "host.json");
    CHECK(config.plugin_directory.empty());
    CHECK(config.io.backend == "auto");
    CHECK(config.io.ports == Io::Ports::automatic);
    CHECK(config.io.receive_buffers == defaults.io.receive_buffers);
    CHECK(config.log.level == "info");
    CHECK(config.log.file.empty());
    CHECK(config.drain_ms == 5'000);
    REQUIRE(config.listeners.size() == 1);
    const Listener& only = config.listeners.front();
    CHECK(only.name == "echo");
    REQUIRE(only.listen.size() == 1);
    CHECK(only.listen[0].text == "5000");
    CHECK(only.listen[0].key == "listen");
    CHECK(only.listen[0].line == 1);
    CHECK(only.plugin == "echo");
    CHECK(only.line == 1);
    CHECK(only.framing.type == Framing::Type::none);
    CHECK(only.limits.connections == 10'000);
    CHECK(only.limits.keepalive_idle_ms == 60'000);
    CHECK(only.limits.unacknowledged_timeout_ms == 0);
    CHECK(only.blocking_threads == 4);
    CHECK(only.executor_threads == 2);
    CHECK(only.executor_queue == 1'024);
    CHECK_FALSE(only.watchdog_ms.has_value());
    CHECK(only.settings.json == "{}");
    CHECK(only.settings.file == "host.json");
    CHECK(only.settings.path == "listeners[0].settings");
    CHECK(only.settings.lines.of("") == 1);
}

TEST_CASE("io_uring has no shared ports", "[config]") {
    const std::string rest = R"("listeners": [{"listen": "0", "plugin": "echo"}]})";
    CHECK(accepted(R"({"io": {"backend": "io_uring"}, )" + rest).io.backend == "io_uring");
    CHECK(accepted(R"({"io": {"backend": "io_uring", "ports": "per_core"}, )" + rest).io.backend ==
          "io_uring");
    const auto loaded = load_text(
        "{\"io\": {\n\"backend\": \"io_uring\",\n\"ports\": \"shared\"}, " + rest, "host.json");
    REQUIRE(loaded.mistakes.size() == 1);
    CHECK(loaded.mistakes[0] ==
          "host.json:3: io.ports: found \"shared\", expected \"per_core\" or \"auto\": a port on "
          "io_uring belongs to one thread");
}

TEST_CASE("every key is read into its member", "[config]") {
    const Config config = accepted(R"({
      "$schema": "host.schema.json",
      "io": {"backend": "epoll", "ports": "shared", "threads": 3, "receive_buffer_bytes": 1024, "receive_buffers": 32},
      "listeners": [
        {"name": "a", "listen": "[::1]:0", "plugin": "p",
         "framing": {"type": "length_prefix", "bytes": 2, "order": "little", "max_bytes": 300},
         "limits": {"connections": 1, "send_queue_bytes": 2000, "send_queue_low_bytes": 1000, "max_send_bytes": 4,
                    "unconsumed_bytes": 5, "idle_timeout_ms": 6, "half_close_timeout_ms": 7, "close_timeout_ms": 8,
                    "keepalive_idle_ms": 10, "keepalive_interval_ms": 11, "keepalive_probes": 12, "unacknowledged_timeout_ms": 13},
         "blocking_threads": 9, "executor_threads": 14, "executor_queue": 15,
         "watchdog_ms": 0},
        {"name": "b", "listen": "localhost:1", "plugin": "p",
         "framing": {"type": "delimiter", "delimiter": "\r\n\u0000", "max_bytes": 10}}],
      "log": {"level": "trace", "access": false, "queue": 16},
      "shutdown": {"drain_ms": 0}})");
    CHECK(config.io.backend == "epoll");
    CHECK(config.io.ports == Io::Ports::shared);
    CHECK(config.io.threads == 3);
    CHECK(config.io.receive_buffer_bytes == 1'024);
    CHECK(config.io.receive_buffers == 32);
    REQUIRE(config.listeners.size() == 2);
    const Listener& a = config.listeners[0];
    CHECK(a.name == "a");
    CHECK(a.listen.at(0).text == "[::1]:0");
    CHECK(a.line == 5);
    CHECK(a.framing.type == Framing::Type::length_prefix);
    CHECK(a.framing.prefix_bytes == 2);
    CHECK(a.framing.order == Framing::ByteOrder::little);
    CHECK(a.framing.max_bytes == 300);
    CHECK(a.limits.connections == 1);
    CHECK(a.limits.send_queue_bytes == 2'000);
    CHECK(a.limits.send_queue_low_bytes == 1'000);
    CHECK(a.limits.max_send_bytes == 4);
    CHECK(a.limits.unconsumed_bytes == 5);
    CHECK(a.limits.idle_timeout_ms == 6);
    CHECK(a.limits.half_close_timeout_ms == 7);
    CHECK(a.limits.close_timeout_ms == 8);
    CHECK(a.limits.keepalive_idle_ms == 10);
    CHECK(a.limits.keepalive_interval_ms == 11);
    CHECK(a.limits.keepalive_probes == 12);
    CHECK(a.limits.unacknowledged_timeout_ms == 13);
    CHECK(a.blocking_threads == 9);
    CHECK(a.executor_threads == 14);
    CHECK(a.executor_queue == 15);
    CHECK(a.watchdog_ms == 0);
    const Listener& b = config.listeners[1];
    CHECK(b.framing.type == Framing::Type::delimiter);
    CHECK(b.framing.delimiter == std::string("\r\n\0", 3));
    CHECK(b.framing.max_bytes == 10);
    CHECK(config.log.level == "trace");
    CHECK_FALSE(config.log.access);
    CHECK(config.log.queue == 16);
    CHECK(config.drain_ms == 0);
}

TEST_CASE("comments, a byte-order mark and text that is not ASCII are accepted", "[config]") {
    const Config config = accepted("\xEF\xBB\xBF// first\n/* and\n then */" +
                                   with_top(R"(/* , "x": 1 */)") + "// last");
    CHECK(config.listeners.front().line == 3);
    CHECK(accepted(listener(R"(, "name": "écho-漢")")).listeners.front().name == "écho-漢");
}

TEST_CASE("settings become JSON without comments, and each member knows its line", "[config]") {
    const Config config = accepted(R"({"listeners": [
  {"listen": "5000", "plugin": "echo",
   "settings": {
     "z": 1.5, // why
     "list": [
       1,
       {"deep/er~": true}
     ],
     "text": "ä\n",
     "big": 18446744073709551615, "small": -9223372036854775808,
     "below":
       null
   }}]})");
    const Settings& settings = config.listeners.front().settings;
    CHECK(settings.json ==
          R"({"below":null,"big":18446744073709551615,"list":[1,{"deep/er~":true}],)"
          R"("small":-9223372036854775808,"text":"ä\n","z":1.5})");
    CHECK(settings.lines.of("") == 3);
    CHECK(settings.lines.of("/z") == 4);
    CHECK(settings.lines.of("/list") == 5);
    CHECK(settings.lines.of("/list/0") == 6);
    CHECK(settings.lines.of("/list/1/deep~1er~0") == 7);
    CHECK(settings.lines.of("/text") == 9);
    CHECK(settings.lines.of("/small") == 10);
    CHECK(settings.lines.of("/below") == 11);
    CHECK(settings.lines.size() == 10);
    for (const char* unknown :
         {"/none", "/list/2", "/list/x", "/list/", "/z/0", "/list/1/deep/er~"}) {
        CHECK(settings.lines.of(unknown) == 0);
    }
}

TEST_CASE("a number at the end of a line belongs to that line", "[config]") {
    CHECK(mistake_in("{\"listeners\": [\n{\"listen\": \"5000\", \"plugin\": \"echo\"},\n5\n]}") ==
          "host.json:3: listeners[1]: found 5, expected a listener, {...}");
}

TEST_CASE("a syntax error is reported alone, with its column and in plain words", "[config]") {
    const auto check = [](const std::string& text, const std::string& expected) {
        INFO(text);
        CHECK(mistake_in(text) == "host.json:" + expected);
    };
    const std::string value =
        R"(expected a value: "text", a number, true, false, null, {...} or [...])";
    check("", R"(1:1: found an empty file, expected "{")");
    check(" \n ", R"(2:2: found an empty file, expected "{")");
    check("{\"lgo\": 1,\n\"b\" 2}", R"(2:5: found 2, expected ":" after the key)");
    check("{\"a\": 1\n \"b\": 2}",
          R"(2:2: found the text "b", expected "," or "}" (is a comma missing before it?))");
    check(R"({"a": 1,})",
          R"(1:9: found "}", expected a key in double quotes (no comma before a closing bracket))");
    check(R"({"a": [1,]})",
          R"(1:10: found "]", )" + value + " (no comma before a closing bracket)");
    check(R"({"a": [1, 2})", R"(1:12: found "}", expected "," or "]")");
    check(R"({"a": })", R"(1:7: found "}", )" + value);
    check(R"({,})", R"(1:2: found ",", expected a key in double quotes)");
    check(R"({a: 1})", "1:2: found a, expected a key in double quotes");
    check(R"({'a': 1})",
          R"(1:2: found "'", expected a key in double quotes (text needs double quotes))");
    check(R"({"ä": True})", "1:7: found True, " + value + " (true, false and null are lower-case)");
    check(R"({"a": tru})", "1:7: found tru, " + value);
    check(R"({"a": true;})", R"(1:11: found ";", expected "," or "}")");
    check(R"({"a": 1;})", R"(1:8: found ";", expected "," or "}")");
    check(R"({"a": 1 # x)", R"(1:9: found "#", expected "," or "}" (a comment begins with "//"))");
    check("\xEF\xBB\xBF\xEF\xBB\xBF{}", R"(1:1: found "\ufeff", expected "{")");
    check("\xEF\xBC\x81", R"(1:1: found "！", expected "{")");
    check("{\"a\": \xC2\xA0}", R"(1:7: found "\u00a0", )" + value);
    check(R"({"a": €})", R"(1:7: found "€", )" + value);
    check(
        "{\n\"a\": [\n1",
        R"(3:2: found the end of the file, expected "," or "]" (the "[" of line 2 is not closed))");
    check("{} {}",
          R"(1:4: found "{", expected the end of the file: the outermost object is complete)");
    for (const std::string number : {"01", "+5", ".5", "5.", "0x10", "1e", "-", "-x", "1_000"}) {
        check(R"({"a": )" + number + "}",
              "1:7: found " + number + ", expected a number such as 5000, -1 or 0.5");
    }
    check(R"({"a": 1e999})", "1:7: found 1e999, expected a number below 1.8e308");
    check(R"({"a": "number overflow"}})",
          R"(1:25: found "}", expected the end of the file: the outermost object is complete)");
    check(
        "{\"a\": \"x\n\"}",
        R"(1:9: found the end of the line inside a text, expected its closing '"' (a line break in a text is written \n))");
    check(R"({"a": "x)",
          R"(1:9: found the end of the file inside a text, expected its closing '"')");
    check(
        "{\"a\": \"\t\"}",
        R"(1:8: found the control character "\t" in a text, expected it escaped (a tab is written \t))");
    check(
        R"({"a": "C:\plugins"})",
        R"(1:10: found "\p" in a text, expected \\ for a backslash (in a path "/" works too), or one of \" \/ \b \f \n \r \t \u0000)");
    check(R"({"a": "\u12g4"})", R"(1:12: found "g" after \u, expected four hexadecimal digits)");
    check(
        R"({"a": "\ud800"})",
        R"(1:14: found half of a surrogate pair, expected \uD800..\uDBFF followed by \uDC00..\uDFFF)");
    check("{ /* x", R"(1:7: found the end of the file in a comment, expected "*/")");
    check("{ / x", R"(1:3: found "/", expected "//" or "/*" for a comment)");
}

TEST_CASE("text that is not UTF-8 is refused, even in a comment", "[config]") {
    const auto refused = [](const std::string& bytes) {
        return mistake_in("{\n// " + bytes + "\n}");
    };
    CHECK(
        refused("\xFF") ==
        R"(host.json:2:4: found the byte \xff, which is not UTF-8, expected a file saved as UTF-8)");
    CHECK(has(refused("\xC0\x80"), "which is not UTF-8"));          // overlong
    CHECK(has(refused("\xE0\x80\x80"), "which is not UTF-8"));      // overlong
    CHECK(has(refused("\xED\xA0\x80"), "which is not UTF-8"));      // a surrogate
    CHECK(has(refused("\xF4\x90\x80\x80"), "which is not UTF-8"));  // beyond the last code point
    CHECK(has(refused("\xE2\x82"), "which is not UTF-8"));          // cut
    CHECK(mistake_in(std::string("\xFF\xFE{\0", 4)) ==
          "host.json:1:1: found UTF-16, expected UTF-8: save the file with that encoding");
    CHECK(mistake_in(with_top("") + std::string("\0x", 2)) ==
          "host.json:1:" + std::to_string(with_top("").size() + 1) +
              ": found a NUL byte, expected a file saved as UTF-8 text");
}

TEST_CASE("deep nesting is an error, not a crash", "[config]") {
    CHECK(mistake_in(std::string(100'000, '[')) ==
          "host.json:1:65: found more than 64 brackets open at once, expected at most 64");
    std::string objects;
    for (int depth = 0; depth < 100'000; ++depth) {
        objects += "{\"a\":";
    }
    CHECK(has(mistake_in(objects), "found more than 64 brackets open at once"));
    // The outermost object, the array, the listener and "settings" are four.
    const auto settings = [](std::size_t depth) {
        return listener(R"(, "settings": {"a": )" + std::string(depth, '[') +
                        std::string(depth, ']') + "}");
    };
    accepted(settings(60));
    CHECK(has(mistake_in(settings(61)), "found more than 64 brackets"));
}

TEST_CASE("all mistakes are reported at once, in the order of their lines", "[config]") {
    const std::vector<std::string> mistakes = mistakes_in(R"({
  "shutdown": {"drain_ms": -1},
  "io": {"ports": "many"},
  "listeners": [{
    "plugin": 5,
    "limits": {"conections": 7, "connections": 0}
  }],
  "log": []
})");
    CHECK(
        mistakes ==
        std::vector<std::string>{
            "host.json:2: shutdown.drain_ms: found -1, expected a whole number from 0 to 86400000",
            R"(host.json:3: io.ports: found "many", expected "auto", "shared" or "per_core")",
            "host.json:4: listeners[0].listen: found nothing, expected an address such as "
            "\"127.0.0.1:5000\", "
            "\"[::1]:5000\", \"localhost:5000\" or \"5000\", or a list of them",
            "host.json:5: listeners[0].plugin: found 5, expected a plugin's name, such as "
            "\"echo\": the name of its "
            "file without folder and suffix",
            "host.json:6: listeners[0].limits.connections: found 0, expected a whole number from 1 "
            "to 1000000",
            R"(host.json:6: listeners[0].limits.conections: unknown key "conections"; did you mean "connections"?)",
            "host.json:8: log: found [], expected an object, {...}"});
}

TEST_CASE("an unknown key is reported with the one that was probably meant", "[config]") {
    CHECK(mistake_in(with_top(R"(, "lgo": {})")) ==
          R"(host.json:1: lgo: unknown key "lgo"; did you mean "log"?)");
    CHECK(has(mistake_in(listener(R"(, "blockingThreads": 1)")),
              R"(did you mean "blocking_threads"?)"));
    CHECK(has(mistake_in(listener(R"(, "executorThreads": 1)")),
              R"(did you mean "executor_threads"?)"));
    CHECK(has(mistake_in(listener(R"(, "watchdog_ms": 86400001)")),
              "watchdog_ms: found 86400001, expected a whole number from 0 to 86400000"));
    CHECK(has(mistake_in(listener(R"(, "limits": {"executor_queue": 1})")),
              R"(unknown key "executor_queue"; it belongs in a listener)"));
    CHECK(has(mistake_in(listener(R"(, "idle_timeout_ms": 1)")),
              R"(unknown key "idle_timeout_ms"; it belongs in "limits")"));
    CHECK(has(mistake_in(with_top(R"(, "plugin": "echo")")), R"(it belongs in a listener)"));
    CHECK(mistake_in(with_top(R"(, "shutdown": {"two\nwords": 1})")) ==
          R"(host.json:1: shutdown["two\nwords"]: unknown key "two\nwords", expected "drain_ms")");
}

TEST_CASE("a suggested key differs by few edits; nothing far away is suggested", "[config]") {
    const std::vector<std::string_view> known{"port", "send_queue_bytes", "name"};
    CHECK(nearest("prot", known) == "port");
    CHECK(nearest("PORT", known) == "port");
    CHECK(nearest("ports", known) == "port");
    CHECK(nearest("sendQueueBytes", known) == "send_queue_bytes");
    CHECK(nearest("send-queue-byte", known) == "send_queue_bytes");
    CHECK(nearest("colour", known).empty());
    CHECK(nearest("", known).empty());
    CHECK(nearest(std::string(1'000'000, 'p'), known).empty());
}

TEST_CASE("a repeated key is a mistake that names the first one's line", "[config]") {
    CHECK(mistake_in("{\"log\": {},\n\"listeners\": [{\"listen\": \"1\", \"plugin\": "
                     "\"p\"}],\n\n\"log\": 5}") ==
          "host.json:4: log: found the key \"log\" again, expected it once (first on line 1)");
    CHECK(has(mistake_in(listener(R"(, "settings": {"a": [{"b": 1, "b": 2}]})")),
              "listeners[0].settings.a[0].b: found the key \"b\" again"));
    CHECK(
        has(mistake_in(with_top(R"(, "\u006cog": {}, "log": {})")), "found the key \"log\" again"));
}

TEST_CASE("the value that was found is shown short and escaped", "[config]") {
    const std::string long_text(100, 'x');
    CHECK(has(mistake_in(with_top(R"(, "log": ")" + long_text + "\"")),
              "found \"" + std::string(40, 'x') + "...\", expected"));
    CHECK(has(mistake_in(with_top(R"(, "log": {"level": "\u001b[31m\n\"\u0085"})")),
              R"(found "\u001b[31m\n\"\u0085", expected)"));
    CHECK(has(mistake_in(with_top(R"(, "log": [1, {"a": null}, true, 1.50])")),
              R"(found [1, {"a": null}, true, 1.50], expected)"));
    CHECK(has(mistake_in(with_top(", \"log\": [\"" + long_text + "\", \"" + long_text + "\"]")),
              "found [\"" + std::string(38, 'x') + "..., expected"));
    CHECK(has(mistake_in(with_top(R"(, "log": {"level": "\r\t"})")), R"(found "\r\t", expected)"));
    std::string numbers = "[0";
    for (int i = 1; i < 1'000; ++i) {
        numbers += ", " + std::to_string(i);
    }
    CHECK(has(mistake_in(with_top(", \"log\": " + numbers + "]")),
              "found " + numbers.substr(0, 40) + "..., expected"));
    const std::string umlauts = mistake_in(
        with_top(R"(, "log": "ääääääääääääääääääääääääääääääääääääääääää")"));
    CHECK(has(umlauts, "ä...\", expected"));
}

TEST_CASE("only whole numbers within the range are integers", "[config]") {
    const auto threads = [](const std::string& number) {
        return with_top(R"(, "io": {"threads": )" + number + "}");
    };
    CHECK(accepted(threads("1024")).io.threads == 1'024);
    CHECK(accepted(threads("-0")).io.threads == 0);
    const std::string range = ", expected a whole number from 0 to 1024";
    CHECK(mistake_in(threads("1025")) == "host.json:1: io.threads: found 1025" + range);
    CHECK(has(mistake_in(threads("-1")), "found -1" + range));
    CHECK(
        has(mistake_in(threads("1e3")), "found 1e3" + range + ", without a point or an exponent"));
    CHECK(has(mistake_in(threads("10.0")),
              "found 10.0" + range + ", without a point or an exponent"));
    CHECK(has(mistake_in(threads("4294967296")), "found 4294967296" + range));
    CHECK(has(mistake_in(threads("18446744073709551616")), "found 18446744073709551616" + range));
    CHECK(has(mistake_in(threads("\"4\"")), "found \"4\"" + range));
    CHECK(has(mistake_in(threads("true")), "found true" + range));
    CHECK(has(mistake_in(threads("null")), "found null" + range));
}

TEST_CASE("there is at least one listener", "[config]") {
    const std::string expected = "expected an array with at least one listener, [{...}]";
    CHECK(mistake_in("{}") == "host.json:1: listeners: found nothing, " + expected);
    CHECK(mistake_in("{\n\"listeners\": []}") == "host.json:2: listeners: found [], " + expected);
    CHECK(mistake_in("{\n\"listeners\": {}}") == "host.json:2: listeners: found {}, " + expected);
    CHECK(mistake_in("[]") == "host.json:1: (top level): found [], expected an object, {...}");
}

TEST_CASE("an unnamed listener takes its plugin's name unless that is taken", "[config]") {
    const auto pair = [](const std::string& first, const std::string& second) {
        return "{\"listeners\": [\n{\"listen\": \"1\", \"plugin\": \"echo\"" + first +
               "},\n{\"listen\": \"2\", \"plugin\": \"echo\"" + second + "}]}";
    };
    CHECK(accepted(pair(R"(, "name": "a")", "")).listeners[1].name == "echo");
    CHECK(
        mistake_in(pair("", "")) ==
        "host.json:3: listeners[1].name: found nothing, expected a name, because the default, the "
        "plugin's name \"echo\", is taken (listeners[0] on line 2 has it)");
    CHECK(mistake_in(pair("", R"(, "name": "echo")")) ==
          "host.json:3: listeners[1].name: found \"echo\", expected a name that no other listener "
          "has (listeners[0] on line 2 has it)");
    for (const std::string bad : {"", "a b", "a\\tb", "a\\\"b", "a'b", "\\u00a0", "\\u0007"}) {
        INFO(bad);
        CHECK(has(mistake_in(listener(R"(, "name": ")" + bad + "\"")),
                  "listeners[0].name: found \""));
    }
    accepted(listener(R"(, "name": ")" + std::string(64, 'n') + "\""));
    CHECK(has(mistake_in(listener(R"(, "name": ")" + std::string(65, 'n') + "\"")),
              "expected 1 to 64 printable characters"));
}

TEST_CASE("a plugin's name is not a path and has no suffix", "[config]") {
    const auto plugin = [](const std::string& name) {
        return R"({"listeners": [{"listen": "1", "plugin": ")" + name + "\"}]}";
    };
    CHECK(accepted(plugin("my-echo_2.v1")).listeners[0].name == "my-echo_2.v1");
    for (const std::string bad : {"a/b", "a\\\\b", "c:a", "..", "a..b", "/a"}) {
        INFO(bad);
        CHECK(has(mistake_in(plugin(bad)), "the folder is \"plugin_directory\""));
    }
    for (const std::string bad : {"echo.dll", "echo.DLL", "echo.so", ".so", "sub/echo.so"}) {
        INFO(bad);
        CHECK(has(mistake_in(plugin(bad)), "expected the name without its suffix"));
    }
    CHECK(has(mistake_in(plugin("")), "expected 1 to 64 printable characters"));
    CHECK(has(mistake_in(plugin("two words")), "expected 1 to 64 printable characters"));
    const std::string what =
        "expected a plugin's name, such as \"echo\": the name of its file without folder and "
        "suffix";
    CHECK(mistake_in(R"({"listeners": [{"listen": "1"}]})") ==
          "host.json:1: listeners[0].plugin: found nothing, " + what);
    CHECK(mistake_in(R"({"listeners": [{"listen": "1", "plugin": 5}]})") ==
          "host.json:1: listeners[0].plugin: found 5, " + what);
}

TEST_CASE("an address is checked, and no two listeners have the same", "[config]") {
    const auto listen = [](const std::string& text) {
        return R"({"listeners": [{"plugin": "p", "listen": )" + text + "}]}";
    };
    CHECK(has(mistake_in(listen("\"127.0.0.1:70000\"")),
              "found \"127.0.0.1:70000\": the port is not a number from 0 to 65535"));
    CHECK(has(mistake_in(listen("\"::1:5000\"")),
              R"(expected "[::1]:5000": an IPv6 address needs brackets)"));
    CHECK(has(mistake_in(listen("\"local host:1\"")), "without spaces"));
    CHECK(has(mistake_in(listen('"' + std::string(1'000, 'h') + '"')), "hhh...\": the port"));
    CHECK(has(mistake_in(listen("5000")), "found 5000, expected an address such as"));
    const auto both = [](const std::string& first, const std::string& second) {
        return "{\"listeners\": [\n{\"name\": \"a\", \"plugin\": \"p\", \"listen\": \"" + first +
               "\"},\n{\"name\": \"b\", \"plugin\": \"p\", \"listen\": \"" + second + "\"}]}";
    };
    CHECK(mistake_in(both("[::1]:5000", "[::1]:5000")) ==
          "host.json:3: listeners[1].listen: found \"[::1]:5000\", expected an address that no "
          "other listener has (listeners[0] on line 2 has it)");
    CHECK(has(mistake_in(both("127.0.0.1:5000", "5000")),
              "expected an address that no other listener has"));
    CHECK(has(mistake_in(both("localhost:5000", "LOCALHOST:5000")),
              "expected an address that no other listener has"));
    accepted(both("5000", "5001"));
    accepted(both("0", "0"));
    accepted(both("127.0.0.1:0", "127.0.0.1:0"));
}

TEST_CASE("a list of addresses is read in its order, each with its place", "[config]") {
    const Config config = accepted(R"({"listeners": [{"plugin": "p", "listen": [
      "127.0.0.1:5000", "[::1]:5000",
      "localhost:0", "localhost:0"]}]})");
    const std::vector<ListenAddress>& listen = config.listeners[0].listen;
    REQUIRE(listen.size() == 4);
    CHECK(listen[0].text == "127.0.0.1:5000");
    CHECK(listen[0].key == "listen[0]");
    CHECK(listen[0].line == 2);
    CHECK(listen[1].text == "[::1]:5000");
    CHECK(listen[1].line == 2);
    CHECK(listen[3].text == "localhost:0");  // two free ports
    CHECK(listen[3].key == "listen[3]");
    CHECK(listen[3].line == 3);
}

TEST_CASE("a mistake in a list of addresses names the entry", "[config]") {
    const auto list = [](const std::string& entries) {
        return "{\"listeners\": [{\"plugin\": \"p\", \"listen\": [\n" + entries + "]}]}";
    };
    CHECK(mistake_in(list("\"127.0.0.1:1\",\n\"*:2\"")) ==
          "host.json:3: listeners[0].listen[1]: found \"*:2\", expected \"0.0.0.0:2\" for all IPv4 "
          "addresses of this machine, or \"[::]:2\" for all IPv6 ones");
    CHECK(has(mistake_in(list("\"1\", \"1:x\"")),
              "host.json:2: listeners[0].listen[1]: found \"1:x\": the port is not a number"));
    CHECK(has(mistake_in(list("\"1\", 2")),
              "host.json:2: listeners[0].listen[1]: found 2, expected an address such as"));
    CHECK(has(mistake_in(list("[\"1\"]")),
              "listeners[0].listen[0]: found [\"1\"], expected an address such as"));
    CHECK(mistakes_in(list("1, \"a b:1\", \"ok:1\", null")).size() == 3);
    CHECK(mistake_in(list("")) ==
          "host.json:1: listeners[0].listen: found [], expected a list of 1 to 64 addresses");
    const auto many = [&](int count) {
        std::string entries = "\"0\"";
        for (int i = 1; i < count; ++i) {
            entries += ", \"0\"";
        }
        return list(entries);
    };
    CHECK(accepted(many(64)).listeners[0].listen.size() == 64);
    CHECK(has(mistake_in(many(65)), "expected a list of 1 to 64 addresses"));
    CHECK(has(mistake_in(R"({"listeners": [{"plugin": "p", "listen": {}}]})"),
              "or \"5000\", or a list of them"));
}

TEST_CASE("an address stands once in a list, and in one listener", "[config]") {
    const auto pair = [](const std::string& first, const std::string& second) {
        return "{\"listeners\": [\n{\"name\": \"a\", \"plugin\": \"p\", \"listen\": " + first +
               "},\n{\"name\": \"b\", \"plugin\": \"p\", \"listen\": " + second + "}]}";
    };
    CHECK(
        mistake_in(pair(R"(["1", "2", "127.0.0.1:1"])", "\"3\"")) ==
        "host.json:2: listeners[0].listen[2]: found \"127.0.0.1:1\", expected an address that the "
        "list has only once (listeners[0].listen[0] on line 2 has it)");
    CHECK(mistake_in(pair(R"(["1", "2"])", "\"2\"")) ==
          "host.json:3: listeners[1].listen: found \"2\", expected an address that no other "
          "listener has (listeners[0].listen[1] on line 2 has it)");
    CHECK(mistake_in(pair("\"2\"", R"(["1", "2"])")) ==
          "host.json:3: listeners[1].listen[1]: found \"2\", expected an address that no other "
          "listener has (listeners[0] on line 2 has it)");
    accepted(pair(R"(["1", "2"])", R"(["3", "4"])"));
}

TEST_CASE("each framing type accepts only its own keys", "[config]") {
    const auto framing = [](const std::string& keys) {
        return listener(R"(, "framing": {)" + keys + "}");
    };
    CHECK(accepted(framing(R"("type": "none")")).listeners[0].framing.type == Framing::Type::none);
    CHECK(accepted(framing(R"("type": "delimiter")")).listeners[0].framing.delimiter == "\n");
    CHECK(
        has(mistake_in(framing("")),
            "framing.type: found nothing, expected \"none\", \"delimiter\" or \"length_prefix\""));
    CHECK(has(mistake_in(framing(R"("type": "line")")), "framing.type: found \"line\""));
    CHECK(has(mistake_in(framing(R"("type": "delimiter", "bytes": 4)")),
              "it belongs to the type \"length_prefix\""));
    CHECK(has(mistake_in(framing(R"("type": "delimiter", "order": "big")")),
              "it belongs to the type \"length_prefix\""));
    CHECK(has(mistake_in(framing(R"("type": "length_prefix", "delimiter": "\n")")),
              "it belongs to the type \"delimiter\""));
    CHECK(has(mistake_in(framing(R"("type": "none", "max_bytes": 9)")),
              "without framing there are no frames"));
    CHECK(has(mistake_in(framing(R"("type": "delimiter", "delimiter": "")")),
              "expected 1 to 16 bytes"));
    // 17
    CHECK(has(mistake_in(framing(R"("type": "delimiter", "delimiter": "ääääääääa")")),
              "expected 1 to 16 bytes"));
    CHECK(has(mistake_in(framing(R"("type": "length_prefix", "bytes": 3)")),
              "found 3, expected 1, 2 or 4"));
    CHECK(has(mistake_in(framing(R"("type": "length_prefix", "bytes": -1)")),
              "found -1, expected 1, 2 or 4"));
}

TEST_CASE("an upstream has an address, a timeout, a framing and limits of its own", "[config]") {
    const Config config = accepted(listener(R"(, "upstreams": {
        "backend": {"address": "127.0.0.1:6000", "connect_timeout_ms": 7, "send_proxy": "v2",
                    "framing": {"type": "delimiter"}, "limits": {"connections": 3}},
        "name": {"address": "db.internal:5432"}, "v6": {"address": "[::1]:1"},
        "here": {"address": "6000"}}, "limits": {"connections": 9})"));
    const std::vector<Upstream>& upstreams = config.listeners[0].upstreams;
    REQUIRE(upstreams.size() == 4);
    const auto backend = std::find_if(upstreams.begin(), upstreams.end(),
                                      [](const Upstream& one) { return one.name == "backend"; });
    REQUIRE(backend != upstreams.end());
    CHECK(backend->address == "127.0.0.1:6000");
    CHECK(backend->connect_timeout_ms == 7);
    CHECK(backend->send_proxy == SendProxy::v2);
    CHECK(backend->framing.type == Framing::Type::delimiter);
    CHECK(backend->limits.connections == 3);
    CHECK(backend->limits.send_queue_bytes == 1'048'576);
    CHECK(backend->line == 2);
    CHECK(config.listeners[0].limits.connections == 9);
    CHECK(accepted(listener("")).listeners[0].upstreams.empty());
    CHECK(accepted(listener(R"(, "upstreams": {})")).listeners[0].upstreams.empty());
}

TEST_CASE("a mistake in an upstream is reported with its place", "[config]") {
    const auto upstream = [](const std::string& keys) {
        return listener(R"(, "upstreams": {"backend": {)" + keys + "}}");
    };
    const auto address = [&](const std::string& text) {
        return mistake_in(upstream("\"address\": \"" + text + '"'));
    };
    CHECK(has(mistake_in(upstream("")),
              "host.json:1: listeners[0].upstreams.backend.address: found nothing, expected an "
              "address with a port"));
    CHECK(has(address("backend"), "\"backend:6000\", with a port"));
    CHECK(has(address("[::1]"), "\"[::1]:6000\", with a port"));
    CHECK(has(address("::1:6000"), "\"[::1]:6000\": an IPv6 address needs brackets"));
    CHECK(has(address("tcp://a:1/x"), "\"a:1\": address and port alone"));
    CHECK(has(address("unix:/run/x"), "Unix sockets are not supported"));
    CHECK(has(address("a:0"), "the port is 1 to 65535"));
    CHECK(has(address("*:1"), "the port is 1 to 65535"));
    CHECK(has(address("a:65536"), "the port is not a number from 0 to 65535"));
    CHECK(has(address("a b:1"), "without spaces"));
    CHECK(has(address(""), "found \"\""));
    CHECK(has(mistake_in(upstream(R"("address": "a:1", "connect_timeout_ms": 0)")),
              "upstreams.backend.connect_timeout_ms: found 0"));
    CHECK(has(mistake_in(upstream(R"("address": "a:1", "send_proxy": "v3")")),
              "upstreams.backend.send_proxy: found \"v3\""));
    CHECK(has(mistake_in(upstream(R"("adress": "a:1", "address": "a:1")")),
              R"(unknown key "adress"; did you mean "address"?)"));
    CHECK(has(mistake_in(upstream(R"("address": "a:1", "drain_ms": 1)")),
              R"(it belongs in "shutdown")"));
    CHECK(has(mistake_in(upstream(R"("address": "a:1", "limits": {"connections": 0})")),
              "upstreams.backend.limits.connections: found 0"));
    CHECK(has(mistake_in(listener(R"(, "upstreams": {"two words": {"address": "a:1"}})")),
              "upstreams[\"two words\"]: found the name \"two words\", expected 1 to 64"));
    CHECK(has(mistake_in(listener(R"(, "upstreams": {"a": "b:1"})")),
              "upstreams.a: found \"b:1\", expected an object"));
    CHECK(has(mistake_in(listener(R"(, "upstreams": [])")), "upstreams: found "));
    CHECK(has(mistake_in(listener(R"(, "upstreams": {"a": {"address": "a:1"},
                                                     "a": {"address": "b:1"}})")),
              "again, expected it once"));
    CHECK(has(mistake_in(listener(R"(, "connect_timeout_ms": 1)")), "it belongs in an upstream"));
}

TEST_CASE("the admin endpoint has one address, which may need a token", "[config]") {
    const auto admin = [](const std::string& keys) {
        return with_top(", \"admin\": {" + keys + "}");
    };
    CHECK(accepted(with_top("")).admin.listen.text.empty());
    const Config config = accepted(
        admin(R"("listen": "0.0.0.0:9900", "token_file": "/etc/admin.token")"));
    CHECK(config.admin.listen.text == "0.0.0.0:9900");
    CHECK(has(config.admin.token_file, "admin.token"));
    CHECK(config.lines.at("admin.listen") == 1);
    for (const char* loopback :
         {"9900", "127.0.0.1:9900", "127.9.9.9:1", "[::1]:9900", "LocalHost:9900", "127.0.0.1:0"}) {
        INFO(loopback);
        CHECK(accepted(admin("\"listen\": \"" + std::string(loopback) + '"'))
                  .admin.token_file.empty());
    }
    for (const char* reachable : {"0.0.0.0:9900", "[::]:9900", "192.0.2.1:9900", "[2001:db8::1]:1",
                                  "localhost.example:9900", "machine:9900"}) {
        INFO(reachable);
        CHECK(has(mistake_in(admin("\"listen\": \"" + std::string(reachable) + '"')),
                  "host.json:1: admin.token_file: found nothing, expected a file with a token"));
    }
    CHECK(has(mistake_in(admin("")), "admin.listen: found nothing, expected an address"));
    CHECK(has(mistake_in(admin(R"("listen": ["9900"])")), "admin.listen: found "));
    CHECK(has(mistake_in(admin(R"("listen": "127.0.0.1")")), "with a port"));
    CHECK(has(mistake_in(admin(R"("listen": "127.0.0.1:5000")")),
              "an address that no other listener has (listeners[0] on line 1 has it)"));
    CHECK(has(mistake_in(admin(R"("listen": "9900", "token": "x")")), "unknown key \"token\""));
}

TEST_CASE("a short length prefix limits the frame", "[config]") {
    const auto prefix = [](const std::string& keys) {
        return listener(R"(, "framing": {"type": "length_prefix", )" + keys + "}");
    };
    CHECK(accepted(prefix(R"("bytes": 1)")).listeners[0].framing.max_bytes == 255);
    CHECK(accepted(prefix(R"("bytes": 2)")).listeners[0].framing.max_bytes == 65'535);
    CHECK(accepted(prefix(R"("bytes": 4)")).listeners[0].framing.max_bytes == 65'536);
    CHECK(accepted(prefix(R"("bytes": 4, "max_bytes": 16777216)")).listeners[0].framing.max_bytes ==
          16'777'216);
    CHECK(has(mistake_in(prefix(R"("bytes": 1, "max_bytes": 256)")),
              "expected a whole number from 1 to 255 (the most that fits a 1-byte prefix)"));
    CHECK(has(mistake_in(prefix(R"("bytes": 2, "max_bytes": 65536)")),
              "expected a whole number from 1 to 65535 (the most that fits a 2-byte prefix)"));
    CHECK(has(mistake_in(prefix(R"("max_bytes": 16777217)")),
              "expected a whole number from 1 to 16777216"));
}

TEST_CASE("the low watermark is below the high one", "[config]") {
    const auto limits = [](const std::string& keys) {
        return listener(R"(, "limits": {)" + keys + "}");
    };
    accepted(limits(R"("send_queue_bytes": 1000, "send_queue_low_bytes": 999)"));
    CHECK(has(mistake_in(limits(R"("send_queue_bytes": 1000, "send_queue_low_bytes": 1000)")),
              "expected a whole number from 0 to 999 (less than send_queue_bytes, which is 1000)"));
    CHECK(has(mistake_in(limits(R"("send_queue_low_bytes": 1048576)")),
              "less than send_queue_bytes, which is 1048576"));
    CHECK(has(mistake_in(limits(R"("send_queue_bytes": 0, "send_queue_low_bytes": 5000)")),
              "limits.send_queue_bytes: found 0"));
}

TEST_CASE("relative paths are relative to the configuration's directory", "[config]") {
    const Folder folder;
    const std::string file = folder.write(
        "hôst.json",
        with_top(R"(, "plugin_directory": "plug/../plügins", "log": {"file": "a.log"})"));
    const Loaded loaded = load_file(file);
    REQUIRE(loaded.mistakes.empty());
    CHECK(portico::base::path_from_utf8(loaded.config.plugin_directory) ==
          (folder.path() / fs::path(u8"plügins")).make_preferred());
    CHECK(portico::base::path_from_utf8(loaded.config.log.file) ==
          (folder.path() / "a.log").make_preferred());
    CHECK(loaded.config.file == file);

    const Config here = accepted(with_top(R"(, "plugin_directory": "p", "log": {"file": ""})"));
    CHECK(portico::base::path_from_utf8(here.plugin_directory) ==
          (fs::current_path() / "p").make_preferred());
    CHECK(here.log.file.empty());
    CHECK(here.log.access);
    CHECK(here.log.access_file.empty());
    const Config access = accepted(with_top(R"(, "log": {"access": "a.log"})"));
    CHECK(access.log.access);
    CHECK(portico::base::path_from_utf8(access.log.access_file) ==
          (fs::current_path() / "a.log").make_preferred());
    for (const char* wrong : {"\"\"", "1", "[]", "\"a\\tb\""}) {
        CHECK(has(mistake_in(with_top(std::string(R"(, "log": {"access": )") + wrong + "}")),
                  "log.access: found "));
    }
    const Config rotated = accepted(
        with_top(R"(, "log": {"format": "json", "rotate": {"max_bytes": 1000, "keep": 2}})"));
    CHECK(rotated.log.json);
    CHECK(rotated.log.rotate_max_bytes == 1'000);
    CHECK(rotated.log.rotate_keep == 2);
    for (const auto& [wrong, what] : {
             std::pair{R"("format": "xml")",
                       R"(log.format: found "xml", expected "text" or "json")"},
             std::pair{R"("format": true)", "log.format: found true"},
             std::pair{R"("rotate": true)", "log.rotate: found true, expected an object"},
             std::pair{R"("rotate": {"max_bytes": 0})",
                       "log.rotate.max_bytes: found 0, expected a whole number from 1000 to"},
             std::pair{R"("rotate": {"max_bytes": "1 MB"})",
                       "log.rotate.max_bytes: found \"1 MB\""},
             std::pair{R"("rotate": {"max_bytes": 1e6})", "without a point or an exponent"},
             std::pair{R"("rotate": {"keep": 0})",
                       "log.rotate.keep: found 0, expected a whole number from 1 to 1000"},
             std::pair{R"("rotate": {"kept": 1})", "log.rotate.kept: unknown key"},
             std::pair{R"("keep": 1)", R"(it belongs in "rotate")"},
         }) {
        INFO(wrong);
        CHECK(has(mistake_in(with_top(std::string(R"(, "log": {)") + wrong + "}")), what));
    }
    const std::string absolute = portico::base::utf8_from_path(
        (folder.path() / "p").generic_u8string());
    CHECK(
        portico::base::path_from_utf8(
            accepted(with_top(R"(, "plugin_directory": ")" + absolute + "\"")).plugin_directory) ==
        (folder.path() / "p").make_preferred());
    CHECK(has(
        mistake_in(with_top(R"(, "plugin_directory": "C:\temp")")),
        R"(found "C:\temp", expected a folder's name without control characters (a backslash is written \\, or use "/"))"));
}

TEST_CASE("the first fifty mistakes are reported, and how many more there are", "[config]") {
    std::string listeners;
    for (int i = 0; i < 1'000; ++i) {
        listeners += i == 0 ? "" : ",";
        listeners += "\n{}";
    }
    const std::vector<std::string> mistakes =
        load_text("{\"listeners\": [" + listeners + "]}", "host.json").mistakes;
    REQUIRE(mistakes.size() == 51);
    CHECK(has(mistakes.front(), "host.json:2: listeners[0]."));
    CHECK(has(mistakes[49], "host.json:26: listeners[24]."));
    CHECK(mistakes[50] == "host.json: 1950 more mistakes not shown");
}

TEST_CASE("a file that cannot be read gives one line that says what to do", "[config]") {
    const Folder folder;
    const auto mistakes = [](const std::string& file) { return load_file(file).mistakes; };
    const std::string directory = portico::base::utf8_from_path(folder.path());
    CHECK(mistakes(directory + "/none.json") ==
          std::vector<std::string>{directory +
                                   "/none.json: not found; name the configuration file with "
                                   "--config FILE (config/host.json is an example)"});
    CHECK(has(mistakes("").at(0), "not found"));
    CHECK(mistakes(directory) ==
          std::vector<std::string>{
              directory + ": a directory, not a file; name the file in it, such as host.json"});
    const std::string plain = folder.write("plain", "");
    REQUIRE(mistakes(plain + "/host.json").size() == 1);
    CHECK(has(mistakes(plain + "/host.json").at(0), "/host.json: not found"));

    const std::string just = folder.write(
        "just.json", with_top("") + std::string(16 * 1024 * 1024 - with_top("").size(), ' '));
    CHECK(mistakes(just).empty());
    const std::string large = folder.write("large.json", std::string(16 * 1024 * 1024 + 1, ' '));
    CHECK(mistakes(large) ==
          std::vector<std::string>{large + ": larger than 16 MiB, too large for a configuration; "
                                           "name the right file with --config FILE"});
}

#ifndef _WIN32
TEST_CASE("a file that the system refuses is reported with the system's reason", "[config]") {
    const Folder folder;
    const auto mistakes = [](const std::string& file) { return load_file(file).mistakes; };
    const std::string denied =
        "not readable: permission denied; let the account that runs the host read it";
    const std::string secret = folder.write("secret.json", with_top(""));
    const std::string inside = folder.write("inside.json", with_top(""));
    fs::permissions(portico::base::path_from_utf8(secret), fs::perms::none);
    {
        const NobodyInParticular nobody;
        CHECK(mistakes(secret) == std::vector<std::string>{secret + ": " + denied});
    }
    fs::permissions(folder.path(), fs::perms::none);
    {
        const NobodyInParticular nobody;
        CHECK(mistakes(inside) == std::vector<std::string>{inside + ": " + denied});
    }
    fs::permissions(folder.path(), fs::perms::owner_all);

    const std::string circle = portico::base::utf8_from_path(folder.path() / "circle");
    fs::create_symlink("circle", folder.path() / "circle");
    CHECK(has(mistakes(circle).at(0), circle + ": not readable: Too many levels"));
    CHECK(has(mistakes("/" + std::string(5'000, 'n')).at(0), ": not readable: File name too long"));
    // It opens like a file, but cannot be read from its beginning.
    CHECK(mistakes("/proc/self/mem") ==
          std::vector<std::string>{"/proc/self/mem: not readable: an error while reading"});
}

TEST_CASE("a configuration may come through a pipe, with the same size limit as a file",
          "[config]") {
    const Folder folder;
    const std::string pipe = portico::base::utf8_from_path(folder.path() / "pipe");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const bool too_large = GENERATE(false, true);
    std::thread writer([&] {
        std::ofstream(pipe, std::ios::binary)
            << with_top("") << std::string(too_large ? 16 * 1024 * 1024 : 100, ' ');
    });
    const Loaded loaded = load_file(pipe);
    writer.join();
    CHECK(loaded.mistakes.size() == (too_large ? 1 : 0));
    CHECK(loaded.config.listeners.size() == (too_large ? 0 : 1));
    if (too_large) {
        CHECK(has(loaded.mistakes.at(0), pipe + ": larger than 16 MiB"));
    }
}
#endif

TEST_CASE("text from a program has no file to name", "[config]") {
    CHECK(load_text("{", "").mistakes.at(0).substr(0, 11) == "(text):1:2:");
    CHECK(load_text(with_top(""), "").config.file.empty());
}
