// The stress client: reads the command line, does one run, and ends with figures and an exit code.
#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <exception>
#include <iostream>
#include <optional>
#include <span>
#include <system_error>

#include "base/clock.hpp"
#include "cli/compare_command.hpp"
#include "cli/interactive.hpp"
#include "cli/load_run.hpp"
#include "cli/options.hpp"
#include "cli/platform.hpp"
#include "cli/watched_output.hpp"
#include "load/load.hpp"
#include "report/html_report.hpp"
#include "report/json_report.hpp"
#include "report/live_view.hpp"
#include "report/report.hpp"
#include "report/result_files.hpp"
#include "report/utc.hpp"

namespace portico::client {
namespace {

// Set by Ctrl-C. Static, because the handler may run until the very end of the process.
std::atomic<bool> interrupt{false};

void complain(const std::string& text) {
    std::cerr << "client: " << text << '\n';
}

// Shows the first few findings of each kind as they come, and how far the run is: on a terminal in
// the same place, otherwise in a line now and then.
class ConsoleObserver final : public Observer {
public:
    ConsoleObserver(const LoadPlan& plan, Options::ProgressShown how)
        : plan_(plan),
          how_(how),
          every_ns_(how == Options::ProgressShown::live ? base::nanoseconds_per_second / 2
                                                        : 10 * base::nanoseconds_per_second),
          started_ns_(base::now_ns()),
          shown_ns_(started_ns_) {}

    void finding(const Finding& finding) override {
        constexpr std::uint64_t shown_max = 3;
        std::uint64_t& seen = seen_[static_cast<std::size_t>(finding.kind)];
        if (++seen > shown_max) {
            return;
        }
        clear();
        complain(finding_lines(finding) +
                 (seen == shown_max ? std::string("\n  (further ") + to_string(finding.kind) +
                                          " ones are counted and not shown)"
                                    : ""));
    }

    void tick(const Progress& progress, std::uint64_t now_ns) override {
        const std::uint64_t since_shown = now_ns - std::min(shown_ns_, now_ns);
        if (how_ == Options::ProgressShown::none || since_shown < every_ns_) {
            return;
        }
        const double rate = static_cast<double>(progress.received - received_) * 1e9 /
                            static_cast<double>(since_shown);
        const Moment moment{progress, now_ns - started_ns_, rate};
        clear();
        if (how_ == Options::ProgressShown::live) {
            const std::size_t columns = terminal_columns();  // it may have changed
            std::cerr << live_lines(
                             moment, plan_,
                             columns == 0 ? live_width_max : std::min(columns - 1, live_width_max))
                      << std::flush;
            has_lines_ = true;
        } else {
            std::cerr << log_line(moment, plan_) << std::endl;
        }
        shown_ns_ = now_ns;
        received_ = progress.received;
    }

    // Erases the live lines.
    void clear() {
        if (has_lines_) {
            std::cerr << "\r\x1b[K\x1b[A\r\x1b[K";
            has_lines_ = false;
        }
    }

private:
    const LoadPlan& plan_;
    const Options::ProgressShown how_;
    const std::uint64_t every_ns_;
    const std::uint64_t started_ns_;
    std::uint64_t shown_ns_;
    std::uint64_t received_ = 0;
    bool has_lines_ = false;
    std::array<std::uint64_t, finding_kinds> seen_{};
};

Options::ProgressShown progress_shown(const Options& options) {
    if (options.progress) {
        return *options.progress;
    }
    return options.is_quiet             ? Options::ProgressShown::none
           : error_output_is_terminal() ? Options::ProgressShown::live
                                        : Options::ProgressShown::plain;
}

int run_interactive(const Options& options) {
    const auto answers = ask(read_line, std::cout);
    if (!answers) {
        std::cout << std::endl;
        complain(
            "the input ended before the questions were answered; to skip them, give --message TEXT "
            "or --size BYTES "
            "(client --help)");
        return exit_code::usage;
    }
    LoadPlan plan;
    plan.connections = answers->threads;
    plan.count = answers->sends;
    if (const auto prepared = prepare(options, plan); !prepared) {
        complain(prepared.error());
        return exit_code::could_not_run;
    }
    const auto messages = make_framed_messages(make_article_messages(answers->message),
                                               options.framing);
    plan.messages = messages.get();
    ReplyPrinter printer(plan.connections, options.reply_framing, std::cout);
    set_on_interrupt(interrupt);
    std::optional<base::Result<Totals>> ran;
    try {
        ran = run_load(plan, printer, interrupt);
    } catch (const OutputEnded&) {  // run() says why
        return exit_code::could_not_run;
    }
    base::Result<Totals>& totals = *ran;
    if (!totals) {
        complain(totals.error());
        return exit_code::could_not_run;
    }
    std::cerr << failure_lines(*totals);
    if (!options.is_quiet) {
        std::cout << "Sent " << totals->sent << " messages and received " << totals->received
                  << " replies." << std::endl;
    }
    return exit_code_of(*totals);
}

void print_summary(const Result& result, const Options& options) {
    using Summary = Options::Summary;
    const bool is_readable = options.summary.value_or(output_is_terminal()
                                                          ? Summary::readable
                                                          : Summary::plain) == Summary::readable;
    const std::size_t columns = output_is_terminal() ? terminal_columns() : 0;
    std::cout << (is_readable ? readable_summary(result) : summary(result)) << '\n'
              << (columns != 0 ? latency_drawing(result.totals.latency_ns, columns)
                               : latency_drawing(result.totals.latency_ns))
              << std::flush;
}

int run_load_and_report(const Options& options, const std::vector<std::string>& arguments) {
    LoadRun load(options);
    if (const auto prepared = load.prepare(); !prepared) {
        complain(prepared.error());
        return exit_code::could_not_run;
    }
    const LoadPlan& plan = load.plan();
    ConsoleObserver observer(plan, progress_shown(options));
    ResultFiles files;
    if (const auto opened = files.open(options.json_file, options.report_file); !opened) {
        complain(opened.error());
        return exit_code::could_not_run;
    }
    const std::string began = utc_text(std::time(nullptr));
    set_on_interrupt(interrupt);
    auto totals = load.run(observer, interrupt);
    observer.clear();
    if (!totals) {
        complain(totals.error());
        return exit_code::could_not_run;
    }
    const Result result{plan, *totals};
    const int code = exit_code_of(result, options.thresholds);
    const std::string json = files.are_wanted()
                                 ? json_report({result, arguments, began, options.thresholds, code})
                                 : "";
    const auto kept = files.keep(json, html_report, std::cout);
    if (!kept) {
        complain(kept.error());
    }
    if (!options.is_quiet && !files.prints_json()) {
        print_summary(result, options);
    }
    std::cerr << failure_lines(*totals) << verdict_lines(result, options.thresholds) << std::flush;
    return kept ? code : exit_code::could_not_run;
}

int run_asked(const std::vector<std::string>& arguments) {
    if (!arguments.empty() && arguments.front() == "compare") {
        return run_compare(std::span(arguments).subspan(1), std::cout, std::cerr, interrupt);
    }
    const ParsedOptions parsed = parse_options(arguments, true);
    if (!parsed.options) {
        (parsed.exit_code == 0 ? std::cout : std::cerr) << parsed.text << std::flush;
        return parsed.exit_code;
    }
    return parsed.options->is_interactive ? run_interactive(*parsed.options)
                                          : run_load_and_report(*parsed.options, arguments);
}

int run(const std::vector<std::string>& arguments) {
    WatchedOutput output(std::cout, prepare_console());
    const int code = run_asked(arguments);
    if (const int error = output.error(); error != 0) {
        complain("cannot write to standard output: " + std::generic_category().message(error));
        return code == exit_code::interrupted ? code : exit_code::could_not_run;
    }
    return code;
}

}  // namespace
}  // namespace portico::client

int main(int argc, char** argv) {
    try {
        return portico::client::run(portico::client::command_line(argc, argv));
    } catch (const std::exception& error) {  // out of memory, at the start
        std::cerr << "client: " << error.what() << '\n';
        return portico::client::exit_code::could_not_run;
    }
}
