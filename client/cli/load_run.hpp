// The run that the command line describes. Its parts are made once; it can be run repeatedly.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "cli/options.hpp"
#include "load/plan.hpp"
#include "measure/observer.hpp"
#include "measure/totals.hpp"
#include "messages/message.hpp"
#include "messages/script.hpp"

namespace portico::client {

// Sets what every kind of run has in common: addresses, sources, timeouts, and descriptors for
// plan.connections, plan.idle and plan.threads. Fails with a sentence.
[[nodiscard]] base::Result<void> prepare(const Options& options, LoadPlan& plan);

// The messages that the options describe, without framing.
[[nodiscard]] std::unique_ptr<MessageSource> payloads_of(const Options& options);

class LoadRun {
public:
    explicit LoadRun(const Options& options);
    LoadRun(const LoadRun&) = delete;
    LoadRun& operator=(const LoadRun&) = delete;

    // Call it before the first run(). Fails with a sentence.
    [[nodiscard]] base::Result<void> prepare();
    // Fails with a sentence if the run could not begin. Rethrows what the observer threw.
    [[nodiscard]] base::Result<Totals> run(Observer& observer, const std::atomic<bool>& interrupt);

    [[nodiscard]] const LoadPlan& plan() const noexcept { return plan_; }

private:
    [[nodiscard]] base::Result<void> prepare_script();

    const Options& options_;
    LoadPlan plan_;
    std::unique_ptr<MessageSource> messages_;
    std::unique_ptr<MessageSource> expected_text_;
    std::vector<std::optional<Pattern>> expected_pattern_;
    std::optional<Script> script_;
};

}  // namespace portico::client
