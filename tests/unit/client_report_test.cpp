#include <cmath>
#include <string>

#include "report.hpp"
#include "support/catch.hpp"

using namespace portico::client;

TEST_CASE("the exit code tells what became of the run") {
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
    CHECK(with(&Totals::unexpected) == 3);
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
    const std::string text = "\n" + summary(totals);
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

TEST_CASE("a difference says where it is and what was there") {
    Difference difference;
    difference.message = {3, 17};
    difference.offset = 5;
    difference.expected = {std::byte{0x41}, std::byte{0x42}};
    difference.expected_size = 2;
    difference.got = {std::byte{0x0a}};
    difference.got_size = 1;
    CHECK(difference_line(difference) == "connection 3 message 17 offset 5: expected 41 42, got 0a");
    difference.got_size = 0;
    CHECK(difference_line(difference) == "connection 3 message 17 offset 5: expected 41 42, got the end");
}

TEST_CASE("reasons of failure are counted, a line each") {
    Totals totals;
    CHECK(failure_lines(totals).empty());
    totals.failures["refused"] = 2;
    totals.failures["reset"] = 1;
    CHECK(failure_lines(totals) == "client: 2 connections: refused\nclient: 1 connection: reset\n");
}
