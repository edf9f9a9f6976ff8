// Framing: cutting a receive buffer into messages.
#include <benchmark/benchmark.h>

#include <string>

#include "net/framing.hpp"

namespace {

using namespace portico;

// Cuts all of 16 KiB into frames, whose payload is such that a frame has `size` bytes.
void cut(benchmark::State& state, const config::Framing& framing, const std::string& frame) {
    std::string read;
    while (read.size() + frame.size() <= 16'384) read += frame;
    const std::span<const std::byte> all = std::as_bytes(std::span(read));
    std::int64_t frames = 0;
    for (auto _ : state) {
        std::span<const std::byte> rest = all;
        while (!rest.empty()) {
            std::size_t scanned = 0;
            const net::Frame next = net::next_frame(framing, rest, scanned);
            if (next.kind != net::Frame::Kind::complete) {
                state.SkipWithError("no frame");
                return;
            }
            benchmark::DoNotOptimize(next.payload_size);
            rest = rest.subspan(next.size);
            ++frames;
        }
    }
    state.SetItemsProcessed(frames);
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(read.size()));
}

void delimiter(benchmark::State& state) {
    config::Framing framing;
    framing.type = config::Framing::Type::delimiter;
    cut(state, framing, std::string(static_cast<std::size_t>(state.range(0)) - 1, 'x') + '\n');
}

void two_byte_delimiter(benchmark::State& state) {
    config::Framing framing;
    framing.type = config::Framing::Type::delimiter;
    framing.delimiter = "\r\n";
    cut(state, framing, std::string(static_cast<std::size_t>(state.range(0)) - 2, 'x') + "\r\n");
}

void length_prefix(benchmark::State& state) {
    config::Framing framing;
    framing.type = config::Framing::Type::length_prefix;
    const auto payload = static_cast<std::size_t>(state.range(0)) - 4;
    std::string frame(4, '\0');
    frame[2] = static_cast<char>(payload >> 8);
    frame[3] = static_cast<char>(payload & 0xFF);
    cut(state, framing, frame + std::string(payload, 'x'));
}

// Reports the time for 16 KiB, and messages and bytes a second.
BENCHMARK(delimiter)->ArgName("bytes")->Arg(64)->Arg(4'096);
BENCHMARK(two_byte_delimiter)->ArgName("bytes")->Arg(64)->Arg(4'096);
BENCHMARK(length_prefix)->ArgName("bytes")->Arg(64)->Arg(4'096);

}  // namespace

BENCHMARK_MAIN();
