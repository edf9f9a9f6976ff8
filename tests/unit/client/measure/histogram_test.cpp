// The histogram of latencies: its percentiles against exact ones.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "measure/histogram.hpp"
#include "support/catch.hpp"

using portico::client::Histogram;

namespace {

std::uint64_t exact_percentile(std::vector<std::uint64_t> sorted, double percent) {
    const auto place = static_cast<std::size_t>(
        std::ceil(percent / 100.0 * static_cast<double>(sorted.size())));
    return sorted[std::max<std::size_t>(place, 1) - 1];
}

void check_against_exact(std::vector<std::uint64_t> values) {
    Histogram histogram;
    for (const std::uint64_t value : values) {
        histogram.record(value);
    }
    std::sort(values.begin(), values.end());
    for (const double percent : {0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
        const auto exact = static_cast<double>(exact_percentile(values, percent));
        const auto found = static_cast<double>(histogram.percentile(percent));
        INFO("percentile " << percent << ": exact " << exact << ", found " << found);
        CHECK(std::abs(found - exact) <= exact * 0.01);
    }
    CHECK(histogram.count() == values.size());
    CHECK(histogram.max() == values.back());
}

}  // namespace

TEST_CASE("a histogram without values answers 0") {
    const Histogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.max() == 0);
    CHECK(histogram.percentile(50) == 0);
}

TEST_CASE("a histogram's percentiles are within 1 % of the exact ones") {
    std::mt19937_64 random(20260131);
    const auto draw = [&](auto distribution, double scale) {
        std::vector<std::uint64_t> values;
        for (int i = 0; i < 50'000; ++i) {
            values.push_back(
                static_cast<std::uint64_t>(std::max(0.0, distribution(random) * scale)));
        }
        return values;
    };
    SECTION("uniform") {
        check_against_exact(draw(std::uniform_real_distribution<>(0, 1), 1e7));
    }
    SECTION("exponential") {
        check_against_exact(draw(std::exponential_distribution<>(1), 1e5));
    }
    SECTION("log-normal, with a long tail") {
        check_against_exact(draw(std::lognormal_distribution<>(10, 3), 1));
    }
    SECTION("small numbers") {
        check_against_exact(draw(std::uniform_real_distribution<>(0, 300), 1));
    }
    SECTION("all the same") {
        check_against_exact(std::vector<std::uint64_t>(1'000, 123'456'789));
    }
}

TEST_CASE("every single value is given back within 1 %, up to the largest") {
    for (std::uint64_t value = 1; value < UINT64_MAX / 3; value = value * 2 + value / 7 + 1) {
        Histogram histogram;
        histogram.record(value);
        histogram.record(UINT64_MAX);
        const auto found = static_cast<double>(histogram.percentile(50));
        CHECK(std::abs(found - static_cast<double>(value)) <= static_cast<double>(value) * 0.01);
    }
    Histogram largest;
    largest.record(UINT64_MAX);
    CHECK(static_cast<double>(largest.percentile(50)) >= static_cast<double>(UINT64_MAX) * 0.99);
}

TEST_CASE("a value may be recorded several times at once") {
    Histogram at_once;
    Histogram one_by_one;
    at_once.record(7'000, 3);
    at_once.record(50);
    for (const std::uint64_t value : {50, 7'000, 7'000, 7'000}) {
        one_by_one.record(value);
    }
    CHECK(at_once.count() == 4);
    CHECK(at_once.max() == 7'000);
    CHECK(at_once.mean() == one_by_one.mean());
    CHECK(at_once.percentile(25) == one_by_one.percentile(25));
    CHECK(at_once.percentile(26) == one_by_one.percentile(26));
}
