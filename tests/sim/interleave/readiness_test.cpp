// epoll's readiness word, the production code itself, in every order: no edge is lost, an operation
// completes once and is in the hands of one thread at a time, and a cancel ends it. The steps
// around the word are those of EpollPort (receive, try_or_park, take_edge, cancel). The socket and
// its edges behave as the kernel's do: an edge that nobody has taken yet announces later arrivals
// as well.
#include "io/epoll/readiness.hpp"

#include <memory>
#include <optional>
#include <string>

#include "sim/interleave/atomic.hpp"
#include "sim/interleave/expect.hpp"

using namespace portico;
using namespace portico::interleave;

namespace {

using Change = Plant::Change;

struct alignas(8) Receive {
    enum class Result { nothing, data, end, aborted };
    Plain<Result> result{Result::nothing};
};

using Readiness = io::epoll::BasicReadiness<Atomic, Receive>;

struct Edge {};

struct Script {
    int arrivals = 1;
    bool ends = false;            // the peer's end comes with the last arrival, in one edge
    bool reads_are_full = false;  // each takes one arrival and may leave some
    int receives = 1;
    int cancelled = 0;  // the receive that is cancelled; 0: none
    unsigned pollers = 1;
};

class Socket {
public:
    Socket(Machine& machine, const Script& script) : machine_(machine), script_(script) {
        machine.name("word");
        word_.emplace(std::uintptr_t{0});
        machine.name("arrived");
        arrived_.emplace(0);
        machine.name("edge pending");
        edge_pending_.emplace(0U);
        machine.name("edges");
        edges_.emplace();
        machine.label(&edge_, "edge");
        machine.name("completed");
        completed_.emplace();
        machine.name("receive");
        receive_.emplace();
        machine.label(&*receive_, "receive");
        machine.name("what the owner has got");
        got_.emplace(0);
        is_waiting_.emplace(false);
    }

    void arrive() {
        for (int i = 0; i < script_.arrivals; ++i) {
            const bool is_end = script_.ends && i + 1 == script_.arrivals;
            arrived_->fetch_add(is_end ? 1 + end_bit : 1, std::memory_order_acq_rel);
            if (edge_pending_->exchange(1U, std::memory_order_acq_rel) == 0) {
                edges_->put(edge_);
            }
        }
    }

    void poll() {
        while (edges_->take() != nullptr) {
            edge_pending_->exchange(0U, std::memory_order_acq_rel);
            const bool is_end = (arrived_->fetch_add(0, std::memory_order_acq_rel) & end_bit) != 0;
            Receive* receive = readiness().take_edge(is_end ? Readiness::ready | Readiness::ended
                                                            : Readiness::ready);
            if (receive == nullptr) {
                continue;
            }
            readiness().use_up(Readiness::ready);
            if (try_or_park(*receive)) {
                completed_->put(*receive);
            }
        }
    }

    void own() {
        for (int i = 0; i < script_.receives; ++i) {
            submit();
            const bool cancels = script_.cancelled == i + 1;
            if (cancels && readiness().cancel(*receive_) == Readiness::Cancelled::taken) {
                receive_->result.write(Receive::Result::aborted);
                completed_->put(*receive_);
            }
            Receive* back = completed_->take();
            if (back == nullptr) {
                machine_.check(!cancels, "a cancelled receive does not complete");
                is_waiting_->write(true);
                return;
            }
            const Receive::Result result = back->result.read();
            machine_.check(result != Receive::Result::nothing, "completed without a result");
            machine_.check(result != Receive::Result::aborted || cancels,
                           "a receive is aborted that nobody cancelled");
            got_->write(got_->read() + 1);
        }
    }

    void check_end() {
        const int arrived = arrived_->load();
        machine_.check(!is_waiting_->read() || arrived == 0,
                       "a receive waits although there is something to receive");
        machine_.check(is_waiting_->read() || !readiness().is_waited_for(),
                       "a completed receive is still waiting");
    }

private:
    static constexpr int end_bit = 256;

    [[nodiscard]] Readiness readiness() { return Readiness(*word_); }

    void submit() {
        receive_->result.write(Receive::Result::nothing);
        if (readiness().park_untried(*receive_)) {
            return;
        }
        readiness().use_up(Readiness::ready | Readiness::cancelled);
        if (try_or_park(*receive_)) {
            completed_->put(*receive_);
        }
    }

    // recv: true if it has a result.
    bool attempt(Receive& receive) {
        const int arrived = arrived_->fetch_add(0, std::memory_order_acq_rel);
        const int data = arrived & (end_bit - 1);
        if (data != 0) {
            arrived_->fetch_sub(script_.reads_are_full ? 1 : data, std::memory_order_acq_rel);
            if (script_.reads_are_full) {
                readiness().note(Readiness::ready);
            }
            receive.result.write(Receive::Result::data);
            return true;
        }
        if (arrived == 0) {
            return false;
        }
        receive.result.write(Receive::Result::end);
        readiness().note(Readiness::ended);
        return true;
    }

    bool try_or_park(Receive& receive) {
        while (!attempt(receive)) {
            switch (readiness().park(receive)) {
                case Readiness::Parked::parked: return false;
                case Readiness::Parked::cancelled:
                    receive.result.write(Receive::Result::aborted);
                    return true;
                case Readiness::Parked::edge: break;
            }
        }
        return true;
    }

    Machine& machine_;
    const Script script_;
    std::optional<Readiness::Word> word_;
    std::optional<Atomic<int>> arrived_;  // end_bit: the peer has ended, too
    std::optional<Atomic<unsigned>> edge_pending_;
    std::optional<Handover<Edge>> edges_;
    std::optional<Handover<Receive>> completed_;
    std::optional<Receive> receive_;
    std::optional<Plain<int>> got_;
    std::optional<Plain<bool>> is_waiting_;
    Edge edge_;
};

Machine::World socket(const Script& script) {
    return [=](Machine& machine) {
        auto socket = std::make_shared<Socket>(machine, script);
        machine.thread("peer", [socket] { socket->arrive(); });
        machine.thread("owner", [socket] { socket->own(); });
        for (unsigned i = 0; i < script.pollers; ++i) {
            machine.thread("poller " + std::to_string(i), [socket] { socket->poll(); });
        }
        machine.finally([socket] { socket->check_end(); });
    };
}

const Script one{};
const Script two{.arrivals = 2, .receives = 2};
const Script three{.arrivals = 3, .receives = 2};
const Script full{.arrivals = 2, .reads_are_full = true, .receives = 2};
const Script end{.ends = true, .receives = 2};
const Script cancelled{.cancelled = 1};
const Script first_cancelled{.arrivals = 2, .receives = 2, .cancelled = 1};
const Script second_cancelled{.arrivals = 2, .receives = 2, .cancelled = 2};
const Script nothing_comes{.arrivals = 0, .cancelled = 1};

Script with_two_pollers(Script script) {
    script.pollers = 2;
    return script;
}

}  // namespace

TEST_CASE("no edge is lost, whichever thread takes it: all orders", "[readiness]") {
    expect_all(socket(one), 9);
    expect_all(socket(two), 124, bounded(1, 0));
    expect_all(socket(three), 5'769, bounded(1, 0));
    expect_all(socket(full), 1'275, bounded(1, 0));
    expect_all(socket(end), 9);
    expect_all(socket(with_two_pollers(two)), 1'358, bounded(0, 0));
}

TEST_CASE("a cancelled receive completes, once: all orders", "[readiness]") {
    expect_all(socket(nothing_comes), 2);
    expect_all(socket(cancelled), 243);
    expect_all(socket(first_cancelled), 8'681, bounded(1, 0));
    expect_all(socket(second_cancelled), 2'309, bounded(1, 0));
    expect_all(socket(with_two_pollers(second_cancelled)), 16'266, bounded(0, 0));
}

TEST_CASE("a socket under four threads, drawn", "[readiness]") {
    expect_sampled(
        socket({.arrivals = 3, .ends = true, .receives = 4, .cancelled = 2, .pollers = 2}), 10'000);
    expect_sampled(socket({.arrivals = 4, .reads_are_full = true, .receives = 4, .pollers = 2}),
                   10'000);
}

TEST_CASE("defects of the readiness word are found", "[readiness][defects]") {
    expect_found(socket(one), {"park_untried", Change::no_release}, "race: ");
    expect_found(socket(one), {"park_untried", Change::unconditional}, "a receive waits");
    expect_found(socket(one), {"park_untried", Change::torn}, "a receive waits");
    expect_found(socket(three), {"park", Change::unconditional}, "a receive waits");
    expect_found(socket(three), {"park", Change::torn}, "a receive waits");
    expect_found(socket(one), {"take_edge", Change::no_acquire}, "race: ");
    expect_found(socket(one), {"take_edge", Change::torn}, "a receive waits");
    expect_found(socket(one), {"take_edge", Change::left_out}, "still waiting");
    expect_found(socket(end),
                 {"take_edge", Change::rewritten, [](std::uint64_t word) { return word & ~2UL; }},
                 "a receive waits");
    expect_found(socket(cancelled), {"cancel", Change::unconditional}, "race: ");
    expect_found(socket(cancelled), {"cancel", Change::torn}, "race: ");
    expect_found(socket(cancelled), {"cancel", Change::left_out}, "race: ");
    expect_found(socket(full), {"note", Change::left_out}, "a receive waits");
    expect_found(socket(first_cancelled), {"use_up", Change::left_out},
                 "a receive is aborted that nobody cancelled");
}
