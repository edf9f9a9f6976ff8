#include "cli/load_run.hpp"

#include <string>
#include <utility>

#include "cli/input_file.hpp"
#include "cli/platform.hpp"
#include "load/load.hpp"
#include "load/sources.hpp"

namespace portico::client {

base::Result<void> prepare(const Options& options, LoadPlan& plan) {
    auto addresses = io::resolve(options.host, options.port);
    if (!addresses) {
        return base::Failure{addresses.error()};
    }
    plan.addresses = *std::move(addresses);
    if (!options.sources.empty()) {
        auto reachable = reachable_from(options.sources, plan.addresses);
        if (!reachable) {
            return base::Failure{"--source: " + reachable.error()};
        }
        plan.addresses = *std::move(reachable);
        plan.sources = options.sources;
    }
    plan.connect_timeout_ns = options.connect_timeout_ns;
    plan.reply_timeout_ns = options.timeout_ns;
    plan.expectation.framing = options.reply_framing;

    // The standard streams, the ports, the run's files, and what the system's libraries open.
    const std::uint64_t reserved = 16 + std::uint64_t{2} * plan.threads;
    const std::uint64_t wanted = std::uint64_t{plan.connections} + plan.idle + plan.hostile.size();
    const std::uint64_t limit = raise_descriptor_limit();
    if (wanted + reserved > limit) {
        return base::Failure{std::to_string(wanted) +
                             " connections are too many: this process may have " +
                             std::to_string(limit) + " open descriptors (ulimit -n), of which " +
                             std::to_string(reserved) + " are for other things"};
    }
    return {};
}

std::unique_ptr<MessageSource> payloads_of(const Options& options) {
    if (options.message) {
        return make_text_messages(*options.message);
    }
    if (!options.message_pieces.empty()) {
        return make_template_messages(options.seed, options.message_pieces);
    }
    return make_generated_messages(options.seed, options.sizes, options.framing);
}

LoadRun::LoadRun(const Options& options) : options_(options) {
    plan_.connections = options.connections;
    plan_.expectation.connections = options.connections;
    plan_.count = options.count;
    plan_.duration_ns = options.duration_ns;
    plan_.warm_up_ns = options.warm_up_ns;
    plan_.ramp_up_ns = options.ramp_up_ns;
    plan_.arrivals = options.arrivals;
    plan_.seed = options.seed;
    plan_.depth = options.depth;
    plan_.rate = options.rate;
    plan_.reconnect = options.reconnect;
    plan_.messages_per_connection = options.messages_per_connection;
    plan_.idle = options.idle;
    plan_.hostile = options.hostile;
    plan_.framing = options.framing;
    plan_.threads = options.threads;
}

base::Result<void> LoadRun::prepare() {
    auto prepared = client::prepare(options_, plan_);
    if (!prepared) {
        return prepared;
    }
    if (options_.script_file) {
        return prepare_script();
    }
    messages_ = make_framed_messages(payloads_of(options_), options_.framing);
    plan_.messages = messages_.get();
    switch (options_.expect) {
        case Options::Expect::echo: plan_.expectation.replies = messages_.get(); break;
        case Options::Expect::text:
            expected_text_ = make_framed_messages(
                make_template_messages(options_.seed, options_.expected_pieces),
                options_.reply_framing);
            plan_.expectation.replies = expected_text_.get();
            break;
        case Options::Expect::pattern:
            expected_pattern_.push_back(options_.expected_pattern);
            plan_.expectation.patterns = expected_pattern_;
            break;
        case Options::Expect::any: break;
    }
    return {};
}

base::Result<void> LoadRun::prepare_script() {
    constexpr std::uint64_t script_bytes_max = 16'777'216;
    auto text = read_file(*options_.script_file, script_bytes_max);
    if (!text) {
        return base::Failure{"--script: " + text.error()};
    }
    auto script = parse_script(*text, options_.seed);
    if (!script) {
        return base::Failure{"--script: \"" + *options_.script_file + "\": " + script.error()};
    }
    script_ = *std::move(script);
    plan_.script = &*script_;
    plan_.messages = script_->messages.get();
    plan_.framing = script_->framing;
    plan_.count *= script_->exchanges();
    plan_.messages_per_connection *= script_->exchanges();
    plan_.expectation.replies = script_->replies.get();
    plan_.expectation.framing = script_->reply_framing;
    plan_.expectation.patterns = script_->patterns;
    plan_.expectation.texts_have_no_frames = true;
    return {};
}

base::Result<Totals> LoadRun::run(Observer& observer, const std::atomic<bool>& interrupt) {
    return run_load(plan_, observer, interrupt);
}

}  // namespace portico::client
