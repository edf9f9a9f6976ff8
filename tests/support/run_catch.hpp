// Runs Catch2's tests: for a test program that has a main of its own, with options of its own.
#pragma once

namespace portico::tests {

[[nodiscard]] int run_catch(int argc, char** argv);

}  // namespace portico::tests
