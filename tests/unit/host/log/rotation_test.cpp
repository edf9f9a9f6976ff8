// Files that are rotated by their size: no line is lost, whoever else does what with them.
#include "log/rotation.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "log/line_writer.hpp"
#include "log/stream_log.hpp"
#include "support/catch.hpp"
#include "support/peer.hpp"
#include "unit/host/log/folder.hpp"

using namespace portico;
using portico::test::Folder;

namespace {

using Outcome = log::LineWriter::Outcome;

std::unique_ptr<log::LineWriter> writer_of(const Folder& folder, std::uint64_t max_bytes,
                                           std::uint32_t keep) {
    base::Result<std::unique_ptr<log::LineWriter>> opened = log::LineWriter::open(
        folder.name("it.log"), {max_bytes, keep}, [] { return false; });
    REQUIRE(opened);
    return std::move(*opened);
}

void write(log::LineWriter& writer, const std::string& lines) {
    const log::LineWriter::Appended appended = writer.append(lines);
    REQUIRE(appended.outcome == Outcome::written);
    REQUIRE(appended.bytes == lines.size());
}

void put_file(const Folder& folder, const char* name, const std::string& text) {
    std::ofstream(folder.path() / name, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("at its size a file becomes the first of those that are kept", "[log]") {
    const Folder folder;
    const std::unique_ptr<log::LineWriter> writer = writer_of(folder, 10, 2);
    write(*writer, "1234\n");
    write(*writer, "5678\n");
    CHECK_FALSE(folder.has("it.log.1"));
    write(*writer, "9\n");
    CHECK(folder.text("it.log.1") == "1234\n5678\n");
    CHECK(folder.text("it.log") == "9\n");
    // Lines that come together are divided, and one that is longer than a file has one of its own.
    write(*writer, "abcdefg\nhij\nklmnopqrstuvw\nx\n");
    CHECK(folder.text("it.log") == "x\n");
    CHECK(folder.text("it.log.1") == "klmnopqrstuvw\n");
    CHECK(folder.text("it.log.2") == "hij\n");
    CHECK_FALSE(folder.has("it.log.3"));
}

TEST_CASE("older files move on to the first free number only", "[log]") {
    const Folder folder;
    put_file(folder, "it.log.2", "second\n");
    const std::unique_ptr<log::LineWriter> writer = writer_of(folder, 4, 3);
    write(*writer, "one\n");
    write(*writer, "two\n");
    CHECK(folder.text("it.log.1") == "one\n");
    CHECK(folder.text("it.log.2") == "second\n");
    write(*writer, "3\n");
    CHECK(folder.text("it.log.1") == "two\n");
    CHECK(folder.text("it.log.2") == "one\n");
    CHECK(folder.text("it.log.3") == "second\n");
}

TEST_CASE("what the file had at the start counts", "[log]") {
    const Folder folder;
    put_file(folder, "it.log", "earlier\n");
    const std::unique_ptr<log::LineWriter> writer = writer_of(folder, 10, 1);
    write(*writer, "now\n");
    CHECK(folder.text("it.log.1") == "earlier\n");
    CHECK(folder.text("it.log") == "now\n");
}

TEST_CASE("a file that cannot be rotated grows, and is rotated once that can be done", "[log]") {
    const Folder folder;
    std::filesystem::create_directories(folder.path() / "it.log.1" / "in the way");
    {
        const std::unique_ptr<log::LineWriter> writer = writer_of(folder, 4, 1);
        write(*writer, "one\n");
        CHECK(writer->rotation_error().empty());
        write(*writer, "two\nthree\n");
        CHECK_FALSE(writer->rotation_error().empty());
        CHECK(folder.text("it.log") == "one\ntwo\nthree\n");
        std::filesystem::remove_all(folder.path() / "it.log.1");
    }
    const std::unique_ptr<log::LineWriter> writer = writer_of(folder, 4, 1);
    write(*writer, "4\n");
    CHECK(writer->rotation_error().empty());
    CHECK(folder.text("it.log.1") == "one\ntwo\nthree\n");
    CHECK(folder.text("it.log") == "4\n");
}

TEST_CASE("a file that another one has rotated is opened again and not rotated twice", "[log]") {
    const Folder folder;
    const std::unique_ptr<log::LineWriter> first = writer_of(folder, 8, 5);
    const std::unique_ptr<log::LineWriter> second = writer_of(folder, 8, 5);
    write(*first, "1234567\n");
    write(*first, "new\n");
    write(*second, "too\n");
    CHECK(folder.text("it.log") == "new\ntoo\n");
    CHECK(folder.text("it.log.1") == "1234567\n");
    CHECK_FALSE(folder.has("it.log.2"));
}

TEST_CASE("writers that share a file and rotate it lose no line and cut none", "[log]") {
    const Folder folder;
    constexpr int writers = 3;
    constexpr int lines_each = 2'000;
    constexpr std::uint32_t keep = 1'000;
    std::atomic<int> failed{0};
    std::vector<std::unique_ptr<log::LineWriter>> all;
    for (int i = 0; i < writers; ++i) {
        all.push_back(writer_of(folder, 1'000, keep));
    }
    // Wine looks for the end of the file and writes there in two steps, and another writer may come
    // between. So there they take turns.
    std::mutex one_at_a_time;
    std::vector<std::thread> threads;
    for (int i = 0; i < writers; ++i) {
        threads.emplace_back([&, i] {
            for (int line = 0; line < lines_each; ++line) {
                const std::string text = "writer " + std::to_string(i) + " line " +
                                         std::to_string(line) + "\n";
                std::unique_lock turn(one_at_a_time, std::defer_lock);
                if (test::is_wine()) {
                    turn.lock();
                }
                if (all[static_cast<std::size_t>(i)]->append(text).outcome != Outcome::written) {
                    ++failed;
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(failed == 0);
    std::set<std::string> found;
    int lines = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
        std::ifstream stream(entry.path(), std::ios::binary);
        for (std::string line; std::getline(stream, line); ++lines) {
            found.insert(line);
        }
    }
    CHECK(lines == writers * lines_each);
    CHECK(found.size() == static_cast<std::size_t>(lines));
    CHECK(folder.has("it.log.2"));
}

TEST_CASE("the log rotates both of its files, and says once if it cannot", "[log]") {
    const Folder folder;
    config::Log options;
    options.file = folder.name("it.log");
    options.access_file = folder.name("access.log");
    options.rotate_max_bytes = 1'000;
    options.rotate_keep = 3;
    std::filesystem::create_directories(folder.path() / "access.log.1" / "in the way");
    std::vector<std::string> warnings;  // the log's thread adds to it until the log has closed
    {
        base::Result<std::unique_ptr<log::StreamLog>> log = log::StreamLog::open(
            options, [&](const log::Line& line) {
                if (line.level == base::LogLevel::warn) {
                    warnings.push_back(line.text);
                }
            });
        REQUIRE(log);
        for (int i = 0; i < 100; ++i) {
            (*log)->write(base::LogLevel::info, {}, 0, "line " + std::to_string(i));
            (*log)->compose_access("echo", 1, [] { return base::Access{"1.2.3.4:5", "why"}; });
        }
        (*log)->flush(std::chrono::seconds(30));
        CHECK((*log)->lines_missing() == 0);
    }
    CHECK(folder.has("it.log.3"));
    CHECK_FALSE(folder.has("it.log.4"));
    CHECK(folder.text("it.log").size() <= 1'000);
    CHECK(folder.text("it.log.3").size() <= 1'000);
    const std::string access = folder.text("access.log");
    CHECK(std::count(access.begin(), access.end(), '\n') == 100);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].starts_with("log.access cannot be rotated ("));
    CHECK(warnings[0].ends_with("): it grows beyond log.rotate.max_bytes"));
}
