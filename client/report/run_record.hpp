// A run that is over, with everything that its JSON file and its report contain.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/result.hpp"
#include "report/thresholds.hpp"

namespace portico::client {

struct RunRecord {
    Result result;
    std::vector<std::string> arguments;  // the command line's, UTF-8, without the program's name
    std::string began;                   // "2026-01-31T12:00:00Z"
    std::vector<Threshold> thresholds;
    int exit_code = 0;
};

}  // namespace portico::client
