// Strand delivery: the cost of a mail from the strand's own thread and from another one.
#include <benchmark/benchmark.h>

#include <atomic>
#include <vector>

#include "micro/still_port.hpp"
#include "net/worker.hpp"

namespace {

using namespace portico;

struct CountedMail : net::Mail {
    CountedMail() {
        deliver = [](net::Mail& mail) {
            static_cast<CountedMail&>(mail).counted->fetch_add(1, std::memory_order_release);
        };
    }
    std::atomic<std::int64_t>* counted = nullptr;
};

std::vector<CountedMail> make_mails(std::size_t count, std::atomic<std::int64_t>& counted) {
    std::vector<CountedMail> mails(count);
    for (CountedMail& mail : mails) mail.counted = &counted;
    return mails;
}

// A strand's own thread sends so many mails to it while it is idle, and the strand delivers them in
// one turn.
void mail_from_own_thread(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    io::BufferPool buffers(512, 16);
    auto made = std::make_unique<portico::bench::StillPort>(buffers);
    portico::bench::StillPort& port = *made;
    net::WorkerGroup group(std::move(made), buffers, {});
    net::Strand strand;
    strand.set_home(group);
    std::atomic<std::int64_t> delivered{0};
    std::vector<CountedMail> mails = make_mails(count, delivered);
    if (!group.start()) {
        state.SkipWithError("no thread");
        return;
    }
    group.begin();
    std::int64_t sent = 0;
    port.on_worker([&] {
        if (delivered.load(std::memory_order_relaxed) != sent)
            state.SkipWithError("mail is missing");
        if (!state.KeepRunning()) return false;
        for (CountedMail& mail : mails) strand.deliver(mail);
        sent += static_cast<std::int64_t>(count);
        return true;
    });
    group.stop();
    state.SetItemsProcessed(delivered.load());
}

// This thread sends so many mails to an idle strand, until the last one is delivered; that includes
// waking the strand's thread on the system's own port.
void mail_from_another_thread(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    io::BufferPool buffers(512, 16);
    base::Result<std::unique_ptr<io::CompletionPort>> port = io::make_port(io::standard_backend,
                                                                           buffers, {});
    if (!port) {
        state.SkipWithError(port.error().c_str());
        return;
    }
    net::WorkerGroup group(std::move(*port), buffers, {});
    net::Strand strand;
    strand.set_home(group);
    std::atomic<std::int64_t> delivered{0};
    std::vector<CountedMail> mails = make_mails(count, delivered);
    if (!group.start()) {
        state.SkipWithError("no thread");
        return;
    }
    group.begin();
    std::int64_t sent = 0;
    for (auto _ : state) {
        for (CountedMail& mail : mails) strand.deliver(mail);
        sent += static_cast<std::int64_t>(count);
        while (delivered.load(std::memory_order_acquire) != sent) {
        }
    }
    group.stop();
    state.SetItemsProcessed(sent);
}

BENCHMARK(mail_from_own_thread)->ArgName("mails")->Arg(1)->Arg(64);
BENCHMARK(mail_from_another_thread)->ArgName("mails")->Arg(1)->Arg(64)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
