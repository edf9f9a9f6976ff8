// Plugin dispatch: from a completed receive to the plugin's on_data, its send in the queue, and
// that queue handed to a port that takes all at once; with the receive armed again. This is all
// that a message costs a worker, except the port's own work.
#include <benchmark/benchmark.h>

#include "micro/dispatch_world.hpp"

namespace {

using namespace portico;

std::string message_of(std::size_t size) {
    std::string message(size - 1, 'x');
    return message + '\n';
}

// Dispatches messages of so many bytes, so many of them in each read.
void run(benchmark::State& state, const config::Framing& framing) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const auto count = static_cast<std::size_t>(state.range(1));
    std::string read;
    for (std::size_t i = 0; i < count; ++i) read += message_of(size);
    portico::bench::DispatchWorld world(framing);
    portico::bench::StillPort& port = world.port();
    port.on_worker([&] {
        const std::uint64_t sent_before = port.sent_bytes();
        for (auto _ : state) {
            io::ReceiveOperation& operation = port.complete_receive(std::as_bytes(std::span(read)));
            operation.completed(operation);
        }
        if (port.sent_bytes() - sent_before !=
            static_cast<std::uint64_t>(state.iterations()) * read.size()) {
            state.SkipWithError("not every message was answered");
        }
        return false;
    });
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(count));
}

void dispatch_unframed(benchmark::State& state) {
    run(state, {});
}

void dispatch_lines(benchmark::State& state) {
    config::Framing framing;
    framing.type = config::Framing::Type::delimiter;
    run(state, framing);
}

// Reports the time for each read, and messages a second.
BENCHMARK(dispatch_unframed)->ArgNames({"bytes", "messages"})->Args({64, 1})->Args({4096, 1});
BENCHMARK(dispatch_lines)->ArgNames({"bytes", "messages"})->Args({64, 1})->Args({64, 16});

}  // namespace

BENCHMARK_MAIN();
