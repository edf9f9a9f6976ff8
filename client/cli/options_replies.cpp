// Options about which replies are right.
#include <CLI/CLI.hpp>

#include "cli/option_topics.hpp"
#include "cli/option_values.hpp"

namespace portico::client {

namespace {

class ReplyTopic final : public OptionTopic {
public:
    std::string_view name() const noexcept override { return "replies"; }
    std::string_view title() const noexcept override { return "Replies"; }

    void declare(CLI::App& app) override {
        app.add_option("--expect", expect_,
                       "Which reply is right [echo]:\n"
                       "  echo             the message itself\n"
                       "  text:TEXT        TEXT, with the escapes and places of --message\n"
                       "  pattern:PATTERN  bytes; ? for any one, * for any number; needs framing\n"
                       "  any              whatever one read brings; with framing: any frame")
            ->type_name("WHAT");
        app.add_option("--reply-framing", framing_,
                       "Framing of the replies, if it differs from the messages'; also\n"
                       "  idle:TIME  a reply ends when nothing has come for TIME")
            ->type_name("HOW");
        app.add_option("--timeout", timeout_,
                       "A reply is lost if it is incomplete this long after its message, or after\n"
                       "the reply before it, or after --duration [30s]")
            ->type_name("TIME");
    }

    void understand(const CLI::App&, Options& options) const override {
        if (!framing_.empty()) {
            options.reply_framing = value_of("--reply-framing", parse_framing(framing_));
        } else {
            options.reply_framing = options.framing;  // the messages' topic comes first
        }
        options.timeout_ns = value_of("--timeout", parse_duration_ns(timeout_));
        understand_expect(options);
    }

private:
    void understand_expect(Options& options) const {
        if (expect_ == "echo") {
            options.expect = Options::Expect::echo;
        } else if (expect_ == "any") {
            options.expect = Options::Expect::any;
        } else if (expect_.starts_with("text:")) {
            options.expect = Options::Expect::text;
            options.expected_pieces = value_of("--expect",
                                               parse_template(std::string_view(expect_).substr(5)));
        } else if (expect_.starts_with("pattern:")) {
            if (options.reply_framing.type == Framing::Type::none) {
                refuse(
                    "--expect pattern needs framed replies (--framing, --reply-framing; idle:100ms "
                    "if nothing else shows their end)");
            }
            options.expect = Options::Expect::pattern;
            const bool has_delimiter = options.reply_framing.type == Framing::Type::delimiter;
            options.expected_pattern = value_of(
                "--expect",
                Pattern::parse(std::string_view(expect_).substr(8),
                               has_delimiter ? options.reply_framing.delimiter : std::string()));
        } else {
            refuse("--expect: \"" + expect_ +
                   "\" is not one of echo, any, text:TEXT and pattern:PATTERN");
        }
    }

    std::string expect_ = "echo", framing_, timeout_ = "30s";
};

}  // namespace

std::unique_ptr<OptionTopic> make_reply_topic() {
    return std::make_unique<ReplyTopic>();
}

}  // namespace portico::client
