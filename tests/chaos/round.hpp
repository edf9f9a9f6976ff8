// One round: a host of its own with the plan's configuration, the plan's peers, and all checks of
// the host.
#pragma once

#include <string>
#include <vector>

#include "plan.hpp"

namespace portico::chaos {

struct Programs {
    std::string host;
    std::string emulator;  // empty: the host is a program of this system
    std::string plugins;   // the folder
    std::string work;      // a folder for files
};

struct Outcome {
    bool is_right = false;
    std::vector<std::string> kinds;  // of the findings, each with its count
    std::uint64_t judgements = 0, voided = 0;
    std::string summary;
};

// The host of the current round, or 0. It is for a signal handler, which must not leave the host
// behind.
[[nodiscard]] int host_under_way();

[[nodiscard]] Outcome run_round(const Programs& programs, const Plan& plan);

}  // namespace portico::chaos
