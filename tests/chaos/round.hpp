// One round: a host of its own, configured as the plan says, the plan's peers, and all that must
// hold of the host.
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
    std::vector<std::string> kinds;  // of what was found, with how often
    std::uint64_t judgements = 0, voided = 0;
    std::string summary;
};

// The host of the round that is under way, or 0: for a signal handler, which must not leave it
// behind.
[[nodiscard]] int host_under_way();

[[nodiscard]] Outcome run_round(const Programs& programs, const Plan& plan);

}  // namespace portico::chaos
