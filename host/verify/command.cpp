// `host verify`: runs each check in a process of its own, and puts the results together.
#include "verify/command.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/path_text.hpp"
#include "verify/check.hpp"
#include "verify/child.hpp"
#include "verify/crash.hpp"
#include "verify/process.hpp"
#include "verify/report.hpp"
#include "verify/subject.hpp"

namespace portico::verify {

namespace {

namespace fs = std::filesystem;

constexpr int exit_passed = 0;
constexpr int exit_failed = 1;
constexpr int exit_no_plugin = 2;
constexpr std::uint32_t check_ms_max = 120'000;
constexpr std::uint32_t shrinking_runs_max = 60;
// The check that needs a process of its own, begun for it: process_posix.cpp.
constexpr std::string_view counts_memory = "leaks";

std::string contents_of(const std::string& file) {
    std::ifstream in(base::path_from_utf8(file), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

// Files for the talk with the processes, removed at the end.
class Scratch {
public:
    Scratch()
        : folder_(fs::temp_directory_path() /
                  ("portico-verify-" + std::to_string(process_number()))) {
        fs::create_directories(folder_);
    }
    ~Scratch() {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    [[nodiscard]] std::string file(const char* name) const {
        return base::utf8_from_path(folder_ / name);
    }

private:
    fs::path folder_;
};

// One process for one check.
class Runner {
public:
    explicit Runner(const VerifyOptions& options) : options_(options) {}

    // What the process printed is in output() afterwards. Nothing: it left no report.
    [[nodiscard]] std::optional<Report> run(const std::string& check,
                                            const std::vector<std::string>& more = {}) {
        const std::string result = scratch_.file("result.json");
        const std::string printed = scratch_.file("output.txt");
        std::error_code ignored;
        fs::remove(base::path_from_utf8(result), ignored);
        std::vector<std::string> words = {"verify", options_.plugin, "--check",
                                          check,    "--result",      result};
        const auto add = [&](const char* name, const std::string& value) {
            if (!value.empty()) {
                words.insert(words.end(), {name, value});
            }
        };
        add("--script", options_.script);
        add("--config", options_.config);
        add("--plugin-directory", options_.plugin_directory);
        // Those of `more` go first: an option may be given once.
        const auto has = [&](const char* name) {
            return std::find(more.begin(), more.end(), name) != more.end();
        };
        add("--seeds", has("--seeds") ? "" : std::to_string(options_.seeds));
        add("--seed", has("--seed") ? "" : std::to_string(options_.seed));
        words.insert(words.end(), more.begin(), more.end());
        end_ = run_again(words, printed, check_ms_max, check == counts_memory);
        output_ = contents_of(printed);
        base::Result<Report> report = parse_report(contents_of(result));
        return report ? std::optional(*std::move(report)) : std::nullopt;
    }

    [[nodiscard]] const ProcessEnd& end() const noexcept { return end_; }
    [[nodiscard]] const std::string& output() const noexcept { return output_; }

private:
    const VerifyOptions& options_;
    Scratch scratch_;
    ProcessEnd end_;
    std::string output_;
};

// The result of a check whose process left none.
CheckResult result_of_end(const Runner& runner, const Check& check) {
    CheckResult result;
    result.name = check.name;
    result.what = check.what;
    result.findings.push_back(finding_of_end(runner.end(), runner.output()));
    result.seed = seed_of_output(runner.output());
    return result;
}

CheckResult run_check(Runner& runner, const Check& check, const std::vector<std::string>& more) {
    std::optional<Report> report = runner.run(std::string(check.name), more);
    return report && !report->checks.empty() ? report->checks.front()
                                             : result_of_end(runner, check);
}

// Leaves out actions as long as the same finding comes. At first half of them, then fewer.
void shrink(Runner& runner, const Check& check, CheckResult& result) {
    const std::string seed = std::to_string(*result.seed);
    const std::optional<Report> listed = runner.run("actions", {"--seed", seed});
    if (!listed || listed->checks.empty()) {
        return;
    }
    const std::vector<std::string> actions = listed->checks.front().notes;
    std::vector<std::size_t> kept;
    for (std::size_t i = 0; i < actions.size(); ++i) {
        kept.push_back(i);
    }
    const auto fails = [&](const std::vector<std::size_t>& some) {
        std::string list = "none";
        for (std::size_t i = 0; i < some.size(); ++i) {
            list = (i == 0 ? "" : list + ",") + std::to_string(some[i]);
        }
        const CheckResult again = run_check(runner, check,
                                            {"--seed", seed, "--seeds", "1", "--kept", list});
        return again.has_failed() && again.findings.front().name == result.findings.front().name;
    };
    std::uint32_t runs = 0;
    for (std::size_t size = (kept.size() + 1) / 2; size > 0 && runs < shrinking_runs_max;
         size = size == 1 ? 0 : (size + 1) / 2) {
        for (std::size_t begin = 0; begin < kept.size() && runs < shrinking_runs_max; ++runs) {
            std::vector<std::size_t> fewer = kept;
            fewer.erase(
                fewer.begin() + static_cast<std::ptrdiff_t>(begin),
                fewer.begin() + static_cast<std::ptrdiff_t>(std::min(begin + size, kept.size())));
            if (fails(fewer)) {
                kept = fewer;
            } else {
                begin += size;
            }
        }
    }
    for (const std::size_t number : kept) {
        result.shrunk.push_back(actions[number]);
    }
}

int finish(const VerifyOptions& options, const Report& report) {
    if (options.json == "-") {
        std::fputs(json_of(report).c_str(), stdout);
    } else {
        std::fputs(table_of(report).c_str(), stdout);
        if (!options.json.empty()) {
            std::ofstream out(base::path_from_utf8(options.json), std::ios::binary);
            out << json_of(report);
            if (!out.flush()) {
                std::fprintf(stderr, "host: %s cannot be written\n", options.json.c_str());
                return exit_failed;
            }
        }
    }
    std::fflush(stdout);
    return report.has_failed() ? exit_failed : exit_passed;
}

int verify_in_processes(const VerifyOptions& options) {
    Runner runner(options);
    std::optional<Report> report = runner.run("tables");
    if (!report) {
        if (runner.end().is_started && !runner.end().is_crashed && !runner.end().is_timed_out) {
            std::fputs(runner.output().c_str(), stderr);
            return exit_no_plugin;
        }
        Report crashed;
        crashed.plugin.file = options.plugin;
        crashed.checks.push_back(result_of_end(
            runner, {"tables", "the library loads, and its tables are sound", nullptr}));
        return finish(options, crashed);
    }
    report->seed = options.seed;
    report->seeds = options.seeds;
    for (const Check& check : checks()) {
        const auto begin = std::chrono::steady_clock::now();
        CheckResult result = run_check(runner, check, {});
        if (result.has_failed() && result.seed) {
            shrink(runner, check, result);
        }
        result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
                             .count();
        report->checks.push_back(std::move(result));
    }
    return finish(options, *report);
}

int verify_here(const VerifyOptions& options) {
    base::Result<std::unique_ptr<Prepared>> prepared = prepare(options);
    if (!prepared) {
        std::fprintf(stderr, "host: %s\n", prepared.error().c_str());
        return exit_no_plugin;
    }
    Report report = checked(**prepared, "tables");
    for (const Check& check : checks()) {
        if (check.name == counts_memory) {
            CheckResult skipped;
            skipped.name = check.name;
            skipped.what = check.what;
            skipped.skipped = "memory is counted in a process of its own";
            report.checks.push_back(skipped);
            continue;
        }
        report.checks.push_back(checked(**prepared, std::string(check.name)).checks.front());
    }
    return finish(options, report);
}

}  // namespace

int verify(const VerifyOptions& options) {
    if (!options.check.empty()) {
        return run_as_child(options);
    }
    return options.in_process ? verify_here(options) : verify_in_processes(options);
}

}  // namespace portico::verify
