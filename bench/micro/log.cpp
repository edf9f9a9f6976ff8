// The log: what an access line costs the worker that writes it, and what is lost if many come: of
// 100,000 lines a second at most 1 % may be, and each that is must be counted.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <benchmark/benchmark.h>

#include "base/path_text.hpp"
#include "log/stream_log.hpp"

namespace {

using namespace portico;
using namespace std::chrono_literals;

enum Form { text, json };

// A log whose access lines go to a file of their own, and the rest nowhere.
class LoggedFile {
public:
    explicit LoggedFile(Form form)
        : path_(std::filesystem::temp_directory_path() /
                ("portico_micro_log_" +
                 std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()))) {
        config::Log options;
        options.access_file = base::utf8_from_path(path_);
        options.json = form == json;
        base::Result<std::unique_ptr<log::StreamLog>> opened = log::StreamLog::open(
            options, [](const log::Line&) {});
        PORTICO_ASSERT(static_cast<bool>(opened));
        log_ = std::move(*opened);
    }
    ~LoggedFile() {
        log_.reset();
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    LoggedFile(const LoggedFile&) = delete;
    LoggedFile& operator=(const LoggedFile&) = delete;

    void write() {
        log_->compose_access("echo", ++written_, [] {
            return base::Access{.peer = "127.0.0.1:40000",
                                .reason = "the peer finished",
                                .received_bytes = 64,
                                .sent_bytes = 64,
                                .messages = 1,
                                .duration_ns = 250'000,
                                .local = {},
                                .reason_name = "peer",
                                .plugin = "echo"};
        });
    }
    [[nodiscard]] std::uint64_t written() const { return written_; }
    [[nodiscard]] std::uint64_t missing() const { return log_->lines_missing(); }
    // True if each line is in the file or counted as missing.
    [[nodiscard]] bool is_accounted_for() {
        log_->flush(30s);
        std::ifstream file(path_, std::ios::binary);
        std::uint64_t found = 0;
        for (std::string line; std::getline(file, line);) {
            found += line.find("40000") != std::string::npos ? 1 : 0;
        }
        return found + missing() == written_;
    }

private:
    const std::filesystem::path path_;
    std::unique_ptr<log::StreamLog> log_;
    std::uint64_t written_ = 0;
};

void report(benchmark::State& state, LoggedFile& file) {
    if (!file.is_accounted_for()) {
        state.SkipWithError("lines are missing and not counted");
    }
    state.counters["lost_percent"] = 100.0 * static_cast<double>(file.missing()) /
                                     static_cast<double>(file.written());
}

// As fast as it goes, which is more than the file takes.
void access_line(benchmark::State& state, Form form) {
    LoggedFile file(form);
    for (auto _ : state) {
        file.write();
    }
    report(state, file);
}

// For a second, as many in each millisecond.
void lines_a_second(benchmark::State& state, Form form) {
    LoggedFile file(form);
    const auto lines = state.range(0) / 1'000;
    for (auto _ : state) {
        auto next = std::chrono::steady_clock::now();
        for (int slot = 0; slot < 1'000; ++slot) {
            for (std::int64_t i = 0; i < lines; ++i) {
                file.write();
            }
            std::this_thread::sleep_until(next += 1ms);
        }
    }
    report(state, file);
}

BENCHMARK_CAPTURE(access_line, text, text);
BENCHMARK_CAPTURE(access_line, json, json);
BENCHMARK_CAPTURE(lines_a_second, text, text)->Arg(100'000)->Iterations(1)->UseRealTime();
BENCHMARK_CAPTURE(lines_a_second, json, json)->Arg(100'000)->Iterations(1)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
