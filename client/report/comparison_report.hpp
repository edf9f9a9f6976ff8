// A comparison as JSON: docs/reference/client_json.md says what each member means. Its page carries
// the same.
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
    // A server's is all its rounds together, and has no slots: its rounds lie apart in time.
    SavedRun run;
    // A server's: for each round the value of each figure that is compared.
    std::vector<std::vector<double>> rounds;
};

struct ComparisonRecord {
    bool of_servers = false;
    std::vector<std::string> arguments;  // the command line's, UTF-8, after "compare"
    std::string made;                    // "2026-01-31T12:00:00Z"
    std::array<ComparedSide, 2> sides;
    std::vector<Compared> figures;
    std::vector<std::string> warnings;  // what makes the two unlike
};

// ASCII, one object, ended by a newline. Throws std::bad_alloc.
[[nodiscard]] std::string comparison_json(const ComparisonRecord& record);

}  // namespace portico::client
