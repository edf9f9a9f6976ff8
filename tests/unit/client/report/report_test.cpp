// The summary of a run, and its exit code.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "report/report.hpp"
#include "support/catch.hpp"

using namespace portico::client;

TEST_CASE("the exit code says how the run ended") {
    Totals totals;
    CHECK(exit_code_of(totals) == 1);
    totals.connections_opened = 2;
    CHECK(exit_code_of(totals) == 0);
    const auto with = [&](std::uint64_t Totals::*figure) {
        Totals changed = totals;
        changed.*figure = 1;
        return exit_code_of(changed);
    };
    CHECK(with(&Totals::connections_failed) == 3);
    CHECK(with(&Totals::connections_broken) == 3);
    CHECK(with(&Totals::wrong) == 3);
    CHECK(with(&Totals::lost) == 3);
    CHECK(with(&Totals::duplicate) == 3);
    CHECK(with(&Totals::reordered) == 3);
    CHECK(with(&Totals::late) == 3);
    CHECK(with(&Totals::crossed) == 3);
    CHECK(with(&Totals::unexpected) == 3);
    CHECK(with(&Totals::idle_broken) == 3);
    CHECK(with(&Totals::sent_late) == 0);
    totals.wrong = 1;
    totals.interrupted = true;
    CHECK(exit_code_of(totals) == 130);
}

TEST_CASE("the summary names each figure on a line of its own") {
    Totals totals;
    totals.connections_opened = 64;
    totals.sent = 1'000;
    totals.received = 1'000;
    totals.bytes_received = 2 * 1'048'576;
    totals.first_send_ns = 1'000'000'000;
    totals.last_reply_ns = 1'500'000'000;
    for (int i = 0; i < 997; ++i) {
        totals.latency_ns.record(50'000);
    }
    for (int i = 0; i < 3; ++i) {
        totals.latency_ns.record(9'000'000);
    }
    const LoadPlan plan;
    const std::string text = "\n" + summary({plan, totals});
    const auto value_of = [&](const std::string& name) {
        const std::size_t at = text.find("\n" + name + " ");
        REQUIRE(at != std::string::npos);
        const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
        return line.substr(line.find_last_of(' ') + 1);
    };
    CHECK(value_of("connections_opened") == "64");
    CHECK(value_of("sent") == "1000");
    CHECK(value_of("wrong") == "0");
    CHECK(value_of("seconds") == "0.500");
    CHECK(value_of("messages_per_second") == "2000.0");
    CHECK(value_of("mib_per_second") == "4.00");
    CHECK(std::abs(std::stod(value_of("latency_p50_us")) - 50) <= 0.5);
    CHECK(std::abs(std::stod(value_of("latency_p99_us")) - 50) <= 0.5);
    CHECK(std::abs(std::stod(value_of("latency_p999_us")) - 9'000) <= 90);
    CHECK(value_of("latency_max_us") == "9000.0");
}

TEST_CASE("the summary has the figures that were asked for, and no others") {
    Totals totals;
    totals.sent = 1'001;
    totals.first_send_ns = 1'000'000'000;
    totals.last_send_ns = 3'000'000'000;
    totals.last_reply_ns = 5'000'000'000;
    totals.connections_replaced = 40;
    totals.sent_late = 7;
    totals.not_sent = 8;
    totals.idle_opened = 9;
    const auto has = [&](const LoadPlan& plan, const std::string& line) {
        return ("\n" + summary({plan, totals})).find(line) != std::string::npos;
    };
    for (const char* name :
         {"\nrate", "\nsent_late", "\nnot_sent", "\nidle_", "\nconnections_per_second"}) {
        CAPTURE(name);
        CHECK_FALSE(has({}, name));
    }
    LoadPlan plan;
    plan.rate = 600;
    plan.idle = 10;
    plan.messages_per_connection = 2;
    CHECK(has(plan, "\nrate                   600\n"));
    CHECK(has(plan, "\nrate_achieved          500.0\n"));
    CHECK(has(plan, "\nsent_late              7\n"));
    CHECK(has(plan, "\nnot_sent               8\n"));
    CHECK(has(plan, "\nidle_opened            9\n"));
    CHECK(has(plan, "\nidle_broken            0\n"));
    CHECK(has(plan, "\nconnections_per_second 10.0\n"));
}

TEST_CASE(
    "a reader's summary leaves out what is zero, and its times have the unit that suits them") {
    LoadPlan plan;
    plan.rate = {1, 2};
    Totals totals;
    totals.connections_opened = 1;
    totals.sent = totals.received = 3;
    totals.first_send_ns = 1'000'000'000;
    totals.last_send_ns = totals.last_reply_ns = 5'000'000'000;
    totals.latency_ns.record(1'250'000);
    totals.service_ns.record(85'400);
    totals.connect_ns.record(2'500'000'000);
    const std::string text = '\n' + readable_summary({plan, totals});
    INFO(text);
    for (const char* line :
         {"\nconnections_opened     1\n", "\nrate                   0.500\n",
          "\nreceived               3\n", "\nseconds                4.00 s\n",
          "\nlatency_max            1.25 ms\n", "\nconnect_max            2.50 s\n"}) {
        CAPTURE(line);
        CHECK(text.find(line) != std::string::npos);
    }
    CHECK(text.find("\nservice_max            85") != std::string::npos);
    for (const char* absent : {"lost", "wrong", "connections_failed", "not_sent", "_us"}) {
        CAPTURE(absent);
        CHECK(text.find(absent) == std::string::npos);
    }
}

TEST_CASE("a rate that was missed is said") {
    LoadPlan plan;
    plan.rate = 1'000;
    Totals totals;
    totals.connections_opened = 1;
    totals.first_send_ns = 1'000'000'000;
    const auto says = [&] { return verdict_lines({plan, totals}, {}); };
    SECTION("what has never left of a duration") {
        plan.count = 0;
        plan.duration_ns = 1'000'000'000;
        totals.last_send_ns = 1'900'000'000;
        totals.sent = 400;
        totals.not_sent = 600;
        CHECK(says().find("client: the rate was missed: 400.0 messages a second left, of 1000 "
                          "asked for; 600 never left") == 0);
        CHECK(exit_code_of({plan, totals}, {}) == exit_code::all_right);
        CHECK(exit_code_of({plan, totals}, std::vector<Threshold>{*parse_threshold(
                                               "rate_achieved<950")}) == exit_code::threshold);
        totals.interrupted = true;
        CHECK(says().empty());
        totals.interrupted = false;
        totals.sent = 960;
        totals.not_sent = 40;
        CHECK(says().empty());
    }
    SECTION("a count that took longer than the schedule") {
        plan.count = totals.sent = 1'001;
        totals.last_send_ns = 3'500'000'000;
        CHECK(says().find("400.0 messages a second left, of 1000 asked for. ") !=
              std::string::npos);
        totals.last_send_ns = 2'040'000'000;
        CHECK(says().empty());
    }
    SECTION("a few messages that were a little late are no missed rate") {
        plan.count = totals.sent = 3;
        totals.last_send_ns = 1'090'000'000;
        CHECK(says().empty());
    }
}

TEST_CASE("the first of several exit codes that holds is taken") {
    LoadPlan plan;
    Totals totals;
    totals.connections_opened = 1;
    totals.received = 10;
    const std::vector<Threshold> thresholds{*parse_threshold("received < 11"),
                                            *parse_threshold("received==9")};
    CHECK(exit_code_of({plan, totals}, {}) == exit_code::all_right);
    CHECK(exit_code_of({plan, totals}, thresholds) == exit_code::threshold);
    CHECK(verdict_lines({plan, totals}, thresholds) ==
          "client: failed by --fail-if received < 11: received is 10\n");
    // Half of the latency is the client's own.
    totals.lag_ns.record(3'000'000);
    totals.latency_ns.record(6'000'000);
    CHECK(exit_code_of({plan, totals}, thresholds) == exit_code::threshold);  // there was no rate
    plan.rate = 1;
    CHECK(exit_code_of({plan, totals}, thresholds) == exit_code::lagged);
    CHECK(verdict_lines({plan, totals}, {}).find("invalid") != std::string::npos);
    Totals late_reader = totals;
    std::swap(late_reader.lag_ns, late_reader.read_lag_ns);
    CHECK(exit_code_of({plan, late_reader}, {}) == exit_code::lagged);
    Totals slow = totals;
    for (int i = 0; i < 1'000; ++i) {
        slow.latency_ns.record(100'000'000);  // the server is what is slow
    }
    CHECK(exit_code_of({plan, slow}, {}) == exit_code::all_right);
    totals.lost = 1;
    CHECK(exit_code_of({plan, totals}, thresholds) == exit_code::wrong_or_lost);
    totals.interrupted = true;
    CHECK(exit_code_of({plan, totals}, thresholds) == exit_code::interrupted);
}

TEST_CASE("latencies are drawn in steps of one, two and five") {
    CHECK(latency_drawing({}).empty());
    Histogram latency;
    for (int i = 0; i < 75; ++i) {
        latency.record(45'000);
    }
    for (int i = 0; i < 25; ++i) {
        latency.record(1'900'000);
    }
    CHECK(latency_drawing(latency) ==
          "latency, up to   messages   no slower\n"
          "         50 us    75.00 %    75.000 %  "
          "##################################################\n"
          "          2 ms    25.00 %   100.000 %  #################\n");
    CHECK(latency_drawing(latency, 40) ==
          "latency, up to   messages\n"
          "         50 us    75.00 %  #############\n"
          "          2 ms    25.00 %  #####\n");
    CHECK(latency_drawing(latency, 0).find("  #\n") != std::string::npos);
}

TEST_CASE("the totals of several threads add up") {
    Totals all;
    Totals one;
    one.sent = 3;
    one.first_send_ns = 50;
    one.last_send_ns = 60;
    one.last_reply_ns = 70;
    one.failures["reset"] = 2;
    one.latency_ns.record(1'000);
    all.add(one);
    Totals other;
    other.sent = 4;
    other.lost = 1;
    other.first_send_ns = 40;
    other.last_send_ns = 55;
    other.interrupted = true;
    other.failures["reset"] = 1;
    other.latency_ns.record(9'000);
    all.add(other);
    all.add({});
    CHECK(all.sent == 7);
    CHECK(all.lost == 1);
    CHECK(all.first_send_ns == 40);
    CHECK(all.last_send_ns == 60);
    CHECK(all.last_reply_ns == 70);
    CHECK(all.interrupted);
    CHECK(all.failures["reset"] == 3);
    CHECK(all.latency_ns.count() == 2);
    CHECK(all.latency_ns.max() == 9'000);
    CHECK(all.latency_ns.percentile(50) <= 1'010);
}

TEST_CASE("a finding says what and where, and shows the bytes one above the other") {
    Finding finding;
    finding.connection = 3;
    finding.expected = finding.came = {3, 17};
    finding.offset = 16;
    finding.differs_at = 17;
    finding.expected_bytes = {std::byte{0x41}, std::byte{0x42}, std::byte{0x43}};
    finding.expected_size = 3;
    finding.came_bytes = {std::byte{0x41}, std::byte{0x0a}};
    finding.came_size = 2;
    CHECK(finding_lines(finding) ==
          "wrong: connection 3 message 17 offset 17\n"
          "  expected 00000010  41 42 43                                         |ABC|\n"
          "  came     00000010  41 0a                                            |A.|\n"
          "                        ^^");
    finding.came_size = 0;
    CHECK(finding_lines(finding).find("  came     00000010  nothing\n") != std::string::npos);
    const auto first_line = [&](Finding::Kind kind, MessageId came, std::uint64_t count = 1) {
        finding.kind = kind;
        finding.came = came;
        finding.count = count;
        const std::string text = finding_lines(finding);
        return text.substr(0, text.find('\n'));
    };
    CHECK(first_line(Finding::Kind::lost, {3, 18}) ==
          "lost: connection 3 message 17: no reply before the one to message 18");
    CHECK(first_line(Finding::Kind::lost, {3, 0}, 3) ==
          "lost: connection 3 message 17 to 19: no reply within the timeout");
    CHECK(first_line(Finding::Kind::duplicate, {3, 9}) ==
          "duplicate: connection 3: the reply to message 9 again");
    CHECK(first_line(Finding::Kind::reordered, {3, 9}) ==
          "reordered: connection 3: the reply to message 9 after the one to a later message");
    CHECK(first_line(Finding::Kind::late, {3, 9}) ==
          "late: connection 3: the reply to message 9 after the timeout");
    CHECK(first_line(Finding::Kind::crossed, {5, 9}) ==
          "crossed: connection 3: the reply to connection 5 message 9");
    CHECK(first_line(Finding::Kind::unexpected, {3, 9}) ==
          "unexpected: connection 3: bytes that answer nothing");
}

TEST_CASE("reasons of failure are counted, a line each") {
    Totals totals;
    CHECK(failure_lines(totals).empty());
    totals.failures["refused"] = 2;
    totals.failures["reset"] = 1;
    CHECK(failure_lines(totals) == "client: 2 connections: refused\nclient: 1 connection: reset\n");
    totals.failures_without_reason = 4;
    CHECK(failure_lines(totals).ends_with("client: 4 more failed, with no memory to say why\n"));
}
