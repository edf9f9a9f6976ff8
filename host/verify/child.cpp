#include "verify/child.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>

#include "base/path_text.hpp"
#include "verify/check.hpp"
#include "verify/crash.hpp"
#include "verify/random_world.hpp"
#include "verify/system.hpp"

namespace portico::verify {

namespace {

constexpr std::uint32_t major_of_the_future = 99;

// What loading has not found: the query is pure.
void check_tables(const Prepared& prepared, CheckResult& result) {
    result.what = "the library loads, and its tables are sound";
    const auto query = reinterpret_cast<portico_plugin_query_function>(
        prepared.loaded.library->symbol("portico_plugin_query"));
    const portico_module* first = query(PORTICO_ABI_MAJOR);
    static_cast<void>(query(major_of_the_future));
    if (query(PORTICO_ABI_MAJOR) != first) {
        result.findings.push_back(
            {"query-not-pure",
             "portico_plugin_query answers another table the second time; it must be pure"});
    }
    const portico_plugin& table = *prepared.loaded.table;
    if (table.get_extension != nullptr) {
        static constexpr char unknown[] = "portico.unknown/1";
        if (table.get_extension(unknown, sizeof unknown - 1) != nullptr) {
            result.findings.push_back({"unknown-extension",
                                       "get_extension answers a table for an id that nobody has "
                                       "defined"});
        }
    }
    result.runs = 1;
}

void run_one(const Prepared& prepared, const Check& check, CheckResult& result) {
    Checking checking(prepared.subject);
    check.run(checking);
    result.what = check.what;
    result.findings.assign(checking.findings().begin(), checking.findings().end());
    result.skipped = checking.skipped();
    result.notes = checking.notes();
    result.runs = checking.runs();
    result.seed = checking.failed_seed();
    for (std::size_t i = 0; i < function_count; ++i) {
        for (const portico_status status : checking.answers()[i]) {
            result.answers[to_string(static_cast<Function>(i))].push_back(status_name(status));
        }
    }
}

void say_last_words(const void* address) noexcept {
    write_last_words(Watch::callback_now(), Watch::is_offered(address), seed_now());
}

}  // namespace

Report checked(const Prepared& prepared, const std::string& check) {
    Report report;
    report.plugin = prepared.facts;
    report.seed = prepared.subject.seed;
    report.seeds = prepared.subject.seeds;
    CheckResult result;
    result.name = check;
    const auto begin = std::chrono::steady_clock::now();
    if (check == "tables") {
        check_tables(prepared, result);
    } else if (check == "actions") {
        for (const Action& action : actions_of(prepared.subject, prepared.subject.seed)) {
            result.notes.push_back(text_of(prepared.subject, action));
        }
    }
    for (const Check& one : checks()) {
        if (one.name == check) {
            run_one(prepared, one, result);
        }
    }
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
                         .count();
    report.checks.push_back(std::move(result));
    return report;
}

int run_as_child(const VerifyOptions& options) {
    on_crash(&say_last_words);
    base::Result<std::unique_ptr<Prepared>> prepared = prepare(options);
    if (!prepared) {
        std::fprintf(stderr, "host: %s\n", prepared.error().c_str());
        return 2;
    }
    const Report report = checked(**prepared, options.check);
    std::ofstream out(base::path_from_utf8(options.result), std::ios::binary);
    out << json_of(report);
    out.close();
    std::fflush(nullptr);
    return report.has_failed() ? 1 : 0;
}

}  // namespace portico::verify
