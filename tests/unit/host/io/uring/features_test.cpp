// The features that a port on io_uring lacks, in words and in flags.
#include "io/uring/features.hpp"

#include "support/catch.hpp"

using namespace portico::io;

TEST_CASE("nothing is said about what is there", "[io][uring]") {
    CHECK(degradations({}).empty());
    // The next best does not matter if the best is there.
    CHECK(degradations({.cooperative_work = false}).empty());
}

TEST_CASE("each thing that is missing is named with what takes its place", "[io][uring]") {
    CHECK(degradations({.deferred_work = false}) == "no deferred task work: cooperative");
    CHECK(degradations({.deferred_work = false, .cooperative_work = false}) ==
          "no deferred or cooperative task work");
    CHECK(degradations({.buffer_ring = false}) == "no buffer rings: receives are polled for");
    CHECK(degradations({.limited_multishot = false}) ==
          "no multishot receives with a limit: one request a receive");
    CHECK(degradations({.quiet_sends = false}) ==
          "no quiet sends: each ends the wait that submits it");
    CHECK(degradations({.waiting_accepts = false}) ==
          "no accepts that wait: listeners are polled for");
    // Without buffer rings there are no multishot receives to miss.
    CHECK(
        degradations({.deferred_work = false, .buffer_ring = false, .limited_multishot = false}) ==
        "no deferred task work: cooperative; no buffer rings: receives are polled for");
}

TEST_CASE("a ring is set up for the best way of working that there is", "[io][uring]") {
    CHECK(work_flags({}) ==
          (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL));
    CHECK(work_flags({.deferred_work = false}) ==
          (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL));
    CHECK(work_flags({.deferred_work = false, .cooperative_work = false}) == 0);
}
