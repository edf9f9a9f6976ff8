// Options about connections: how many, from which addresses, and how long each one lives.
#include <CLI/CLI.hpp>

#include "cli/option_topics.hpp"
#include "cli/option_values.hpp"
#include "load/sources.hpp"

namespace portico::client {

namespace {

class ConnectionTopic final : public OptionTopic {
public:
    std::string_view name() const noexcept override { return "connections"; }
    std::string_view title() const noexcept override { return "Connections"; }

    void declare(CLI::App& app) override {
        app.add_option("--connections", connections_, "Number of connections, all open at once [1]")
            ->type_name("N");
        app.add_option("--messages-per-connection", messages_per_connection_,
                       "After N messages a connection ends in order and a new one goes on [all]")
            ->type_name("N");
        app.add_flag("--reconnect", reconnect_,
                     "Open a broken connection again, every 100 ms until --duration is over;\n"
                     "messages that fail meanwhile are lost; the figures show the outage");
        app.add_option("--idle", idle_,
                       "More connections, opened first, that never send anything [0]")
            ->type_name("N");
        app.add_option("--source", source_,
                       "Local addresses to connect from, in turn, if one has too few ports:\n"
                       "ADDRESS or FIRST-LAST, several with commas [the system's choice]")
            ->type_name("ADDRESS");
        app.add_option("--connect-timeout", connect_timeout_,
                       "Time limit for opening each connection [10s]")
            ->type_name("TIME");
    }

    void understand(const CLI::App&, Options& options) const override {
        if (!connections_.empty()) {
            options.connections = static_cast<std::uint32_t>(
                number_in("--connections", connections_, 1, connections_max));
        }
        if (!messages_per_connection_.empty()) {
            options.messages_per_connection = number_in("--messages-per-connection",
                                                        messages_per_connection_, 1, count_max);
        }
        options.reconnect = reconnect_;
        if (!idle_.empty()) {
            options.idle = static_cast<std::uint32_t>(
                number_in("--idle", idle_, 1, connections_max));
        }
        if (!source_.empty()) {
            options.sources = value_of("--source", parse_sources(source_));
        }
        options.connect_timeout_ns = value_of("--connect-timeout",
                                              parse_duration_ns(connect_timeout_));
    }

private:
    bool reconnect_ = false;
    std::string connections_, messages_per_connection_, idle_, source_, connect_timeout_ = "10s";
};

}  // namespace

std::unique_ptr<OptionTopic> make_connection_topic() {
    return std::make_unique<ConnectionTopic>();
}

}  // namespace portico::client
