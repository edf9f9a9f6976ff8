// The progress of a run, in words.
#include <string>

#include "base/clock.hpp"
#include "report/live_view.hpp"
#include "support/catch.hpp"

using namespace portico;
using namespace portico::client;

TEST_CASE("the live view shows how much of the time is over", "[client][live]") {
    LoadPlan plan;
    plan.count = 0;
    plan.duration_ns = 10 * base::nanoseconds_per_second;
    Moment moment;
    moment.elapsed_ns = base::nanoseconds_per_second;
    CHECK(live_lines(moment, plan) ==
          "[........................................] 0 %  1 s  connecting\n0/s  connections 0  "
          "failures 0");
    moment.progress.connections_opened = 64;
    moment.progress.received = 36'000;
    moment.progress.findings[static_cast<std::size_t>(Finding::Kind::wrong)] = 2;
    moment.progress.sending_ns = 2'500'000'000;
    moment.progress.latency_p50_ns = 80'100;
    moment.progress.latency_p99_ns = 310'200;
    moment.elapsed_ns = 3 * base::nanoseconds_per_second;
    moment.messages_per_second = 12'000;
    CHECK(live_lines(moment, plan) ==
          "[##########..............................] 25 %  3 s of 10 s\n"
          "12000/s  p50 80.1 us  p99 310.2 us  connections 64  failures 2");
    CHECK(log_line(moment, plan) ==
          "3 s  25 %  connections 64  received 36000  12000/s  p50 80.1 us  p99 310.2 us  wrong 2");
    moment.progress.sending_ns = 20 * base::nanoseconds_per_second;
    CHECK(live_lines(moment, plan).find(" 100 % ") != std::string::npos);
}

TEST_CASE("the live view fits a narrow terminal, and keeps what matters most", "[client][live]") {
    LoadPlan plan;
    plan.count = 0;
    plan.duration_ns = 10 * base::nanoseconds_per_second;
    Moment moment;
    moment.progress.connections_opened = 64;
    moment.progress.sending_ns = 2'500'000'000;
    moment.progress.latency_p50_ns = 80'100;
    moment.progress.latency_p99_ns = 310'200;
    moment.elapsed_ns = 3 * base::nanoseconds_per_second;
    moment.messages_per_second = 12'000;
    CHECK(live_lines(moment, plan, 39) ==
          "[##........] 25 %  3 s of 10 s\n12000/s  connections 64  failures 0");
    CHECK(live_lines(moment, plan, 30) == "[##........] 25 %  3 s of 10 s\n12000/s  failures 0");
    CHECK(live_lines(moment, plan, 50) ==
          "[##.........] 25 %  3 s of 10 s\n12000/s  p50 80.1 us  p99 310.2 us  failures 0");
    for (std::size_t width = 1; width < 90; ++width) {
        const std::string lines = live_lines(moment, plan, width);
        CHECK(lines.find('\n') <= width);
        CHECK(lines.size() - lines.find('\n') - 1 <= width);
    }
}

TEST_CASE("the live view shows how much of the messages is done, and no line is too long",
          "[client][live]") {
    LoadPlan plan;
    plan.count = 1'000;
    plan.connections = 10;
    Moment moment;
    moment.progress.received = 2'500;
    moment.progress.sending_ns = 5 * base::nanoseconds_per_second;
    moment.elapsed_ns = 5 * base::nanoseconds_per_second;
    CHECK(live_lines(moment, plan).find("25 %  5 s  15 s left\n") != std::string::npos);
    moment.progress.latency_p50_ns = moment.progress.latency_p99_ns = 123'456'789'012'345;
    moment.progress.connections_opened =
        moment.progress.findings[static_cast<std::size_t>(Finding::Kind::lost)] = UINT64_MAX / 2;
    moment.messages_per_second = 1e15;
    const std::string lines = live_lines(moment, plan);
    CHECK(lines.find('\n') <= 79);
    CHECK(lines.size() - lines.find('\n') - 1 <= 79);
}
