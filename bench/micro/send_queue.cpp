// The send queue: a message appended, gathered and consumed; and sixteen that leave together.
#include <benchmark/benchmark.h>

#include <vector>

#include "net/send_queue.hpp"

namespace {

using namespace portico;

void append_gather_consume(benchmark::State& state) {
    const std::vector<std::byte> message(static_cast<std::size_t>(state.range(0)), std::byte{'x'});
    const auto together = state.range(1);
    io::BufferPool chunks(16'384 + net::SendQueue::chunk_overhead, 64, io::BufferPool::Use::single);
    net::SendQueue queue;
    for (auto _ : state) {
        for (std::int64_t i = 0; i < together; ++i) {
            if (!queue.append(chunks, message)) {
                state.SkipWithError("no memory");
                break;
            }
        }
        while (!queue.empty()) {
            std::size_t gathered = 0;
            for (const io::ConstBuffer& part : queue.gather()) gathered += part.size;
            benchmark::DoNotOptimize(gathered);
            static_cast<void>(queue.consume(gathered));
        }
    }
    static_cast<void>(queue.clear());
    const std::int64_t messages = static_cast<std::int64_t>(state.iterations()) * together;
    state.SetItemsProcessed(messages);
    state.SetBytesProcessed(messages * state.range(0));
}

BENCHMARK(append_gather_consume)
    ->ArgNames({"bytes", "together"})
    ->Args({64, 1})
    ->Args({64, 16})
    ->Args({16'384, 1});

}  // namespace

BENCHMARK_MAIN();
