#include "scripted_run.hpp"

#include <string>
#include <utility>

#include "load.hpp"
#include "platform.hpp"
#include "sources.hpp"

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

    // The standard streams, the ports, the run's files, what the system's libraries open.
    const std::uint64_t reserved = 16 + std::uint64_t{2} * plan.threads;
    const std::uint64_t wanted = std::uint64_t{plan.connections} + plan.idle + plan.hostile.size();
    const std::uint64_t limit = raise_descriptor_limit();
    if (wanted + reserved > limit) {
        return base::Failure{std::to_string(wanted) + " connections are too many: this process may have " + std::to_string(limit) +
                             " open descriptors (ulimit -n), of which " + std::to_string(reserved) + " are for other things"};
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

ScriptedRun::ScriptedRun(const Options& options) : options_(options) {
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
    plan_.messages_per_connection = options.messages_per_connection;
    plan_.idle = options.idle;
    plan_.hostile = options.hostile;
    plan_.framing = options.framing;
    plan_.threads = options.threads;
}

base::Result<void> ScriptedRun::prepare() {
    auto prepared = client::prepare(options_, plan_);
    if (!prepared) {
        return prepared;
    }
    messages_ = make_framed_messages(payloads_of(options_), options_.framing);
    expected_text_ = make_framed_messages(make_text_messages(options_.expected_text), options_.reply_framing);
    plan_.messages = messages_.get();
    switch (options_.expect) {
        case Options::Expect::echo: plan_.expectation.replies = messages_.get(); break;
        case Options::Expect::text: plan_.expectation.replies = expected_text_.get(); break;
        case Options::Expect::any: break;
    }
    return {};
}

base::Result<Totals> ScriptedRun::run(Observer& observer, const std::atomic<bool>& interrupt) {
    return run_load(plan_, observer, interrupt);
}

}  // namespace portico::client
