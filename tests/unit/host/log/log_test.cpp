// The log's lines, and the place of each.
#include <algorithm>
#include <chrono>
#include <future>
#include <vector>

#include "log/access_line.hpp"
#include "log/line_format.hpp"
#include "log/stream_log.hpp"
#include "support/catch.hpp"
#include "unit/host/log/folder.hpp"

#ifdef _WIN32
#include <windows.h>
#endif

using namespace portico;
using portico::test::Folder;

namespace {

const base::Access access_of_one{
    "127.0.0.1:40000", "closed by the peer", 12, 34, 5, 1'234'567'890, ""};

// Writes a line at each level and an access line to a log with these options.
void log_all(const config::Log& options) {
    base::Result<std::unique_ptr<log::StreamLog>> log = log::StreamLog::open(options);
    REQUIRE(log);
    (*log)->write(base::LogLevel::debug, "echo", 1, "a debug line");
    (*log)->write(base::LogLevel::info, "echo", 1, "an info line");
    (*log)->write(base::LogLevel::error, "echo", 1, "an error line");
    (*log)->write(base::LogLevel::always, {}, 0, "ready");
    (*log)->compose_access("echo", 0x2a, [] { return access_of_one; });
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a line has time, level, listener, connection and text, and no control bytes", "[log]") {
    const std::chrono::system_clock::time_point time{std::chrono::milliseconds(1'769'860'800'123)};
    const auto line = [](const log::LineHead& head, const std::string& text) {
        std::string made;
        log::append_line(made, {}, head, text);
        return made;
    };
    CHECK(line({time, base::LogLevel::info, "echo", 0x2a}, "text") ==
          "2026-01-31T12:00:00.123Z info listener=echo conn=2a text\n");
    CHECK(line({time, base::LogLevel::always, {}, 0}, "ready") ==
          "2026-01-31T12:00:00.123Z info ready\n");
    CHECK(line({{}, base::LogLevel::warn, {}, 0}, "a\nb\x7f\xc3\xa4") ==
          "1970-01-01T00:00:00.000Z warn a\\x0ab\\x7f\xc3\xa4\n");
    CHECK(line({{}, base::LogLevel::error, {}, 0}, std::string(5'000, 'x')) ==
          "1970-01-01T00:00:00.000Z error " + std::string(4'096, 'x') + "...\n");
    CHECK(line({std::chrono::system_clock::time_point{
                    std::chrono::sys_days{std::chrono::year{2028} / 2 / 29}} +
                    std::chrono::hours(23) + std::chrono::minutes(59) + std::chrono::seconds(59) +
                    std::chrono::microseconds(7'999),
                base::LogLevel::info,
                {},
                UINT64_MAX},
               "") == "2028-02-29T23:59:59.007Z info conn=ffffffffffffffff \n");
}

TEST_CASE("lines for the journal begin with a priority, and have no time", "[log]") {
    const auto line = [](base::LogLevel level) {
        std::string made;
        log::append_line(made, {log::LineFormat::Kind::text, true}, {{}, level, "echo", 0}, "text");
        return made;
    };
    CHECK(line(base::LogLevel::trace) == "<7>trace listener=echo text\n");
    CHECK(line(base::LogLevel::debug) == "<7>debug listener=echo text\n");
    CHECK(line(base::LogLevel::info) == "<6>info listener=echo text\n");
    CHECK(line(base::LogLevel::warn) == "<4>warn listener=echo text\n");
    CHECK(line(base::LogLevel::error) == "<3>error listener=echo text\n");
    CHECK(line(base::LogLevel::always) == "<6>info listener=echo text\n");
    std::string json;
    log::append_line(json, {log::LineFormat::Kind::json, true}, {}, "text");
    CHECK(json == "<6>{\"type\":\"log\",\"level\":\"info\",\"text\":\"text\"}\n");
}

TEST_CASE("an access line has the figures of a connection that ended", "[log]") {
    CHECK(log::access_text(access_of_one) ==
          "peer=127.0.0.1:40000 in=12 out=34 messages=5 ms=1234.567 closed: closed by the peer");
    CHECK(
        log::access_text({"[::1]:1", "idle", UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, ""}) ==
        "peer=[::1]:1 in=18446744073709551615 out=18446744073709551615 "
        "messages=18446744073709551615 ms=18446744073709.551 closed: idle");
    base::Access to_one_of_several = access_of_one;
    to_one_of_several.local = "127.0.0.1:5000";
    to_one_of_several.plugin = "echo";
    to_one_of_several.status = -5;
    CHECK(log::access_text(to_one_of_several) ==
          "plugin=echo peer=127.0.0.1:40000 local=127.0.0.1:5000 in=12 out=34 messages=5 "
          "ms=1234.567 status=-5 closed: closed by the peer");
    base::Access outbound = access_of_one;
    outbound.is_outbound = true;
    outbound.native_error = 111;
    CHECK(log::access_text(outbound) ==
          "upstream=127.0.0.1:40000 in=12 out=34 messages=5 ms=1234.567 error=111 closed: closed "
          "by the peer");
}

TEST_CASE("access lines are lines of the level info", "[log]") {
    const Folder folder;
    config::Log options;
    options.file = folder.name("all.log");
    log_all(options);
    CHECK(has(folder.text("all.log"), " info listener=echo conn=2a peer=127.0.0.1:40000 in=12 "));
    options.level = "warn";
    options.file = folder.name("warn.log");
    log_all(options);
    CHECK_FALSE(has(folder.text("warn.log"), "peer="));
    options.level = "info";
    options.access = false;
    options.file = folder.name("without.log");
    log_all(options);
    CHECK_FALSE(has(folder.text("without.log"), "peer="));
    CHECK(has(folder.text("without.log"), " an info line"));
}

TEST_CASE("as JSON, each line of each file is an object", "[log]") {
    const Folder folder;
    config::Log options;
    options.json = true;
    options.file = folder.name("it.log");
    options.access_file = folder.name("access.log");
    log_all(options);
    CHECK(has(folder.text("it.log"),
              R"("type":"log","level":"info","listener":"echo","connection":"1",)"
              R"("text":"an info line"})"
              "\n"));
    CHECK(has(folder.text("it.log"), R"("level":"info","text":"ready"})"));
    CHECK(has(folder.text("access.log"),
              R"("type":"access","level":"info","listener":"echo","connection":"2a",)"));
}

TEST_CASE("lines that the log lacks are counted for each place", "[log]") {
    const Folder folder;
    config::Log options;
    options.queue = 16;
    options.file = folder.name("it.log");
    base::Result<std::unique_ptr<log::StreamLog>> log = log::StreamLog::open(
        options, [](const log::Line& line) {
            if (line.text == "throws") {
                throw std::bad_alloc();
            }
        });
    REQUIRE(log);
    CHECK((*log)->lines_missing() == 0);
    (*log)->write(base::LogLevel::info, {}, 0, "throws");
    (*log)->flush(std::chrono::seconds(30));
    CHECK((*log)->lines_missing() == 1);
    CHECK(has(folder.text("it.log"), " throws\n"));
}

TEST_CASE("access lines may have a file of their own, at any level", "[log]") {
    const Folder folder;
    config::Log options;
    options.level = "error";
    options.file = folder.name("it.log");
    options.access_file = folder.name("access.log");
    log_all(options);
    CHECK_FALSE(has(folder.text("it.log"), "peer="));
    const std::string lines = folder.text("access.log");
    CHECK(has(lines,
              " info listener=echo conn=2a peer=127.0.0.1:40000 in=12 out=34 messages=5 "
              "ms=1234.567 closed: closed by the peer\n"));
    CHECK(std::count(lines.begin(), lines.end(), '\n') == 1);
}

#ifdef _WIN32
namespace {

// This process's handles to a file of that name: those that a child would inherit, and all.
struct Handles {
    int inherited = 0;
    int all = 0;
};
Handles handles_to(const std::wstring& name) {
    Handles found;
    for (std::uintptr_t number = 4; number < 65'536; number += 4) {
        const HANDLE handle = reinterpret_cast<HANDLE>(number);
        DWORD flags = 0;
        wchar_t path[1'024];
        if (::GetHandleInformation(handle, &flags) && ::GetFileType(handle) == FILE_TYPE_DISK &&
            ::GetFinalPathNameByHandleW(handle, path, 1'024, 0) != 0 &&
            std::wstring(path).find(name) != std::wstring::npos) {
            ++found.all;
            found.inherited += (flags & HANDLE_FLAG_INHERIT) != 0 ? 1 : 0;
        }
    }
    return found;
}

}  // namespace

TEST_CASE("programs that a plugin starts do not inherit the log's files", "[log]") {
    const Folder folder;
    config::Log options;
    options.file = folder.name("inherited.log");
    options.access_file = folder.name("inherited.access");
    const base::Result<std::unique_ptr<log::StreamLog>> log = log::StreamLog::open(options);
    REQUIRE(log);
    const Handles found = handles_to(L"inherited.");
    CHECK(found.all == 2);
    CHECK(found.inherited == 0);
}
#endif

TEST_CASE("lines that scripts wait for are written at every level except off", "[log]") {
    const Folder folder;
    for (const char* level : {"trace", "debug", "info", "warn", "error", "off"}) {
        INFO(level);
        config::Log options;
        options.level = level;
        options.file = folder.name(level);
        log_all(options);
        CHECK(has(folder.text(level), " info ready\n") == (options.level != "off"));
        CHECK(has(folder.text(level), " error listener=echo conn=1 an error line\n") ==
              (options.level != "off"));
        CHECK(has(folder.text(level), "an info line") ==
              (options.level == "trace" || options.level == "debug" || options.level == "info"));
    }
}

TEST_CASE("a function gets the lines that standard error would get", "[log]") {
    const Folder folder;
    config::Log options;
    options.file = folder.name("beside.log");
    std::vector<log::Line> lines;  // the log's thread adds to it until the log has closed
    {
        base::Result<std::unique_ptr<log::StreamLog>> log = log::StreamLog::open(
            options, [&](const log::Line& line) { lines.push_back(line); });
        REQUIRE(log);
        (*log)->write(base::LogLevel::debug, "echo", 1, "a debug line");
        (*log)->write(base::LogLevel::warn, "echo", 0x2a, "one\ntwo");
        (*log)->compose_access("echo", 7, [] { return access_of_one; });
        (*log)->flush(std::chrono::seconds(30));
    }
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].level == base::LogLevel::warn);
    CHECK(lines[0].listener == "echo");
    CHECK(lines[0].connection == 0x2a);
    CHECK(lines[0].text == "one\\x0atwo");
    CHECK(lines[1].level == base::LogLevel::info);
    CHECK(lines[1].text == log::access_text(access_of_one));
    CHECK(lines[0].time <= lines[1].time);
    CHECK(has(folder.text("beside.log"), " warn listener=echo conn=2a one\\x0atwo\n"));

    // Access lines that have a file of their own go nowhere else.
    options.access_file = folder.name("own.log");
    lines.clear();
    {
        base::Result<std::unique_ptr<log::StreamLog>> log = log::StreamLog::open(
            options, [&](const log::Line& line) { lines.push_back(line); });
        REQUIRE(log);
        (*log)->compose_access("echo", 7, [] { return access_of_one; });
    }
    CHECK(lines.empty());
}

TEST_CASE("a function that is too slow loses the oldest lines, and is told how many", "[log]") {
    config::Log options;
    options.queue = 16;
    std::promise<void> entered;
    std::promise<void> released;
    std::vector<std::string> texts;
    {
        base::Result<std::unique_ptr<log::StreamLog>> log = log::StreamLog::open(
            options, [&](const log::Line& line) {
                texts.push_back(line.text);
                if (texts.size() == 1) {
                    entered.set_value();
                    released.get_future().wait();
                }
            });
        REQUIRE(log);
        (*log)->write(base::LogLevel::info, {}, 0, "first");
        entered.get_future().wait();
        for (int i = 0; i < 21; ++i) {
            (*log)->write(base::LogLevel::info, {}, 0, std::to_string(i));
        }
        released.set_value();
        (*log)->flush(std::chrono::seconds(30));
    }
    REQUIRE(texts.size() == 18);
    CHECK(texts[1] == "5 lines of the log were dropped: its queue was full");
    CHECK(texts[2] == "5");
    CHECK(texts.back() == "20");
}

TEST_CASE("a function that throws costs its line, and after its end it is not called", "[log]") {
    std::vector<std::string> texts;
    base::Result<std::unique_ptr<log::StreamLog>> log = log::StreamLog::open(
        {}, [&](const log::Line& line) {
            if (line.text == "throws") {
                throw std::bad_alloc();
            }
            texts.push_back(line.text);
        });
    REQUIRE(log);
    (*log)->write(base::LogLevel::info, {}, 0, "throws");
    (*log)->flush(std::chrono::seconds(30));
    (*log)->write(base::LogLevel::info, {}, 0, "after");
    (*log)->flush(std::chrono::seconds(30));
    (*log)->end_function();
    (*log)->write(base::LogLevel::info, {}, 0, "too late");
    CHECK(texts ==
          std::vector<std::string>{"1 lines of the log were dropped: out of memory", "after"});
}
