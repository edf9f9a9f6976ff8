// Options about what the program asks, shows and writes.
#include <algorithm>
#include <CLI/CLI.hpp>

#include "cli/option_topics.hpp"
#include "cli/option_values.hpp"
#include "report/figures.hpp"

namespace portico::client {

namespace {

class ProgramTopic final : public OptionTopic {
public:
    std::string_view name() const noexcept override { return "output"; }
    std::string_view title() const noexcept override { return "Questions and output"; }
    void declare(CLI::App& app) override {
        app.add_flag("--interactive", interactive_,
                     "Ask what to send; the default if no option says it");
        app.add_flag("--quiet", quiet_, "No progress and no summary; failures are still reported");
        app.add_option("--progress", progress_,
                       "live (in place, for a terminal), plain (a line every 10 s) or none\n"
                       "[live on a terminal, else plain]")
            ->type_name("HOW");
        app.add_option("--summary", summary_,
                       "readable (without zeros, in ms and s) or plain (one figure a line, for\n"
                       "scripts) [readable on a terminal, else plain]")
            ->type_name("HOW");
        app.add_option("--json", json_,
                       "Write everything for programs; -: print it instead of the summary")
            ->type_name("FILE");
        app.add_option("--report", report_,
                       "Write the same as one self-contained page for a browser")
            ->type_name("FILE");
        app.add_option("--fail-if", fail_if_,
                       "Exit with 4 if it holds: a figure, a comparison, a number: \"lost>0\";\n"
                       "also p50 p90 p99 p99.9 p99.99 max mean with ns us ms s: \"p99>5ms\";\n"
                       "with --rate: \"rate_achieved<950\"")
            ->type_name("CONDITION")
            ->allow_extra_args(false);
    }

    void understand(const CLI::App&, Options& options) const override {
        options.is_interactive = interactive_;
        options.is_quiet = quiet_;
        if (!progress_.empty()) {
            options.progress = progress_named(progress_);
        }
        if (!summary_.empty()) {
            if (summary_ != "readable" && summary_ != "plain") {
                refuse("--summary: \"" + summary_ + "\" is not one of readable and plain");
            }
            options.summary = summary_ == "plain" ? Options::Summary::plain
                                                  : Options::Summary::readable;
        }
        options.json_file = json_;
        options.report_file = report_;
        if (!report_.empty() && report_ == json_) {
            refuse("--report and --json: one file cannot be both");
        }
        for (const std::string& each : fail_if_) {
            options.thresholds.push_back(value_of("--fail-if", parse_threshold(each)));
        }
    }

private:
    static Options::ProgressShown progress_named(const std::string& name) {
        using Shown = Options::ProgressShown;
        for (const auto& [its, shown] :
             {std::pair{"live", Shown::live}, std::pair{"plain", Shown::plain},
              std::pair{"none", Shown::none}}) {
            if (name == its) {
                return shown;
            }
        }
        refuse("--progress: \"" + name + "\" is not one of live, plain and none");
    }

    bool interactive_ = false;
    bool quiet_ = false;
    std::string progress_, summary_, json_, report_;
    std::vector<std::string> fail_if_;
};

// A topic without options: explains the figures of the summary.
class FigureTopic final : public OptionTopic {
public:
    std::string_view name() const noexcept override { return "figures"; }
    std::string_view title() const noexcept override { return "The figures of a run"; }
    std::string_view footer() const noexcept override { return text_; }
    void declare(CLI::App&) override {}
    void understand(const CLI::App&, Options&) const override {}

private:
    static std::string made() {
        std::string text =
            "The plain summary: one figure a line (name, blanks, value); scripts may rely on it:\n";
        std::string names;  // the names of the figures that need no explanation
        const auto end_names = [&] {
            text += names.empty() ? "" : names + '\n';
            names.clear();
        };
        for (const Figure& figure : figures()) {
            const std::string name = "  " + std::string(figure.name);
            if (*figure.help == '\0') {
                names += name;
                continue;
            }
            end_names();
            std::string line = name;
            line.resize(std::max<std::size_t>(line.size() + 1, 26), ' ');
            text += line + figure.help + '\n';
        }
        end_names();
        return text + "With --count, connections x count = received + lost.";
    }

    const std::string text_ = made();
};

}  // namespace

std::unique_ptr<OptionTopic> make_program_topic() {
    return std::make_unique<ProgramTopic>();
}

std::unique_ptr<OptionTopic> make_figure_topic() {
    return std::make_unique<FigureTopic>();
}

}  // namespace portico::client
