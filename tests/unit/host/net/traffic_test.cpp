// The rows in which workers count, their sum, and the choice of the callbacks that are timed.
#include "net/traffic.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "net/call_sampler.hpp"
#include "net/worker.hpp"
#include "support/catch.hpp"

using namespace portico;

namespace {

// Groups with so many threads, which never begin.
class Groups {
public:
    explicit Groups(const std::vector<std::uint32_t>& threads)
        : buffers_(1'024, 4), send_chunks_(1'024, 4) {
        std::uint32_t first = 0;
        for (const std::uint32_t count : threads) {
            io::PortOptions options;
            options.shared = count > 1;
            auto port = io::make_port(io::standard_backend, buffers_, options);
            REQUIRE(port);
            net::WorkerOptions worker_options;
            worker_options.threads = count;
            worker_options.first_index = first;
            groups_.push_back(
                std::make_unique<net::WorkerGroup>(std::move(*port), send_chunks_, worker_options));
            all.push_back(groups_.back().get());
            first += count;
        }
    }

    std::vector<net::WorkerGroup*> all;

private:
    io::BufferPool buffers_;
    io::BufferPool send_chunks_;
    std::vector<std::unique_ptr<net::WorkerGroup>> groups_;
};

}  // namespace

TEST_CASE("each worker has a row of its own, and a reader adds them up", "[traffic]") {
    Groups groups({1, 1, 3});
    net::Traffic traffic(groups.all);
    std::vector<net::TrafficRow*> rows;
    for (net::WorkerGroup* group : groups.all) {
        CHECK(&traffic.row_of(*group) == &traffic.row_of(*group->workers().front()));
        for (const auto& worker : group->workers()) {
            rows.push_back(&traffic.row_of(*worker));
        }
    }
    rows.push_back(&traffic.opener_row());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            CHECK(rows[i] != rows[j]);
        }
        rows[i]->received_bytes.add(1);
        rows[i]->sent_bytes.add(10);
        rows[i]->messages.add(100);
        rows[i]->queued_bytes.add(1'000);
        rows[i]->unsent_bytes.add(10'000);
        rows[i]->count_close(net::CloseReason::peer);
        rows[i]->count_refusal(net::Refusal::limit);
    }
    const net::TrafficTotals totals = traffic.read();
    CHECK(totals.received_bytes == 6);
    CHECK(totals.sent_bytes == 60);
    CHECK(totals.messages == 600);
    CHECK(totals.queued_bytes == 6'000);
    CHECK(totals.unsent_bytes == 60'000);
    CHECK(totals.closed[static_cast<std::size_t>(net::CloseReason::peer)] == 6);
    CHECK(totals.closed_in_all() == 6);
    CHECK(totals.refused[static_cast<std::size_t>(net::Refusal::limit)] == 6);
}

TEST_CASE("what one worker has queued another one may send", "[traffic]") {
    Groups groups({2});
    net::Traffic traffic(groups.all);
    net::TrafficRow& one = traffic.row_of(*groups.all[0]->workers()[0]);
    net::TrafficRow& other = traffic.row_of(*groups.all[0]->workers()[1]);
    one.queued_bytes.add(500);
    other.queued_bytes.add(std::uint64_t{0} - 200);
    CHECK(traffic.read().queued_bytes == 300);
    // A reader that has seen only the second half reports nothing rather than an enormous number.
    other.queued_bytes.add(std::uint64_t{0} - 400);
    CHECK(traffic.read().queued_bytes == 0);
}

TEST_CASE("no count is lost or goes back while others read", "[traffic]") {
    constexpr std::uint64_t counts = 100'000;
    Groups groups({1, 1});
    net::Traffic traffic(groups.all);
    std::vector<std::thread> writers;
    for (net::WorkerGroup* group : groups.all) {
        writers.emplace_back([&traffic, group] {
            net::TrafficRow& row = traffic.row_of(*group);
            for (std::uint64_t i = 0; i < counts; ++i) {
                row.messages.add(1);
            }
        });
    }
    std::uint64_t last = 0;
    bool went_back = false;
    while (last != 2 * counts) {
        const std::uint64_t now = traffic.read().messages;
        went_back = went_back || now < last;
        last = now;
    }
    for (std::thread& writer : writers) {
        writer.join();
    }
    CHECK_FALSE(went_back);
}

TEST_CASE("a sampler picks one callback in 128 on average, at distances of its own", "[traffic]") {
    net::CallSampler sampler(1);
    net::CallSampler other(2);
    constexpr int calls = 128 * 1'000;
    int picked = 0;
    int together = 0;
    bool times_wrongly = false;
    std::uint32_t since = 0;
    std::uint32_t longest = 0;
    const auto& protocol = reinterpret_cast<const net::Protocol&>(sampler);  // only its address
    for (int i = 0; i < calls; ++i) {
        const bool is_other = other.picks();
        if (is_other) {
            other.begin("x", protocol, 0);
            static_cast<void>(other.end(0));
        }
        ++since;
        times_wrongly = times_wrongly || sampler.is_timing();
        if (!sampler.picks()) {
            continue;
        }
        sampler.begin("on_data", protocol, 100);
        REQUIRE(sampler.is_timing());
        const net::CallSampler::Sample sample = sampler.end(350);
        CHECK(sample.took_ns == 250);
        CHECK(std::string_view(sample.name) == "on_data");
        CHECK(sample.protocol == &protocol);
        longest = std::max(longest, since);
        since = 0;
        ++picked;
        together += is_other ? 1 : 0;
    }
    CHECK_FALSE(times_wrongly);
    CHECK(picked > 900);
    CHECK(picked < 1'100);
    CHECK(longest <= 255);
    CHECK(together < picked / 4);
}
