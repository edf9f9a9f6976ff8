// IOCP's claim word, the production code itself, in every order: a receive that needs several calls
// is in the hands of one thread at a time and completes once, while packets arrive, its owner
// cancels it and the sweep takes its buffer back. The steps around the word are those of IocpPort
// (advance, dequeued, cancel, sweep); the system completes calls as Windows does, under a lock of
// its own.
#include "io/iocp/claim_word.hpp"

#include <memory>
#include <optional>
#include <string>

#include "sim/interleave/atomic.hpp"
#include "sim/interleave/expect.hpp"

using namespace portico;
using namespace portico::interleave;

namespace {

using Change = Plant::Change;

enum class Result { nothing, success, aborted };

struct alignas(8) Receive {
    Plain<Result> in_system{Result::nothing};  // of its OVERLAPPED
    Plain<Result> result{Result::nothing};
    Plain<bool> has_buffer{false};
    Plain<bool> is_complete{false};
    Atomic<bool> cancel_requested{false};
};

using ClaimWord = io::iocp::BasicClaimWord<Atomic, Receive>;

struct Script {
    bool begins_with_buffer = false;
    bool arrives = true;
    bool cancels = false;
    bool sweeps = false;
    unsigned waiters = 1;
};

class Port {
public:
    Port(Machine& machine, const Script& script) : machine_(machine), script_(script) {
        machine.name("word");
        word_.emplace(std::uintptr_t{0});
        machine.name("system");
        system_.emplace(0U);
        machine.name("buffer posted");
        buffer_posted_.emplace(0U);
        machine.name("packets");
        packets_.emplace();
        machine.name("completed");
        completed_.emplace();
        machine.name("receive");
        receive_.emplace();
        machine.label(&*receive_, "receive");
    }

    // The system: bytes come.
    void arrive() {
        unsigned word = system_->fetch_or(0U, std::memory_order_acq_rel);
        unsigned changed = 0;
        do {
            // A call with a buffer takes the bytes.
            changed = (word & pending_with_buffer) != 0 ? 0U : data;
        } while (!system_->compare_exchange_strong(word, changed, std::memory_order_acq_rel,
                                                   std::memory_order_acquire));
        if ((word & pending) != 0) {
            complete_in_system(Result::success);
        }
    }

    void own() {
        receive_->has_buffer.write(script_.begins_with_buffer);
        if (advance(*receive_, Next::call, false)) {
            complete(*receive_);
        }
        if (script_.cancels) {
            receive_->cancel_requested.store(true, std::memory_order_seq_cst);
            cancel_in_system();
        }
        Receive* back = completed_->take();
        if (back == nullptr) {
            machine_.check(!script_.cancels, "a cancelled receive does not complete");
            machine_.check(!script_.arrives, "a receive waits although bytes have come");
            return;
        }
        machine_.check(back->result.read() == Result::success || script_.cancels,
                       "a receive is aborted that nobody cancelled");
        machine_.check(word().is_free(), "a completed receive is still claimed");
    }

    void wait() {
        while (Receive* receive = packets_->take()) {
            receive->result.write(receive->in_system.read());
            if (word().claim(*receive)) {
                carry_on(*receive);
            }
        }
    }

    void sweep() {
        const auto is_due = [this] { return buffer_posted_->load(std::memory_order_relaxed) != 0; };
        ClaimWord claim_word = word();
        Receive* receive = claim_word.in_system();
        if (receive == nullptr || !is_due() || !claim_word.hold(*receive)) {
            return;
        }
        if (is_due()) {
            machine_.check(receive->has_buffer.read(),
                           "the sweep cancels a receive that has no buffer");
            cancel_in_system();
        }
        if (!claim_word.release(*receive)) {
            carry_on(*receive);
        }
    }

private:
    enum class Next { nothing, call, buffer_call };

    static constexpr unsigned pending = 1;
    static constexpr unsigned pending_with_buffer = 2;
    static constexpr unsigned data = 4;

    [[nodiscard]] ClaimWord word() { return ClaimWord(*word_); }

    void complete_in_system(Result result) {
        receive_->in_system.write(result);
        packets_->put(*receive_);
    }

    void complete(Receive& receive) {
        machine_.check(!receive.is_complete.read(), "a receive completes twice");
        receive.is_complete.write(true);
        completed_->put(receive);
    }

    // WSARecv: true if it has succeeded at once, so that no packet comes.
    bool call(Receive& receive) {
        const bool has_buffer = receive.has_buffer.read();
        unsigned word = system_->fetch_or(0U, std::memory_order_acq_rel);
        unsigned changed = 0;
        do {
            machine_.check((word & pending) == 0, "two calls at once");
            changed = (word & data) != 0 ? (has_buffer ? 0U : data)
                                         : pending | (has_buffer ? pending_with_buffer : 0U);
        } while (!system_->compare_exchange_strong(word, changed, std::memory_order_acq_rel,
                                                   std::memory_order_acquire));
        return (word & data) != 0;
    }

    // CancelIoEx
    void cancel_in_system() {
        unsigned word = system_->fetch_or(0U, std::memory_order_acq_rel);
        do {
            if ((word & pending) == 0) {
                return;
            }
        } while (!system_->compare_exchange_strong(word, word & data, std::memory_order_acq_rel,
                                                   std::memory_order_acquire));
        complete_in_system(Result::aborted);
    }

    void carry_on(Receive& receive) {
        if (advance(receive, apply_result(receive), true)) {
            complete(receive);
        }
    }

    bool advance(Receive& receive, Next next, bool is_held) {
        while (next != Next::nothing) {
            if (next == Next::buffer_call) {
                receive.has_buffer.write(true);
            }
            buffer_posted_->store(receive.has_buffer.read() ? 1U : 0U, std::memory_order_relaxed);
            word().announce(receive, is_held);
            const bool is_finished = call(receive);
            if (is_finished && is_held) {
                receive.result.write(Result::success);
                word().take_back();
            } else if (is_finished) {
                receive.result.write(Result::success);
                if (!word().claim(receive)) {
                    return false;
                }
            } else if (!is_held) {
                return false;
            } else {
                if (receive.cancel_requested.load(std::memory_order_seq_cst)) {
                    cancel_in_system();
                }
                if (word().release(receive)) {
                    return false;
                }
            }
            next = apply_result(receive);
        }
        return true;
    }

    Next apply_result(Receive& receive) {
        const bool had_buffer = receive.has_buffer.read();
        const bool is_cancelled = receive.cancel_requested.load(std::memory_order_seq_cst);
        if (receive.result.read() == Result::success) {
            if (had_buffer) {
                return Next::nothing;
            }
            if (!is_cancelled) {
                return Next::buffer_call;
            }
        }
        receive.has_buffer.write(false);
        if (!is_cancelled) {
            return Next::call;  // the sweep cancelled it: it waits on without a buffer
        }
        receive.result.write(Result::aborted);
        return Next::nothing;
    }

    Machine& machine_;
    const Script script_;
    std::optional<ClaimWord::Word> word_;
    std::optional<Atomic<unsigned>> system_;
    std::optional<Atomic<unsigned>> buffer_posted_;
    std::optional<Handover<Receive>> packets_;
    std::optional<Handover<Receive>> completed_;
    std::optional<Receive> receive_;
};

Machine::World port(const Script& script) {
    return [=](Machine& machine) {
        auto port = std::make_shared<Port>(machine, script);
        machine.thread("owner", [port] { port->own(); });
        if (script.arrives) {
            machine.thread("peer", [port] { port->arrive(); });
        }
        if (script.sweeps) {
            machine.thread("sweep", [port] { port->sweep(); });
        }
        for (unsigned i = 0; i < script.waiters; ++i) {
            machine.thread("waiter " + std::to_string(i), [port] { port->wait(); });
        }
        machine.finally([] {});
    };
}

const Script plain{};
const Script cancelled{.arrives = false, .cancels = true};
const Script cancelled_late{.cancels = true};
const Script swept{.begins_with_buffer = true, .sweeps = true};
const Script swept_and_cancelled{
    .begins_with_buffer = true, .arrives = false, .cancels = true, .sweeps = true};

}  // namespace

TEST_CASE("a receive of several calls completes once: all orders", "[claim_word]") {
    expect_all(port(plain), 15);
    expect_all(port({.waiters = 2}), 21);
}

TEST_CASE("a cancelled receive of several calls completes once: all orders", "[claim_word]") {
    expect_all(port(cancelled), 2);
    expect_all(port(cancelled_late), 77);
    expect_all(port({.cancels = true, .waiters = 2}), 145);
}

TEST_CASE("the sweep takes a buffer back and loses no receive: all orders", "[claim_word]") {
    expect_all(port(swept), 1'794);
    expect_all(port(swept_and_cancelled), 234);
    expect_all(port({.begins_with_buffer = true, .cancels = true, .sweeps = true}), 14'419,
               bounded(0, 0));
    expect_all(port({.begins_with_buffer = true, .sweeps = true, .waiters = 2}), 7'670);
}

TEST_CASE("a receive under five threads, drawn", "[claim_word]") {
    expect_sampled(
        port({.begins_with_buffer = true, .cancels = true, .sweeps = true, .waiters = 2}), 20'000);
}

TEST_CASE("defects of the claim word are found", "[claim_word][defects]") {
    expect_found(port(swept), {"announce", Change::relaxed}, "race: ");
    expect_found(port(swept), {"claim", Change::torn}, "a receive waits although bytes");
    expect_found(port(swept), {"claim", Change::unconditional}, "assertion failed");
    expect_found(port(swept), {"claim", Change::no_release}, "race: ");
    expect_found(port(swept), {"release", Change::torn}, "a receive waits although bytes");
    expect_found(port(swept), {"release", Change::unconditional}, "a receive waits although bytes");
    expect_found(port(swept), {"release", Change::no_acquire}, "race: ");
    expect_found(port(swept), {"hold", Change::torn}, "still claimed");
    expect_found(port(swept), {"hold", Change::unconditional}, "still claimed");
    expect_found(port(swept), {"take_back", Change::left_out}, "assertion failed");
}
