// The main of most test programs.
#include "support/run_catch.hpp"

int main(int argc, char** argv) {
    return portico::tests::run_catch(argc, argv);
}
