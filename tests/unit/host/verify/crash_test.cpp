// What the end of a check's process is taken for.
#include "verify/crash.hpp"

#include "support/catch.hpp"

using namespace portico::verify;

namespace {

ProcessEnd crashed() {
    ProcessEnd end;
    end.is_started = true;
    end.is_crashed = true;
    end.how = "signal 11 (Segmentation fault)";
    return end;
}

}  // namespace

TEST_CASE("the last words of a process say which mistake it was", "[verify]") {
    const std::string in_data = "hello\nportico verify: crashed in on_data\n";
    CHECK(finding_of_end(crashed(), in_data).name == "crash");
    CHECK(finding_of_end(crashed(), in_data).text.find("in on_data") != std::string::npos);
    const std::string offered = in_data + "portico verify: at an address of an offer\n";
    CHECK(finding_of_end(crashed(), offered).name == "read-past-size");
    const std::string later =
        "portico verify: crashed in a timer's function\n"
        "portico verify: at an address of an offer\n";
    CHECK(finding_of_end(crashed(), later).name == "offer-kept");
    const std::string twice = "free(): double free detected in tcache 2\n" + in_data;
    CHECK(finding_of_end(crashed(), twice).name == "freed-twice");
}

TEST_CASE("a process that does not end, or was never there", "[verify]") {
    ProcessEnd end;
    CHECK(finding_of_end(end, "").name == "not-run");
    end.is_started = true;
    end.is_timed_out = true;
    CHECK(finding_of_end(end, "").name == "hang");
}

TEST_CASE("the seed of a world that crashed", "[verify]") {
    CHECK(seed_of_output("x\nportico verify: in the world of seed 17\n") == 17);
    CHECK_FALSE(seed_of_output("portico verify: crashed in on_data\n").has_value());
}
