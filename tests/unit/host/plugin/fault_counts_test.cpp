#include "plugin/fault_counts.hpp"

#include "plugin/call_scope.hpp"
#include "portico/portico.h"
#include "support/catch.hpp"

using portico::plugin::FaultCounts;

TEST_CASE("errors are counted by callback and status, under the metrics' names",
          "[plugin][faults]") {
    FaultCounts counts;
    CHECK(counts.errors().empty());
    counts.count_error("on_data", PORTICO_PROTOCOL_ERROR);
    counts.count_error("on_data", PORTICO_PROTOCOL_ERROR);
    counts.count_error("on_data", -1'000'000);  // a plugin may return anything
    counts.count_error("on_stop", INT32_MIN);
    counts.count_error("of no callback", PORTICO_ERROR);
    const std::vector<FaultCounts::Error> errors = counts.errors();
    REQUIRE(errors.size() == 3);
    CHECK((errors[0].callback == "on_data" && errors[0].status == "ERROR" && errors[0].count == 1));
    CHECK((errors[1].callback == "on_data" && errors[1].status == "PROTOCOL_ERROR" &&
           errors[1].count == 2));
    CHECK((errors[2].callback == "on_stop" && errors[2].status == "ERROR" && errors[2].count == 1));
}

TEST_CASE("every function that a worker runs can be stuck", "[plugin][faults]") {
    using namespace portico::plugin;
    FaultCounts counts;
    for (const char* name :
         {"on_open", "on_data", "on_writable", "on_end", "on_drain", "on_close", "on_stop",
          posted_name, timer_name, done_name, resolved_name, release_name}) {
        counts.count_stuck(name);
    }
    const std::vector<FaultCounts::Stuck> stuck = counts.stuck();
    REQUIRE(stuck.size() == 12);
    CHECK(stuck[1].callback == "on_data");
    CHECK(stuck[8].callback == "timer");
    for (const FaultCounts::Stuck& one : stuck) {
        CHECK(one.count == 1);
    }
}
