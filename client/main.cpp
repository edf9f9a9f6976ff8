// The stress client: command line in, one run, figures and an exit code out.
#include <algorithm>
#include <atomic>
#include <exception>
#include <iostream>

#include "base/clock.hpp"
#include "interactive.hpp"
#include "load.hpp"
#include "options.hpp"
#include "platform.hpp"
#include "report.hpp"
#include "sources.hpp"

namespace portico::client {
namespace {

// Set by Ctrl-C. Static, since the handler may run until the very end of the process.
std::atomic<bool> interrupt{false};

void complain(const std::string& text) {
    std::cerr << "client: " << text << '\n';
}

// Shows the first few wrong replies as they come, and on a terminal a line of progress each second.
class ConsoleObserver final : public Observer {
public:
    explicit ConsoleObserver(bool shows_progress) : shows_progress_(shows_progress), started_ns_(base::now_ns()) {}

    void difference(const Difference& difference) override {
        constexpr int shown_max = 5;
        if (++differences_ > shown_max) {
            return;
        }
        clear_line();
        complain("wrong reply: " + difference_line(difference) +
                 (differences_ == shown_max ? " (further ones are counted and not shown)" : ""));
    }

    void tick(const Progress& progress, std::uint64_t now_ns) override {
        const std::uint64_t since_shown = now_ns - std::max(shown_ns_, started_ns_);
        if (!shows_progress_ || since_shown < base::nanoseconds_per_second) {
            return;
        }
        const double rate = static_cast<double>(progress.received - received_) * 1e9 / static_cast<double>(since_shown);
        clear_line();
        std::cerr << progress_line(progress, now_ns - started_ns_, rate) << std::flush;
        has_line_ = true;
        shown_ns_ = now_ns;
        received_ = progress.received;
    }

    void clear_line() {
        if (has_line_) {
            std::cerr << "\r\x1b[K";
            has_line_ = false;
        }
    }

private:
    const bool shows_progress_;
    bool has_line_ = false;
    const std::uint64_t started_ns_;
    std::uint64_t shown_ns_ = 0;
    std::uint64_t received_ = 0;
    int differences_ = 0;
};

// What both modes have in common. False when a run is hopeless, and has been complained about.
bool prepare(const Options& options, LoadPlan& plan) {
    auto addresses = io::resolve(options.host, options.port);
    if (!addresses) {
        complain(addresses.error());
        return false;
    }
    plan.addresses = *std::move(addresses);
    if (!options.sources.empty()) {
        auto reachable = reachable_from(options.sources, plan.addresses);
        if (!reachable) {
            complain("--source: " + reachable.error());
            return false;
        }
        plan.addresses = *std::move(reachable);
        plan.sources = options.sources;
    }
    plan.connect_timeout_ns = options.connect_timeout_ns;
    plan.reply_timeout_ns = options.timeout_ns;
    plan.expectation.framing = options.reply_framing;

    // The standard streams, the ports, what the system's libraries open.
    const std::uint64_t reserved = 14 + std::uint64_t{2} * plan.threads;
    const std::uint64_t wanted = std::uint64_t{plan.connections} + plan.idle;
    const std::uint64_t limit = raise_descriptor_limit();
    if (wanted + reserved > limit) {
        complain(std::to_string(wanted) + " connections are too many: this process may have " + std::to_string(limit) +
                 " open descriptors (ulimit -n), of which " + std::to_string(reserved) + " are for other things");
        return false;
    }
    return true;
}

int run_interactive(const Options& options) {
    const auto answers = ask(read_line, std::cout);
    if (!answers) {
        std::cout << std::endl;
        complain("the input ended before the questions were answered");
        return exit_code::usage;
    }
    LoadPlan plan;
    plan.connections = answers->threads;
    plan.count = answers->sends;
    if (!prepare(options, plan)) {
        return exit_code::could_not_run;
    }
    const auto messages = make_framed_messages(make_article_messages(answers->message), options.framing);
    plan.messages = messages.get();
    ReplyPrinter printer(plan.connections, options.reply_framing, std::cout);
    set_on_interrupt(interrupt);
    auto totals = run_load(plan, printer, interrupt);
    if (!totals) {
        complain(totals.error());
        return exit_code::could_not_run;
    }
    std::cerr << failure_lines(*totals);
    if (!options.is_quiet) {
        std::cout << "Sent " << totals->sent << " messages and received " << totals->received << " replies." << std::endl;
    }
    return exit_code_of(*totals);
}

int run_scripted(const Options& options) {
    LoadPlan plan;
    plan.connections = options.connections;
    plan.count = options.count;
    plan.duration_ns = options.duration_ns;
    plan.depth = options.depth;
    plan.rate = options.rate;
    plan.messages_per_connection = options.messages_per_connection;
    plan.idle = options.idle;
    plan.threads = options.threads;
    if (!prepare(options, plan)) {
        return exit_code::could_not_run;
    }
    const auto messages = make_framed_messages(
        options.message ? make_text_messages(*options.message) : make_generated_messages(options.seed, options.sizes, options.framing),
        options.framing);
    const auto expected_text = make_framed_messages(make_text_messages(options.expected_text), options.reply_framing);
    plan.messages = messages.get();
    switch (options.expect) {
        case Options::Expect::echo: plan.expectation.replies = messages.get(); break;
        case Options::Expect::text: plan.expectation.replies = expected_text.get(); break;
        case Options::Expect::any: break;
    }
    ConsoleObserver observer(!options.is_quiet && error_output_is_terminal());
    set_on_interrupt(interrupt);
    auto totals = run_load(plan, observer, interrupt);
    observer.clear_line();
    if (!totals) {
        complain(totals.error());
        return exit_code::could_not_run;
    }
    std::cerr << failure_lines(*totals);
    if (!options.is_quiet) {
        std::cout << summary(*totals, plan) << std::flush;
    }
    return exit_code_of(*totals);
}

int run(std::vector<std::string> arguments) {
    prepare_console();
    const ParsedOptions parsed = parse_options(std::move(arguments), input_is_terminal());
    if (!parsed.options) {
        (parsed.exit_code == 0 ? std::cout : std::cerr) << parsed.text << std::flush;
        return parsed.exit_code;
    }
    return parsed.options->is_interactive ? run_interactive(*parsed.options) : run_scripted(*parsed.options);
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
