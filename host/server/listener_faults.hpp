// What went wrong in a listener's callbacks, for the writer of metrics: Implementation::faults().
#pragma once

#include <string>
#include <vector>

#include "plugin/fault_counts.hpp"

namespace portico {

struct ListenerFaults {
    std::string listener;
    std::string plugin;  // as the configuration names it
    std::vector<plugin::FaultCounts::Error> errors;
    std::vector<plugin::FaultCounts::Stuck> stuck;
};

}  // namespace portico
