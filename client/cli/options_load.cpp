// Options about the load: how much, and how fast.
#include <CLI/CLI.hpp>

#include "cli/option_topics.hpp"
#include "cli/option_values.hpp"

namespace portico::client {

namespace {

// Accepts decimals only as long as the schedule's arithmetic is exact.
Rate rate_of(const std::string& text) {
    constexpr std::size_t decimals_max = 3;
    constexpr std::uint64_t product_max = 10'000'000'000;
    const auto number = parse_decimal(text, decimals_max);
    if (!number || number->value == 0 || number->value / number->scale > rate_max ||
        (number->scale != 1 && number->value > product_max / number->scale)) {
        refuse("--rate: \"" + text + "\" is not a number from 1 to " + std::to_string(rate_max) +
               ", or with up to three decimals from 0.001 to 10000");
    }
    return {number->value, number->scale};
}

class LoadTopic final : public OptionTopic {
public:
    std::string_view name() const noexcept override { return "load"; }
    std::string_view title() const noexcept override { return "How much, and how fast"; }

    void declare(CLI::App& app) override {
        CLI::Option* count = app.add_option("--count", count_, "Messages on each connection [1]")
                                 ->type_name("N");
        app.add_option("--duration", duration_, "Send for this time instead: 10, 2.5s, 500ms, 1m")
            ->type_name("TIME")
            ->excludes(count);
        app.add_option("--depth", depth_, "At most N messages in flight on each connection [1]")
            ->type_name("N");
        app.add_option("--rate", rate_,
                       "Messages a second in total, at evenly spaced instants (an open loop);\n"
                       "0.5: one in two seconds [the next as soon as --depth allows]")
            ->type_name("N");
        app.add_option("--arrivals", arrivals_,
                       "How --rate spaces them: even, or poisson as independent users do, drawn\n"
                       "from --seed [even]")
            ->type_name("HOW");
        app.add_option("--ramp-up", ramp_up_,
                       "The connections, all open, begin to send one after the other within TIME\n"
                       "[all at once]")
            ->type_name("TIME");
        app.add_option("--warm-up", warm_up_,
                       "Time before --duration: replies are checked, but are in no figure")
            ->type_name("TIME");
        app.add_option("--threads", threads_, "Threads that share the connections [1]")
            ->type_name("N");
    }

    void understand(const CLI::App&, Options& options) const override {
        if (!duration_.empty()) {
            options.count = 0;
            options.duration_ns = value_of("--duration", parse_duration_ns(duration_));
        }
        if (!count_.empty()) {
            options.count = number_in("--count", count_, 1, count_max);
        }
        if (!depth_.empty()) {
            options.depth = static_cast<std::uint32_t>(number_in("--depth", depth_, 1, depth_max));
        }
        if (!rate_.empty()) {
            options.rate = rate_of(rate_);
        }
        if (!arrivals_.empty()) {
            if (!options.rate) {
                refuse("--arrivals needs --rate: without it a message follows a reply");
            }
            if (arrivals_ != "even" && arrivals_ != "poisson") {
                refuse("--arrivals: \"" + arrivals_ + "\" is not one of even and poisson");
            }
            options.arrivals = arrivals_ == "even" ? Arrivals::even : Arrivals::poisson;
        }
        if (!ramp_up_.empty()) {
            options.ramp_up_ns = value_of("--ramp-up", parse_duration_ns(ramp_up_));
        }
        if (!warm_up_.empty()) {
            options.warm_up_ns = value_of("--warm-up", parse_duration_ns(warm_up_));
        }
        const std::uint64_t in_all_ns = options.warm_up_ns + options.duration_ns;
        if (options.count == 0 && options.ramp_up_ns > in_all_ns) {
            refuse("--ramp-up is longer than the run: some connections would never begin");
        }
        if (options.count != 0 && options.ramp_up_ns != 0 && options.rate) {
            refuse(
                "--ramp-up with --rate needs --duration: what is due before a connection begins is "
                "never sent");
        }
        if (options.count != 0 && options.warm_up_ns != 0) {
            refuse("--warm-up needs --duration: with --count it might be over before it is warm");
        }
        if (!threads_.empty()) {
            options.threads = static_cast<std::uint32_t>(
                number_in("--threads", threads_, 1, io_threads_max));
        }
    }

private:
    std::string count_, duration_, depth_, rate_, arrivals_, ramp_up_, warm_up_, threads_;
};

}  // namespace

std::unique_ptr<OptionTopic> make_load_topic() {
    return std::make_unique<LoadTopic>();
}

}  // namespace portico::client
