#include "compare_command.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/path_text.hpp"
#include "comparison.hpp"
#include "options.hpp"
#include "platform.hpp"
#include "report.hpp"
#include "scripted_run.hpp"

namespace portico::client {

namespace {

constexpr const char* help_text = R"(Compares two servers, or two runs.

  client compare HOST:PORT HOST:PORT [--rounds N] OPTIONS   two live servers, under the load that OPTIONS describe
  client compare A.json B.json                              two files that --json has written

Live servers are run in turn, A B B A and so on, so that what changes on the machine changes both: N rounds
of two runs each [11, at least 3]; OPTIONS are those of a run (client --help), and --duration 1s is a good
one. Each line shows the medians of A and B, the median of the rounds' ratios, and the interval that holds
95 of 100 bootstrap samples of it. Files are compared by their quarters of a second: what changed between
the two runs is in the difference as well, and the interval does not know of it.

Exit codes: 0 compared, whatever came out; 1 could not run; 2 wrong usage; 3 something wrong or lost;
  130 interrupted
)";

constexpr std::uint64_t rounds_least = 3;
constexpr std::uint64_t rounds_most = 1'000;

struct Server {
    std::string host;
    std::string port;
};

// "127.0.0.1:5000", "[::1]:5000", "name:5000"; nothing for what is no such thing.
std::optional<Server> server_of(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos || colon == 0) {
        return std::nullopt;
    }
    const std::string port = text.substr(colon + 1);
    const std::string host = text.substr(0, colon);
    const bool is_number = !port.empty() && port.find_first_not_of("0123456789") == port.npos;
    const bool has_brackets = host.starts_with('[') && host.ends_with(']');
    return is_number && (has_brackets || host.find(':') == host.npos) ? std::optional(Server{host, port}) : std::nullopt;
}

class Compare {
public:
    Compare(std::ostream& out, std::ostream& err, std::atomic<bool>& interrupt) : out_(out), err_(err), interrupt_(interrupt) {}

    int run(std::span<const std::string> arguments);

private:
    int usage(const std::string& text) {
        err_ << "client: compare: " << text << "\nclient compare --help says more\n";
        return exit_code::usage;
    }
    int could_not_run(const std::string& text) {
        err_ << "client: compare: " << text << '\n';
        return exit_code::could_not_run;
    }
    int files(const std::string& a, const std::string& b);
    int servers(const std::string& a, const std::string& b, std::vector<std::string> options);

    std::ostream& out_;
    std::ostream& err_;
    std::atomic<bool>& interrupt_;
};

int Compare::files(const std::string& a, const std::string& b) {
    std::array<std::string, 2> contents;
    for (const auto& [name, content] : {std::pair{&a, &contents[0]}, std::pair{&b, &contents[1]}}) {
        std::ifstream file(base::path_from_utf8(*name), std::ios::binary);
        content->assign(std::istreambuf_iterator<char>(file), {});
        if (!file.is_open() || file.bad()) {
            return could_not_run("cannot read \"" + *name + "\"");
        }
    }
    try {
        out_ << comparison_text(a, b, compare_files(contents[0], contents[1])) << std::flush;
    } catch (const std::runtime_error& error) {
        return could_not_run(error.what());
    }
    return exit_code::all_right;
}

// Takes `name` and the word behind it out of `options`; nothing where it is not there. Fails where nothing follows.
base::Result<std::optional<std::string>> taken(std::vector<std::string>& options, const std::string& name) {
    for (auto at = options.begin(); at != options.end(); ++at) {
        if (*at == name) {
            if (at + 1 == options.end()) {
                return base::Failure{name + " needs a number"};
            }
            std::string value = *(at + 1);
            options.erase(at, at + 2);
            return std::optional(std::move(value));
        }
    }
    return std::optional<std::string>();
}

// The figures of the rounds of one server.
struct Rounds {
    std::array<std::vector<double>, 4> figures;
};
struct Shown {
    const char* name;
    bool more_is_better;
};
constexpr std::array<Shown, 4> shown{
    {{"messages_per_second", true}, {"latency_p50_us", false}, {"latency_p99_us", false}, {"latency_p999_us", false}}};

int Compare::servers(const std::string& a, const std::string& b, std::vector<std::string> options) {
    auto wanted_rounds = taken(options, "--rounds");
    if (!wanted_rounds) {
        return usage(wanted_rounds.error());
    }
    const auto rounds = parse_unsigned((*wanted_rounds).value_or("11"));
    if (!rounds || *rounds < rounds_least || *rounds > rounds_most) {
        return usage("--rounds: \"" + (*wanted_rounds).value_or("") + "\" is no number from " + std::to_string(rounds_least) + " to " +
                     std::to_string(rounds_most));
    }
    std::array<ParsedOptions, 2> parsed;
    std::array<std::unique_ptr<ScriptedRun>, 2> runs;
    for (std::size_t i = 0; i < 2; ++i) {
        const Server server = *server_of(i == 0 ? a : b);
        std::vector<std::string> arguments{server.host, server.port};
        arguments.insert(arguments.end(), options.begin(), options.end());
        parsed[i] = parse_options(std::move(arguments), false);
        if (!parsed[i].options) {
            err_ << parsed[i].text;
            return parsed[i].exit_code;
        }
        if (parsed[i].options->is_interactive || !parsed[i].options->json_file.empty() || !parsed[i].options->report_file.empty() ||
            !parsed[i].options->thresholds.empty()) {
            return usage("--interactive, --json, --report and --fail-if are not for a comparison");
        }
        runs[i] = std::make_unique<ScriptedRun>(*parsed[i].options);
        if (const auto prepared = runs[i]->prepare(); !prepared) {
            return could_not_run(prepared.error());
        }
    }
    set_on_interrupt(interrupt_);
    Observer nobody;
    std::array<Rounds, 2> measured;
    const auto measure = [&](std::size_t which, std::array<double, 4>& sums) {
        auto totals = runs[which]->run(nobody, interrupt_);
        if (!totals) {
            return could_not_run(totals.error());
        }
        const int code = exit_code_of(*totals);
        if (code != exit_code::all_right) {
            err_ << failure_lines(*totals) << "client: compare: a run on " << (which == 0 ? a : b) << " ended with " << code << '\n';
            return code;
        }
        for (std::size_t i = 0; i < shown.size(); ++i) {
            sums[i] += figure_named(shown[i].name)->value({runs[which]->plan(), *totals}) / 2;
        }
        return exit_code::all_right;
    };
    for (std::uint64_t round = 0; round < *rounds; ++round) {
        err_ << "round " << round + 1 << " of " << *rounds << '\n' << std::flush;
        std::array<std::array<double, 4>, 2> sums{};
        const std::size_t first = round % 2;
        for (const std::size_t which : {first, 1 - first, 1 - first, first}) {
            if (const int code = measure(which, sums[which]); code != exit_code::all_right) {
                return code;
            }
        }
        for (std::size_t which = 0; which < 2; ++which) {
            for (std::size_t i = 0; i < shown.size(); ++i) {
                measured[which].figures[i].push_back(std::max(sums[which][i], 1e-9));
            }
        }
    }
    std::vector<Compared> all;
    for (std::size_t i = 0; i < shown.size(); ++i) {
        all.push_back(compared_pairs(shown[i].name, shown[i].more_is_better, measured[0].figures[i], measured[1].figures[i]));
    }
    out_ << comparison_text(a, b, all) << std::flush;
    return exit_code::all_right;
}

int Compare::run(std::span<const std::string> arguments) {
    for (const std::string& each : arguments) {
        if (each == "--help" || each == "-h") {
            out_ << help_text << std::flush;
            return exit_code::all_right;
        }
    }
    if (arguments.size() < 2 || arguments[0].starts_with('-') || arguments[1].starts_with('-')) {
        return usage("two files of --json, or two servers as HOST:PORT, come first");
    }
    const bool is_a = server_of(arguments[0]).has_value();
    if (is_a != server_of(arguments[1]).has_value()) {
        return usage("\"" + arguments[is_a ? 0 : 1] + "\" is a server and \"" + arguments[is_a ? 1 : 0] +
                     "\" is none: they are to be both, or both files");
    }
    if (is_a) {
        return servers(arguments[0], arguments[1], {arguments.begin() + 2, arguments.end()});
    }
    if (arguments.size() > 2) {
        return usage("\"" + arguments[2] + "\" is too much: two files have nothing to be run");
    }
    return files(arguments[0], arguments[1]);
}

}  // namespace

int run_compare(std::span<const std::string> arguments, std::ostream& out, std::ostream& err, std::atomic<bool>& interrupt) {
    return Compare(out, err, interrupt).run(arguments);
}

}  // namespace portico::client
