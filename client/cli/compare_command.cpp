#include "cli/compare_command.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "cli/input_file.hpp"
#include "cli/load_run.hpp"
#include "cli/options.hpp"
#include "cli/platform.hpp"
#include "report/comparison.hpp"
#include "report/comparison_report.hpp"
#include "report/html_report.hpp"
#include "report/json_report.hpp"
#include "report/report.hpp"
#include "report/result_files.hpp"
#include "report/utc.hpp"

namespace portico::client {

namespace {

constexpr const char* help_text = R"(Compares two servers, or two runs.

  client compare HOST:PORT HOST:PORT [--rounds N] OPTIONS  two live servers, loaded as OPTIONS say
  client compare A.json B.json                             two files that --json has written

  --report FILE   Write a self-contained page for a browser: the intervals drawn, both latencies by
                  percentile and over time, errors, settings
  --json FILE     Write the same for programs; -: print it instead of the text

Live servers run in turn, A B B A and so on, so that changes on the machine affect both, for N
rounds of two runs each [11, at least 6]. OPTIONS are those of a run (client --help); --duration 1s
is a good one. Each line shows the medians of A and B, the median of the rounds' ratios, and the
interval that holds 95 of 100 bootstrap samples of it. Files are compared by their quarters of a
second: what changed between the two runs is in the difference too, and the interval does not know
of it.

If two files differ in their settings or machines, a warning says so. If the client itself lagged
in one of them, nothing follows, and the text says that instead.

Exit codes: 0 compared, whatever came out; 1 could not run; 2 wrong usage; 3 something wrong or
  lost; 5 the client itself lagged, the figures are invalid; 130 interrupted
)";

// With fewer rounds, even 95 of 100 resampled medians span all the rounds: two equal servers would
// too often look different.
constexpr std::uint64_t rounds_least = 6;
constexpr std::uint64_t rounds_most = 1'000;

struct Server {
    std::string host;
    std::string port;
};

// "127.0.0.1:5000", "[::1]:5000", "name:5000"; nothing for any other text.
std::optional<Server> server_of(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos || colon == 0) {
        return std::nullopt;
    }
    const std::string port = text.substr(colon + 1);
    const std::string host = text.substr(0, colon);
    const bool is_number = !port.empty() && port.find_first_not_of("0123456789") == port.npos;
    const bool has_brackets = host.starts_with('[') && host.ends_with(']');
    return is_number && (has_brackets || host.find(':') == host.npos)
               ? std::optional(Server{host, port})
               : std::nullopt;
}

// The command line's options besides the two names.
struct Wanted {
    std::uint64_t rounds = 11;
    std::string json_file;             // UTF-8; "-": the output; empty: none
    std::string report_file;           // likewise
    std::vector<std::string> options;  // the others: options of a run
};

// Takes `name` and its value, "--name value" or "--name=value", out of `options`; nothing if it is
// not there. Fails if it has no value or comes twice.
base::Result<std::optional<std::string>> taken(std::vector<std::string>& options,
                                               const std::string& name) {
    std::optional<std::string> value;
    for (auto at = options.begin(); at != options.end();) {
        const bool is_joined = at->starts_with(name + "=");
        if (*at != name && !is_joined) {
            ++at;
            continue;
        }
        if (value) {
            return base::Failure{name + " is given twice"};
        }
        if (!is_joined && at + 1 == options.end()) {
            return base::Failure{name + " needs a value"};
        }
        value = is_joined ? at->substr(name.size() + 1) : *(at + 1);
        if (value->empty()) {
            return base::Failure{name + " needs a value"};
        }
        at = options.erase(at, at + (is_joined ? 1 : 2));
    }
    return value;
}

base::Result<Wanted> wanted_of(std::span<const std::string> arguments) {
    Wanted wanted;
    wanted.options.assign(arguments.begin(), arguments.end());
    for (const auto& [name, file] :
         {std::pair{"--json", &wanted.json_file}, std::pair{"--report", &wanted.report_file}}) {
        auto value = taken(wanted.options, name);
        if (!value) {
            return base::Failure{value.error()};
        }
        *file = (*value).value_or("");
    }
    if (!wanted.json_file.empty() && wanted.json_file == wanted.report_file) {
        return base::Failure{"--report and --json: one file cannot be both"};
    }
    return wanted;
}

// Takes --rounds, which does not apply to files.
base::Result<void> take_rounds(Wanted& wanted) {
    auto text = taken(wanted.options, "--rounds");
    if (!text) {
        return base::Failure{text.error()};
    }
    if (*text) {
        const auto rounds = parse_unsigned(**text);
        if (!rounds || *rounds < rounds_least || *rounds > rounds_most) {
            return base::Failure{"--rounds: \"" + **text + "\" is not a number from " +
                                 std::to_string(rounds_least) + " to " +
                                 std::to_string(rounds_most)};
        }
        wanted.rounds = *rounds;
    }
    return {};
}

struct Shown {
    const char* name;
    bool more_is_better;
};
// The figures that are compared for live servers.
constexpr std::array<Shown, 4> shown{{{"messages_per_second", true},
                                      {"latency_p50_us", false},
                                      {"latency_p99_us", false},
                                      {"latency_p999_us", false}}};

// One of two live servers, and the results of its rounds.
struct Measured {
    std::string name;
    std::vector<std::string> arguments;
    ParsedOptions parsed;
    std::unique_ptr<LoadRun> run;
    std::array<std::vector<double>, shown.size()> figures;  // for each round
    std::uint64_t runs_lagged = 0;
    Totals totals;  // of all runs

    // All its runs as one, in the form of a saved file. Leaves out what has no meaning for runs
    // that lie apart in time.
    [[nodiscard]] ComparedSide side(const std::string& began) const {
        ComparedSide side{name,
                          parse_saved_run(json_report(
                              {{run->plan(), totals}, arguments, began, {}, exit_code::all_right})),
                          {}};
        side.run.slots.clear();
        side.run.lagged = runs_lagged != 0;
        side.run.exit_code = side.run.lagged ? exit_code::lagged : exit_code::all_right;
        std::erase_if(side.run.figures,
                      [](const SavedFigure& figure) { return !figure.unit.empty(); });
        for (std::size_t round = 0; round < figures[0].size(); ++round) {
            std::vector<double>& its = side.rounds.emplace_back();
            for (const std::vector<double>& figure : figures) {
                its.push_back(figure[round]);
            }
        }
        return side;
    }
};

class Compare {
public:
    Compare(std::ostream& out, std::ostream& err, std::atomic<bool>& interrupt)
        : out_(out), err_(err), interrupt_(interrupt) {}

    int run(std::span<const std::string> arguments);

private:
    int usage(const std::string& text) {
        err_ << "client: compare: " << text << "\nsee client compare --help\n";
        return exit_code::usage;
    }
    int could_not_run(const std::string& text) {
        err_ << "client: compare: " << text << '\n';
        return exit_code::could_not_run;
    }
    int files(const std::string& a, const std::string& b);
    int servers(const std::string& a, const std::string& b);
    int prepare(Measured& server);
    int measure(Measured& server, std::array<double, shown.size()>& sums);
    int round(std::uint64_t number, std::array<Measured, 2>& servers);
    [[nodiscard]] std::string spoilt() const;
    int show();

    std::ostream& out_;
    std::ostream& err_;
    std::atomic<bool>& interrupt_;
    Wanted wanted_;
    ResultFiles results_;
    ComparisonRecord record_;
};

int Compare::files(const std::string& a, const std::string& b) {
    for (const auto& [name, side, letter] :
         {std::tuple{&a, &record_.sides[0], "A: "}, std::tuple{&b, &record_.sides[1], "B: "}}) {
        constexpr std::uint64_t file_bytes_max = 268'435'456;
        auto content = read_file(*name, file_bytes_max);
        if (!content) {
            return could_not_run(letter + content.error());
        }
        try {
            *side = {*name, parse_saved_run(*content), {}};
        } catch (const std::runtime_error& error) {
            return could_not_run(letter + std::string(error.what()));
        }
    }
    try {
        record_.figures = compare_runs(record_.sides[0].run, record_.sides[1].run);
        record_.warnings = comparison_warnings(record_.sides[0].run, record_.sides[1].run);
    } catch (const std::runtime_error& error) {
        return could_not_run(error.what());
    }
    return show();
}

int Compare::prepare(Measured& server) {
    const Server address = *server_of(server.name);
    server.arguments = {address.host, address.port};
    server.arguments.insert(server.arguments.end(), wanted_.options.begin(), wanted_.options.end());
    server.parsed = parse_options(server.arguments, false);
    if (!server.parsed.options) {
        err_ << server.parsed.text;
        return server.parsed.exit_code;
    }
    const Options& options = *server.parsed.options;
    if (options.is_interactive || !options.thresholds.empty()) {
        return usage("--interactive and --fail-if do not go with a comparison");
    }
    server.run = std::make_unique<LoadRun>(options);
    const auto prepared = server.run->prepare();
    return prepared ? exit_code::all_right : could_not_run(prepared.error());
}

// One run; adds the half of its figures.
int Compare::measure(Measured& server, std::array<double, shown.size()>& sums) {
    Observer nobody;
    auto totals = server.run->run(nobody, interrupt_);
    if (!totals) {
        return could_not_run(totals.error());
    }
    const int code = exit_code_of(*totals);
    if (code != exit_code::all_right) {
        err_ << failure_lines(*totals) << "client: compare: a run on " << server.name
             << " ended with " << code << '\n';
        return code;
    }
    for (std::size_t i = 0; i < shown.size(); ++i) {
        sums[i] += figure_named(shown[i].name)->value({server.run->plan(), *totals}) / 2;
    }
    server.runs_lagged += Result{server.run->plan(), *totals}.has_lagged() ? 1 : 0;
    server.totals.add(*totals);
    return exit_code::all_right;
}

// A B B A; every second round is B A A B.
int Compare::round(std::uint64_t number, std::array<Measured, 2>& servers) {
    std::array<std::array<double, shown.size()>, 2> sums{};
    const std::size_t first = number % 2;
    for (const std::size_t which : {first, 1 - first, 1 - first, first}) {
        if (const int code = measure(servers[which], sums[which]); code != exit_code::all_right) {
            return code;
        }
    }
    for (std::size_t which = 0; which < 2; ++which) {
        for (std::size_t i = 0; i < shown.size(); ++i) {
            servers[which].figures[i].push_back(std::max(sums[which][i], 1e-9));
        }
    }
    return exit_code::all_right;
}

int Compare::servers(const std::string& a, const std::string& b) {
    std::array<Measured, 2> servers;
    servers[0].name = a;
    servers[1].name = b;
    for (Measured& server : servers) {
        if (const int code = prepare(server); code != exit_code::all_right || !server.run) {
            return code;
        }
    }
    const std::string began = utc_text(std::time(nullptr));
    set_on_interrupt(interrupt_);
    for (std::uint64_t number = 0; number < wanted_.rounds; ++number) {
        err_ << "round " << number + 1 << " of " << wanted_.rounds << '\n' << std::flush;
        if (const int code = round(number, servers); code != exit_code::all_right) {
            return code;
        }
    }
    for (std::size_t i = 0; i < shown.size(); ++i) {
        record_.figures.push_back(compared_pairs(shown[i].name, shown[i].more_is_better,
                                                 servers[0].figures[i], servers[1].figures[i]));
    }
    record_.of_servers = true;
    record_.sides = {servers[0].side(began), servers[1].side(began)};
    return show();
}

// If the client itself was too late on a side, its figures prove nothing.
std::string Compare::spoilt() const {
    const bool in_a = record_.sides[0].run.lagged;
    const bool in_b = record_.sides[1].run.lagged;
    if (!in_a && !in_b) {
        return {};
    }
    const std::string where = in_a && in_b ? "both" : in_a ? "A" : "B";
    return "Nothing follows from this: the client itself lagged in " + where +
           ", and the figures are invalid.";
}

int Compare::show() {
    record_.made = utc_text(std::time(nullptr));
    const std::string lagged = spoilt();
    if (!results_.prints_json()) {
        out_ << comparison_text(record_.sides[0].name, record_.sides[1].name, record_.figures,
                                lagged)
             << std::flush;
    } else if (!lagged.empty()) {
        err_ << "client: compare: " << lagged << '\n';
    }
    for (const std::string& warning : record_.warnings) {
        err_ << "client: compare: warning: " << warning << '\n';
    }
    if (results_.are_wanted()) {
        if (const auto kept = results_.keep(comparison_json(record_), html_comparison, out_);
            !kept) {
            return could_not_run(kept.error());
        }
    }
    return lagged.empty() ? exit_code::all_right : exit_code::lagged;
}

int Compare::run(std::span<const std::string> arguments) {
    for (const std::string& each : arguments) {
        if (each == "--help" || each == "-h") {
            out_ << help_text << std::flush;
            return exit_code::all_right;
        }
    }
    if (arguments.size() < 2 || arguments[0].starts_with('-') || arguments[1].starts_with('-')) {
        return usage("begin with two files of --json, or two servers as HOST:PORT");
    }
    const bool is_a = server_of(arguments[0]).has_value();
    if (is_a != server_of(arguments[1]).has_value()) {
        return usage("\"" + arguments[is_a ? 0 : 1] + "\" is a server and \"" +
                     arguments[is_a ? 1 : 0] + "\" is not: give two servers or two files");
    }
    auto wanted = wanted_of(arguments.subspan(2));
    if (!wanted) {
        return usage(wanted.error());
    }
    wanted_ = *std::move(wanted);
    if (is_a) {
        if (const auto rounds = take_rounds(wanted_); !rounds) {
            return usage(rounds.error());
        }
    } else if (!wanted_.options.empty()) {
        return usage("\"" + wanted_.options[0] +
                     "\" is too much: two files have nothing to be run");
    }
    record_.arguments.assign(arguments.begin(), arguments.end());
    if (const auto opened = results_.open(wanted_.json_file, wanted_.report_file); !opened) {
        return could_not_run(opened.error());
    }
    return is_a ? servers(arguments[0], arguments[1]) : files(arguments[0], arguments[1]);
}

}  // namespace

int run_compare(std::span<const std::string> arguments, std::ostream& out, std::ostream& err,
                std::atomic<bool>& interrupt) {
    return Compare(out, err, interrupt).run(arguments);
}

}  // namespace portico::client
