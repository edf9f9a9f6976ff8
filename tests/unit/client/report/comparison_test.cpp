// How much two runs differ, and how sure that is.
#include <atomic>
#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cli/compare_command.hpp"
#include "report/comparison.hpp"
#include "support/catch.hpp"

using namespace portico::client;

namespace {

std::string run_of(const std::vector<int>& received, int p99_ns) {
    std::string slots;
    for (const int each : received) {
        slots += (slots.empty() ? "" : ",") + ("[" + std::to_string(each)) + ",0,0,1000," +
                 std::to_string(p99_ns) + ",9000]";
    }
    return R"({"schema": "portico-client-run", "version": 1, )"
           R"("series": {"slot_seconds": 0.25, "slots": [)" +
           slots + "]}}";
}

std::vector<Compared> compare_texts(const std::string& a, const std::string& b) {
    return compare_runs(parse_saved_run(a), parse_saved_run(b));
}

void refused(const std::string& a, const std::string& b, const std::string& why) {
    try {
        static_cast<void>(compare_texts(a, b));
        FAIL("it was taken");
    } catch (const std::runtime_error& error) {
        INFO(error.what());
        CHECK(std::string(error.what()).find(why) != std::string::npos);
    }
}

}  // namespace

TEST_CASE("a difference that every round has is shown", "[client][compare]") {
    const std::vector<double> a{100, 110, 90, 105, 95, 100, 102, 98, 101, 99};
    std::vector<double> b;
    for (const double each : a) {
        b.push_back(each * 1.1);
    }
    const Ratio ratio = paired_ratio(a, b);
    CHECK(ratio.middle == Approx(1.1));
    CHECK(ratio.low == Approx(1.1));
    CHECK(ratio.high == Approx(1.1));
    CHECK(ratio.shows_difference());
    const Ratio same = paired_ratio(a, a);
    CHECK_FALSE(same.shows_difference());
    const Ratio apart = unpaired_ratio(a, b);
    CHECK(apart.middle == Approx(1.1));
    CHECK(apart.low < 1.1);
    CHECK(apart.high > 1.1);
    CHECK(apart.low > 1.0);
    // The same input gives the same interval again.
    CHECK(unpaired_ratio(a, b).low == apart.low);
}

TEST_CASE("noise is no difference", "[client][compare]") {
    const std::vector<double> a{100, 120, 80, 105, 95, 130, 70, 98};
    const std::vector<double> b{105, 90, 100, 115, 80, 95, 110, 99};
    CHECK_FALSE(paired_ratio(a, b).shows_difference());
    CHECK_FALSE(unpaired_ratio(a, b).shows_difference());
}

TEST_CASE("two files are compared slot by slot, and said in words", "[client][compare]") {
    const std::string a = run_of({100, 101, 99, 100, 102, 98, 100, 101, 5}, 2'000);
    const std::string b = run_of({120, 121, 119, 120, 0, 118, 120, 121, 119, 5}, 3'000);
    const std::vector<Compared> all = compare_texts(a, b);
    REQUIRE(all.size() == 4);
    CHECK(all[0].a == Approx(400));
    CHECK(all[0].b == Approx(480));
    CHECK(all[0].ratio.middle == Approx(1.2));
    CHECK(all[2].ratio.middle == Approx(1.5));
    const std::string text = comparison_text("old.json", "new.json", all);
    CHECK(text.find("A: old.json\nB: new.json\n") == 0);
    CHECK(text.find("B is better: messages_per_second is 20.0 % higher") != std::string::npos);
    CHECK(text.find("B is worse: latency_p99_us is 50.0 % higher") != std::string::npos);
    CHECK(text.find("latency_p50_us is") == std::string::npos);
    CHECK(comparison_text("a", "b", compare_texts(a, a)).find("No difference is shown.") !=
          std::string::npos);
}

TEST_CASE("what makes two runs unlike is said, and what follows from nothing is not",
          "[client][compare]") {
    SavedRun a;
    a.client = "0.1";
    a.system = "Linux";
    a.processors = 2;
    a.arguments = {"127.0.0.1",  "5000", "--message", "--depth", "--connections=64",
                   "--duration", "1s",   "--json",    "a.json",  "--quiet"};
    SavedRun b = a;
    b.arguments = {"::1",       "5001",    "--connections", "64",     "--duration", "1s",
                   "--message", "--depth", "--report",      "b.html", "--fail-if",  "lost>0"};
    CHECK(comparison_warnings(a, b).empty());
    CHECK(comparison_warnings({}, b).empty());  // an empty run knows no settings
    b.arguments = {"127.0.0.1:5000", "--reconnect", "--connections", "8",
                   "--duration",     "1s",          "--message",     "\x1b"};
    b.system = "Windows";
    b.exit_code = 3;
    const std::vector<std::string> warnings = comparison_warnings(a, b);
    REQUIRE(warnings.size() == 5);
    CHECK(warnings[0] == "B went wrong: it ended with 3");
    CHECK(warnings[1] == "the settings differ: --connections is 64 in A and 8 in B");
    CHECK(warnings[2] == "the settings differ: --message is --depth in A and \\x1b in B");
    CHECK(warnings[3] == "the settings differ: --reconnect is not given in A and given in B");
    CHECK(warnings[4] ==
          "the machines differ: A ran on Linux with 2 processors, B on Windows with 2 processors");
    const std::string good = run_of({100, 100, 100, 100, 100, 100, 100, 100, 100}, 1);
    const std::string better = run_of({200, 200, 200, 200, 200, 200, 200, 200, 200}, 1);
    const std::string text = comparison_text("a", "b", compare_texts(good, better),
                                             "Nothing follows.");
    CHECK(text.ends_with("\n\nNothing follows.\n"));
    CHECK(text.find("B is better") == std::string::npos);
}

TEST_CASE("what is no run is refused with what is wrong", "[client][compare]") {
    const std::string good = run_of({100, 100, 100, 100, 100, 100, 100, 100, 100}, 1);
    refused("", good, "this is not a file of --json");
    refused(good, "[1]", "this is not a file of --json");
    refused(good, R"({"schema": "portico-client-run", "version": 2})", "another version");
    refused(R"({"schema": "portico-client-run", "version": 1})", good, "it has no \"series\"");
    refused(R"({"schema": "portico-client-run", "version": 1, )"
            R"("series": {"slot_seconds": 0.25, "slots": [[1],[2]]}})",
            good, "not a file");
    refused(run_of({100, 100, 100}, 1), good, "A: the run was too short");
    refused(good, run_of({100, 100, 100}, 1), "B: the run was too short");
}

TEST_CASE("a member that is not what it should be is named", "[client][compare]") {
    const auto with = [](const std::string& member) {
        return R"({"schema": "portico-client-run", "version": 1, )"
               R"("series": {"slot_seconds": 0.25, "slots": []}, )" +
               member + "}";
    };
    CHECK_NOTHROW(parse_saved_run(
        with(R"("latency": {"count": 2, "max": 9, "buckets": [[1, 1], [9, 1]]}, "new": 1)")));
    for (
        const auto& [member, name] : std::initializer_list<std::pair<const char*, const char*>>{
            {R"("machine": "Linux")", "\"machine\""},
            {R"("machine": {"processors": -1})", "\"processors\""},
            {R"("arguments": ["a", 1])", "\"arguments\""},
            {R"("lagged": 1)", "\"lagged\""},
            {R"("exit_code": 256)", "\"exit_code\""},
            {R"("figures": {"lost": {"value": -1}})", "\"lost\""},
            {R"("figures": {"lost": {"value": 1e300}})", "\"lost\""},
            {R"("figures": {"lost": {}})", "\"value\""},
            {R"("failures": [{"reason": "x"}])", "\"connections\""},
            {R"("latency": {"count": 2, "max": 9, "buckets": [[1, 1]]})", "\"latency\""},
            {R"("latency": {"count": 2, "max": 9, "buckets": [[1, 18446744073709551615], [2, 3]]})",
             "\"latency\""},
            {R"("latency": {"count": 2, "max": 9, "buckets": [[9, 1], [1, 1]]})", "\"latency\""},
            {R"("service": {"count": 2, "max": 9, "buckets": [[1, 0], [2, 2]]})", "\"service\""},
            {R"("version": 2)", "another version"},
            {R"("series": {"slot_seconds": 0, "slots": []})", "\"slot_seconds\""},
            {R"("series": {"slot_seconds": 1, "slots": [[1.5, 0, 0, 0, 0, 0]]})", "\"slots\""}}) {
        CAPTURE(member);
        refused(with(member), with(R"("new": 1)"), name);
    }
}

TEST_CASE("the help of a comparison fits a screen, as the other topics do", "[client][compare]") {
    std::ostringstream out;
    std::ostringstream err;
    std::atomic<bool> interrupt{false};
    const std::vector<std::string> arguments{"--help"};
    CHECK(run_compare(arguments, out, err, interrupt) == 0);
    std::istringstream lines(out.str());
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        CAPTURE(line);
        CHECK(line.size() <= 100);
    }
    CHECK(count > 0);
    CHECK(count <= 40);
}
