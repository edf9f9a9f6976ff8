// What the program asks, shows and writes.
#include <CLI/CLI.hpp>

#include "option_topics.hpp"
#include "option_values.hpp"

namespace portico::client {

namespace {

class ProgramTopic final : public OptionTopic {
public:
    std::string_view name() const noexcept override { return "output"; }
    std::string_view title() const noexcept override { return "What is asked and shown"; }
    std::string_view footer() const noexcept override {
        return R"(Prints, one figure a line (name, blanks, value), what scripts may rely on:
  connections_opened    connections_failed (could not be opened)
  connections_broken    opened, but ended before their work was done
  sent received         messages that left, and replies that came (wrong ones too)
  wrong lost            replies not as expected; messages without a reply
  unexpected unanswered replies to nothing; messages on their way at Ctrl-C
  bytes_sent bytes_received seconds messages_per_second mib_per_second (received)
  latency_p50_us latency_p90_us latency_p99_us latency_p999_us latency_max_us
and, where it was asked for,
  connections_per_second        with --messages-per-connection: opened while messages flowed
  idle_opened idle_broken       with --idle: the broken could not be opened, or ended too soon
  rate rate_achieved            with --rate: asked for, and how many a second left
  sent_late not_sent            left more than 1 ms after they were due; were due, and had not
                                left when --duration was over: the client or the server lags
With --count, connections x count = received + lost.
Connections are opened before the first message is sent.
Latency counts from the sending of a message; with --rate from the instant at which it was due.)";
    }

    void declare(CLI::App& app) override {
        app.add_flag("--interactive", interactive_, "Ask what to send, although standard input is no terminal");
        app.add_flag("--quiet", quiet_, "No progress and no summary; failures are still reported");
    }

    void understand(const CLI::App&, Options& options) const override {
        options.is_interactive = interactive_;
        options.is_quiet = quiet_;
    }

private:
    bool interactive_ = false;
    bool quiet_ = false;
};

}  // namespace

std::unique_ptr<OptionTopic> make_program_topic() {
    return std::make_unique<ProgramTopic>();
}

}  // namespace portico::client
