// Timers through the plugin ABI, from a callback: the time of a start, a restart and a cancel while
// a million timers are pending, and the memory that each of these takes.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <memory>
#include <vector>

#include "micro/dispatch_world.hpp"
#include "plugin/timer_functions.hpp"

namespace {

using namespace portico;

constexpr std::uint32_t pending = 1'000'000;

const portico_host* host = nullptr;
portico_instance* instance = nullptr;

portico_status PORTICO_CALL create(const portico_setup* setup, void**) {
    host = setup->host;
    instance = setup->instance;
    return PORTICO_OK;
}

portico_status PORTICO_CALL on_data(void*, portico_connection, void*, const std::uint8_t*,
                                    std::uint64_t size, const portico_frame*,
                                    std::uint64_t* consumed) {
    *consumed = size;
    return PORTICO_OK;
}

void PORTICO_CALL on_timer(void*, portico_connection, void*, void*, const portico_timer_event*) {}

// An instance without connections on a still port.
class TimerWorld {
public:
    TimerWorld() {
        callbacks_.struct_size = sizeof callbacks_;
        callbacks_.on_data = on_data;
        plugin_.struct_size = sizeof plugin_;
        plugin_.abi_major = PORTICO_ABI_MAJOR;
        plugin_.abi_minor = PORTICO_ABI_MINOR;
        plugin_.name = "timed";
        plugin_.name_size = 5;
        plugin_.create = create;
        plugin_.destroy = [](void*) {};
        plugin_.callbacks = &callbacks_;
        auto still = std::make_unique<bench::StillPort>(buffers_);
        port_ = still.get();
        group_ = std::make_unique<net::WorkerGroup>(std::move(still), chunks_,
                                                    net::WorkerOptions{});
        instance_ = std::make_unique<plugin::Instance>(plugin::Loaded{nullptr, &plugin_, "timed"},
                                                       listener_, log_);
        context_.listener_name = listener_.name;
        context_.protocol = instance_.get();
        context_.log = &log_;
        PORTICO_ASSERT(instance_->create(table_, context_, *group_, 1).empty());
        PORTICO_ASSERT(static_cast<bool>(group_->start()));
        group_->begin();
    }
    ~TimerWorld() {
        instance_->finish();
        group_->stop();
    }
    TimerWorld(const TimerWorld&) = delete;
    TimerWorld& operator=(const TimerWorld&) = delete;

    // Runs `action` on the worker's thread, as in a callback of the instance.
    template <class Action>
    void in_callback(Action&& action) {
        port_->on_worker([&] {
            net::CurrentCall& call = net::Worker::current()->current_call();
            call.begin("measured", *instance_, nullptr, 0);
            action();
            call.end();
            return false;
        });
    }
    [[nodiscard]] const portico_timers& timers() const {
        return *static_cast<const portico_timers*>(
            host->get_extension(instance, PORTICO_EXT_TIMER, sizeof PORTICO_EXT_TIMER - 1));
    }
    [[nodiscard]] std::vector<portico_timer> start_all() {
        std::vector<portico_timer> all(pending);
        in_callback([&] {
            for (std::uint32_t i = 0; i < pending; ++i) {
                const portico_status status = timers().start(instance, 0, 60'000 + i % 60'000, 0,
                                                             on_timer, nullptr, &all[i]);
                PORTICO_ASSERT(status == PORTICO_OK);
            }
        });
        return all;
    }

private:
    const config::Listener listener_ = bench::listener_with({});
    bench::SilentLog log_;
    portico_callbacks callbacks_{};
    portico_plugin plugin_{};
    io::BufferPool buffers_{16'384, 4, io::BufferPool::Use::single};
    io::BufferPool chunks_{16'384 + net::SendQueue::chunk_overhead, 4, io::BufferPool::Use::single};
    net::ConnectionTable table_{1};
    net::ConnectionContext context_{};
    std::unique_ptr<plugin::Instance> instance_;
    bench::StillPort* port_ = nullptr;  // group_'s
    std::unique_ptr<net::WorkerGroup> group_;
};

std::size_t allocated_bytes() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

// What a million pending timers take, the allocator's own share included.
void memory(benchmark::State& state) {
    for (auto _ : state) {
        TimerWorld world;
        const std::size_t before = allocated_bytes();
        const std::vector<portico_timer> all = world.start_all();
        const std::size_t taken = allocated_bytes() - before - all.size() * sizeof all[0];
        state.counters["bytes_each"] = static_cast<double>(taken) / pending;
    }
}

void start(benchmark::State& state) {
    TimerWorld world;
    const std::vector<portico_timer> others = world.start_all();
    const portico_timers& timers = world.timers();
    world.in_callback([&] {
        std::uint32_t i = 0;
        for (auto _ : state) {
            benchmark::DoNotOptimize(
                timers.start(instance, 0, 60'000 + i++ % 60'000, 0, on_timer, nullptr, nullptr));
        }
    });
}

void cancel(benchmark::State& state) {
    TimerWorld world;
    const std::vector<portico_timer> all = world.start_all();
    const portico_timers& timers = world.timers();
    world.in_callback([&] {
        std::size_t i = 0;
        for (auto _ : state) {
            benchmark::DoNotOptimize(timers.cancel(instance, all[i++ * 7'919 % all.size()]));
        }
    });
}

// The timer of each message: the same one again and again, among a million others.
void restart(benchmark::State& state) {
    TimerWorld world;
    const std::vector<portico_timer> all = world.start_all();
    const portico_timers& timers = world.timers();
    world.in_callback([&] {
        for (auto _ : state) {
            benchmark::DoNotOptimize(timers.restart(instance, all[pending / 2], 60'000, 0));
        }
    });
}

BENCHMARK(memory)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(start)->Iterations(pending);
BENCHMARK(cancel)->Iterations(pending / 2);
BENCHMARK(restart)->Iterations(pending);

}  // namespace

BENCHMARK_MAIN();
