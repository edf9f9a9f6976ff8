// The command line is divided into topics, with a file for each. A topic declares its options with
// their help texts, and turns what was written into members of `Options`. It is a group of CLI11
// and a screen of `client --help TOPIC`, and knows nothing of the others. options.cpp checks what
// must fit together once all topics have been understood.
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

    // The word after --help.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    // The group's title; one line.
    [[nodiscard]] virtual std::string_view title() const noexcept = 0;
    // Text below the options in its help; empty if there is none.
    [[nodiscard]] virtual std::string_view footer() const noexcept { return {}; }
    // Adds its options. The caller has set the app's defaults to its group.
    virtual void declare(CLI::App& app) = 0;
    // Called after the line has been parsed. Throws UsageError.
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
