// A comparison as JSON: docs/reference/client_json.md explains each member. Its page contains the
// same JSON.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "report/comparison.hpp"
#include "report/saved_run.hpp"

namespace portico::client {

// One of the two sides of a comparison.
struct ComparedSide {
    std::string name;  // a file's, or HOST:PORT
    // A server's run is the sum of its rounds and has no slots, because its rounds lie apart in
    // time.
    SavedRun run;
    // For a server: the value of each compared figure in each round.
    std::vector<std::vector<double>> rounds;
};

struct ComparisonRecord {
    bool of_servers = false;
    std::vector<std::string> arguments;  // the command line's, UTF-8, after "compare"
    std::string made;                    // "2026-01-31T12:00:00Z"
    std::array<ComparedSide, 2> sides;
    std::vector<Compared> figures;
    std::vector<std::string> warnings;  // the differences that make the two unlike
};

// ASCII, one object, ended by a newline. Throws std::bad_alloc.
[[nodiscard]] std::string comparison_json(const ComparisonRecord& record);

}  // namespace portico::client
