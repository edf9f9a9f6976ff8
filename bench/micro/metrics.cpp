// Metrics: the cost of one addition through the plugin's table, inside a callback on a worker's
// thread, where each worker counts for itself, and on a plugin's own thread.
#include <benchmark/benchmark.h>

#include "micro/metrics_world.hpp"

namespace {

using namespace portico;
using portico::bench::MetricsWorld;

void counter_in_a_callback(benchmark::State& state) {
    MetricsWorld world;
    world.in_callback([&] {
        for (auto _ : state) world.metrics->add(world.instance, world.counter, 1);
    });
    if (world.counted() != static_cast<double>(state.iterations()))
        state.SkipWithError("additions are missing");
}

void histogram_in_a_callback(benchmark::State& state) {
    MetricsWorld world;
    double value = 0;
    world.in_callback([&] {
        for (auto _ : state) {
            world.metrics->record(world.instance, world.histogram, value);
            value = value < 5'000 ? value + 100 : 0;
        }
    });
}

void gauge_set_in_a_callback(benchmark::State& state) {
    MetricsWorld world;
    world.in_callback([&] {
        for (auto _ : state) world.metrics->set(world.instance, world.gauge, 2.5);
    });
}

void counter_on_another_thread(benchmark::State& state) {
    MetricsWorld world;
    for (auto _ : state) world.metrics->add(world.instance, world.counter, 1);
    if (world.counted() != static_cast<double>(state.iterations()))
        state.SkipWithError("additions are missing");
}

// What the table costs without metrics: a function that only finds the instance.
void worker_index_in_a_callback(benchmark::State& state) {
    MetricsWorld world;
    world.in_callback([&] {
        for (auto _ : state) benchmark::DoNotOptimize(world.host->worker_index(world.instance));
    });
}

BENCHMARK(worker_index_in_a_callback);
BENCHMARK(counter_in_a_callback);
BENCHMARK(histogram_in_a_callback);
BENCHMARK(gauge_set_in_a_callback);
BENCHMARK(counter_on_another_thread);

}  // namespace

BENCHMARK_MAIN();
