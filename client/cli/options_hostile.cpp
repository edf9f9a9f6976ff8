// Options about bad clients beside the measured ones.
#include <CLI/CLI.hpp>

#include "cli/option_topics.hpp"
#include "cli/option_values.hpp"
#include "load/hostile.hpp"

namespace portico::client {

namespace {

class HostileTopic final : public OptionTopic {
public:
    std::string_view name() const noexcept override { return "hostile"; }
    std::string_view title() const noexcept override { return "Bad clients"; }
    std::string_view footer() const noexcept override {
        return R"(Modes:
  silent       connects and says nothing
  slow_reader  sends messages as fast as it can, and never reads
  slow_writer  sends messages, one byte every 10 ms
  reset        resets the connection in the middle of a message
  half_close   sends a message, ends its side, and reads to the end
  oversized    sends a frame that never ends (without framing: bytes without end)
  garbage      sends 64 KiB of random bytes, and its end
Each begins with the first message, and connects again 50 ms after its connection has ended.
They have a thread of their own and count only in hostile_...; all other figures are about the
other clients, which should not notice.)";
    }

    void declare(CLI::App& app) override {
        app.add_option(
               "--hostile", hostile_,
               "N bad clients of each MODE, beside --connections: \"reset:10,slow_reader:2\"")
            ->type_name("MODE:N,...");
    }

    void understand(const CLI::App&, Options& options) const override {
        if (!hostile_.empty()) {
            options.hostile = value_of("--hostile", parse_hostile(hostile_));
        }
    }

private:
    std::string hostile_;
};

}  // namespace

std::unique_ptr<OptionTopic> make_hostile_topic() {
    return std::make_unique<HostileTopic>();
}

}  // namespace portico::client
