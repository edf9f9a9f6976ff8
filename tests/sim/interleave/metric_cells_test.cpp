// The cells of a metric, the production code itself, in every order: no addition is lost, a counter
// never goes back, and a gauge that is set while others add has each addition once.
#include "plugin/metric_cells.hpp"

#include <memory>
#include <optional>
#include <string>

#include "sim/interleave/atomic.hpp"
#include "sim/interleave/expect.hpp"

using namespace portico;
using namespace portico::interleave;

namespace {

using Change = Plant::Change;
using Cells = plugin::BasicMetricCells<Atomic>;

// A series with the row of one worker and the shared one.
struct Series {
    static constexpr std::uint32_t stride = 2;

    explicit Series(Machine& world) : machine(world) {
        machine.name("the worker's");
        words = std::make_unique<Cells::Word[]>(2 * stride);
        cells.emplace(words.get(), stride, 1);
    }

    void read_counter(int times) {
        double last = 0;
        for (; times > 0; --times) {
            const double now = cells->sum(0);
            machine.check(now >= last, "a counter goes back");
            last = now;
        }
    }

    Machine& machine;
    std::unique_ptr<Cells::Word[]> words;
    std::optional<Cells> cells;
};

// A worker and `others` threads add one each time; a reader reads.
Machine::World counter(int own, int others, int reads, bool is_shared = false) {
    return [=](Machine& machine) {
        auto series = std::make_shared<Series>(machine);
        machine.thread("worker", [=] {
            for (int i = 0; i < own; ++i) {
                series->cells->add(0, 0, 1);
            }
        });
        for (int i = 0; i < others; ++i) {
            machine.thread("other " + std::to_string(i),
                           [=] { series->cells->add(is_shared ? 0 : Cells::no_worker, 0, 1); });
        }
        if (reads != 0) {
            machine.thread("reader", [=] { series->read_counter(reads); });
        }
        machine.finally([=] {
            series->machine.check(series->cells->sum(0) == own + others, "an addition is lost");
        });
    };
}

// The same for a histogram's bucket, whose words are counts.
Machine::World bucket(int others) {
    return [=](Machine& machine) {
        auto series = std::make_shared<Series>(machine);
        machine.thread("worker", [=] { series->cells->count(0, 0); });
        for (int i = 0; i < others; ++i) {
            machine.thread("other " + std::to_string(i),
                           [=] { series->cells->count(Cells::no_worker, 0); });
        }
        machine.finally([=] {
            series->machine.check(
                series->cells->counted(0) == 1U + static_cast<std::uint64_t>(others),
                "a value is lost");
        });
    };
}

// A worker adds 1, another thread sets the gauge to 10, a third reads twice.
Machine::World gauge(int own, bool has_reader, int sets = 1) {
    return [=](Machine& machine) {
        auto series = std::make_shared<Series>(machine);
        machine.thread("worker", [=] {
            for (int i = 0; i < own; ++i) {
                series->cells->add(0, 0, 1);
            }
        });
        for (int i = 0; i < sets; ++i) {
            machine.thread("setter " + std::to_string(i), [=] { series->cells->set(10 + 10 * i); });
        }
        // Each addition counts after the set or is part of what it replaced.
        const auto is_after_a_set = [=](double value) {
            const bool is_first = value >= 10 && value <= 10 + own;
            return is_first || (sets == 2 && value >= 20 && value <= 20 + own);
        };
        if (has_reader) {
            machine.thread("reader", [=] {
                bool was_set = false;
                for (int i = 0; i < 2; ++i) {
                    const double value = series->cells->gauge();
                    const bool is_set = is_after_a_set(value);
                    series->machine.check(is_set || (value >= 0 && value <= own),
                                          "a gauge has a value that it never had");
                    series->machine.check(is_set || !was_set, "a set is undone");
                    was_set = is_set;
                }
            });
        }
        machine.finally([=] {
            series->machine.check(is_after_a_set(series->cells->gauge()),
                                  "a gauge ends with a value that it never had");
        });
    };
}

// A thread that adds to a gauge and then sets it, while a worker adds.
Machine::World own_addition_first() {
    return [=](Machine& machine) {
        auto series = std::make_shared<Series>(machine);
        machine.thread("setter", [=] {
            series->cells->add(Cells::no_worker, 0, 5);
            series->cells->set(10);
            series->cells->add(Cells::no_worker, 0, 3);
        });
        machine.thread("worker", [=] { series->cells->add(0, 0, 1); });
        machine.finally([=] {
            const double value = series->cells->gauge();
            series->machine.check(value == 13 || value == 14,
                                  "the setter's own additions are wrong");
        });
    };
}

}  // namespace

TEST_CASE("no addition is lost, and a counter never goes back: all orders", "[metric_cells]") {
    expect_all(counter(3, 0, 3), 125);
    expect_all(counter(2, 2, 2), 10'888);
    expect_all(bucket(2), 2);
}

TEST_CASE("a gauge that is set counts each addition once: all orders", "[metric_cells]") {
    expect_all(gauge(3, false), 10);
    expect_all(gauge(2, true), 299);
    expect_all(gauge(2, false, 2), 72);
    expect_all(own_addition_first(), 9);
}

TEST_CASE("cells under four threads, drawn", "[metric_cells]") {
    expect_sampled(counter(3, 2, 3), 10'000);
    expect_sampled(gauge(3, true, 2), 10'000);
}

TEST_CASE("defects of the cells are found", "[metric_cells][defects]") {
    expect_found(counter(1, 2, 0), {"add_shared", Change::unconditional}, "an addition is lost");
    expect_found(counter(1, 0, 0), {"add", Change::left_out}, "an addition is lost");
    // A row is one thread's.
    {
        const Explored explored = explore(counter(1, 1, 0, true));
        CHECK(explored.failure.find("an addition is lost") != std::string::npos);
    }
    expect_found(bucket(2), {"count_shared", Change::torn}, "a value is lost");
    expect_found(gauge(1, true), {"set", Change::relaxed}, "a gauge has a value that it never had");
    expect_found(gauge(1, true), {"gauge", Change::relaxed},
                 "a gauge has a value that it never had");
}
