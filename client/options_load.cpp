// How much, and how fast.
#include <CLI/CLI.hpp>

#include "option_topics.hpp"
#include "option_values.hpp"

namespace portico::client {

namespace {

class LoadTopic final : public OptionTopic {
public:
    std::string_view name() const noexcept override { return "load"; }
    std::string_view title() const noexcept override { return "How much, and how fast"; }

    void declare(CLI::App& app) override {
        CLI::Option* count = app.add_option("--count", count_, "Messages of each connection [1]")->type_name("N");
        app.add_option("--duration", duration_, "Send for so long instead: 10, 10s, 500ms, 1m")->type_name("TIME")->excludes(count);
        app.add_option("--depth", depth_, "Messages in flight on each connection, at most [1]")->type_name("N");
        app.add_option("--rate", rate_,
                       "Messages a second, over all connections, at evenly spaced instants\n"
                       "(an open loop) [the next as soon as --depth allows]")
            ->type_name("N");
        app.add_option("--threads", threads_, "That share the connections [1]")->type_name("N");
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
            options.rate = number_in("--rate", rate_, 1, rate_max);
        }
        if (!threads_.empty()) {
            options.threads = static_cast<std::uint32_t>(number_in("--threads", threads_, 1, io_threads_max));
        }
    }

private:
    std::string count_, duration_, depth_, rate_, threads_;
};

}  // namespace

std::unique_ptr<OptionTopic> make_load_topic() {
    return std::make_unique<LoadTopic>();
}

}  // namespace portico::client
