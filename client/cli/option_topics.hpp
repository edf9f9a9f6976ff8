// The command line is cut into topics, a file each: what its options are called and say, and what
// was written becomes in `Options`. A topic is a group of CLI11's, a screen of `client --help
// TOPIC`, and knows nothing of the others; what must fit together is checked once all have been
// understood (options.cpp).
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "cli/options.hpp"

namespace CLI {
class App;
}

namespace portico::client {

class OptionTopic {
public:
    virtual ~OptionTopic() = default;
    OptionTopic(const OptionTopic&) = delete;
    OptionTopic& operator=(const OptionTopic&) = delete;

    // After --help.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    // Of the group; one line.
    [[nodiscard]] virtual std::string_view title() const noexcept = 0;
    // What stands below the options in its help; empty: nothing.
    [[nodiscard]] virtual std::string_view footer() const noexcept { return {}; }
    // Adds its options; the app's defaults are set to its group.
    virtual void declare(CLI::App& app) = 0;
    // Once the line has been parsed. Throws UsageError.
    virtual void understand(const CLI::App& app, Options& options) const = 0;

protected:
    OptionTopic() = default;
};

[[nodiscard]] std::unique_ptr<OptionTopic> make_message_topic();
[[nodiscard]] std::unique_ptr<OptionTopic> make_reply_topic();
[[nodiscard]] std::unique_ptr<OptionTopic> make_load_topic();
[[nodiscard]] std::unique_ptr<OptionTopic> make_connection_topic();
[[nodiscard]] std::unique_ptr<OptionTopic> make_hostile_topic();
[[nodiscard]] std::unique_ptr<OptionTopic> make_program_topic();
[[nodiscard]] std::unique_ptr<OptionTopic> make_figure_topic();

}  // namespace portico::client
