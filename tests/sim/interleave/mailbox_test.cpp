// The mailbox, the production code itself, in every order: no mail is lost or delivered twice, each
// sender's mail stays in order, there is one runner at a time, and exactly one thread learns each
// time that it must schedule the strand.
#include "net/mailbox.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/interleave/atomic.hpp"
#include "sim/interleave/expect.hpp"

using namespace portico;
using namespace portico::interleave;

namespace {

using Mailbox = net::BasicMailbox<Atomic>;
using Change = Plant::Change;

constexpr unsigned senders_max = 5;

struct Letter : net::Mail {
    unsigned sender = 0;
    int number = 0;
    Plain<int> text;  // written by the sender
};

// A strand as net::Strand and a worker run one. Here the thread that must schedule it runs it at
// once: no run queue in between provides the ordering that the mailbox itself must provide.
class Strand {
public:
    Strand(Machine& machine, const std::vector<int>& letters_of) : machine_(machine) {
        machine.name("mailbox");
        machine.label(&mailbox_.emplace(), "idle");
        machine.name("the strand's link");
        on_run_queue_.emplace();
        machine.name("the strand's state");
        delivered_.emplace();
        for (unsigned sender = 0; sender < letters_of.size(); ++sender) {
            for (int number = 0; number < letters_of[sender]; ++number) {
                const std::string name = "letter " +
                                         std::string(1, static_cast<char>('a' + sender)) +
                                         std::to_string(number);
                machine.name(name);
                auto& letter = letters_[sender].emplace_back(std::make_unique<Letter>());
                letter->sender = sender;
                letter->number = number;
                machine.label(static_cast<base::Link*>(letter.get()), name);
            }
        }
    }

    // The thread of one sender.
    void send_all(unsigned sender) {
        for (const std::unique_ptr<Letter>& letter : letters_[sender]) {
            send(*letter);
        }
    }
    void send(Letter& letter) {
        letter.text.write(letter.number + 1);
        if (mailbox_->push(letter)) {
            on_run_queue_->write(true);
            run();
        }
    }
    // A completion, on a thread of the strand's home: delivers its event at once if the strand is
    // idle, otherwise by mail.
    void complete(unsigned sender) {
        Letter& letter = *letters_[sender].front();
        if (mailbox_->try_begin()) {
            letter.text.write(letter.number + 1);
            deliver(letter);
            end_turn();
        } else {
            send(letter);
        }
    }
    void run() {
        on_run_queue_->write(false);
        base::Fifo<net::Mail> pending;
        mailbox_->take_all(pending);
        while (net::Mail* mail = pending.pop_front()) {
            deliver(static_cast<Letter&>(*mail));
        }
        end_turn();
    }

    void check_end() {
        machine_.check(mailbox_->is_idle(), "the strand is not idle at the end");
        for (unsigned sender = 0; sender < senders_max; ++sender) {
            machine_.check(delivered_->read()[sender] == static_cast<int>(letters_[sender].size()),
                           "mail was lost");
        }
    }

private:
    void end_turn() {
        if (!mailbox_->try_idle()) {
            on_run_queue_->write(true);
            run();
        }
    }
    // The runs write shared data, so two at a time are a race, and so is a run that may miss what
    // the one before it did.
    void deliver(Letter& letter) {
        int& next = delivered_->change()[letter.sender];
        machine_.check(letter.number >= next, "mail was delivered twice");
        machine_.check(letter.number == next, "mail of one sender was delivered out of order");
        machine_.check(letter.text.read() == letter.number + 1, "mail arrived without its text");
        ++next;
    }

    Machine& machine_;
    std::optional<Mailbox> mailbox_;
    std::optional<Plain<bool>> on_run_queue_;  // written by the thread that schedules the strand
    std::optional<Plain<std::array<int, senders_max>>> delivered_;
    std::array<std::vector<std::unique_ptr<Letter>>, senders_max> letters_;
};

// Each sender has its entry of `letters_of`; the last `completions` senders are completions with
// one letter each.
Machine::World strand(std::vector<int> letters_of, unsigned completions = 0) {
    return [=](Machine& machine) {
        auto strand = std::make_shared<Strand>(machine, letters_of);
        const auto senders = static_cast<unsigned>(letters_of.size());
        for (unsigned sender = 0; sender < senders; ++sender) {
            const bool completes = sender >= senders - completions;
            machine.thread(
                (completes ? "completion " : "sender ") +
                    std::string(1, static_cast<char>('a' + sender)),
                [=] { completes ? strand->complete(sender) : strand->send_all(sender); });
        }
        machine.finally([strand] { strand->check_end(); });
    };
}

}  // namespace

TEST_CASE("mail is delivered once, in order, by one runner at a time: all orders", "[mailbox]") {
    expect_all(strand({1, 1}), 576);
    expect_all(strand({2, 1}), 48'846);
    expect_all(strand({2, 2}), 28'448, bounded(0, 0));
    expect_all(strand({1, 1, 1}), 41'388, bounded(0, 0));
}

TEST_CASE(
    "a completion that finds the strand idle runs it, one that does not leaves mail: all orders",
    "[mailbox]") {
    expect_all(strand({1, 1}, 1), 184);
    expect_all(strand({1, 1}, 2), 20);
    expect_all(strand({1, 1, 1}, 3), 10'968, bounded(1, 0));
    expect_all(strand({1, 1, 1}, 2), 24'600, bounded(0, 0));
    expect_all(strand({1, 1, 1}, 1), 36'014, bounded(0, 0));
}

TEST_CASE("mail of five threads, drawn", "[mailbox]") {
    expect_sampled(strand({3, 3, 2, 1, 1}, 2), 20'000);
}

TEST_CASE("defects of the mailbox are found", "[mailbox][defects]") {
    const Machine::World two = strand({1, 1});
    const Machine::World more = strand({2, 1});
    const Machine::World completions = strand({1, 1}, 2);
    expect_found(two, {"push", Change::no_release}, "race: ");
    expect_found(two, {"push", Change::no_acquire}, "race: ");
    expect_found(two, {"push", Change::torn}, "the strand is not idle at the end");
    expect_found(two, {"take_all", Change::relaxed}, "race: ");
    expect_found(two, {"take_all", Change::torn}, "mail was lost");
    expect_found(two, {"take_all", Change::left_out}, "mail was delivered twice");
    expect_found(two, {"try_idle", Change::relaxed}, "race: ");
    expect_found(two, {"try_idle", Change::unconditional}, "mail was lost");
    expect_found(two, {"try_idle", Change::torn}, "mail was lost");
    expect_found(more, {"try_idle", Change::left_out}, "the strand is not idle at the end");
    expect_found(completions, {"try_begin", Change::relaxed}, "race: ");
    expect_found(completions, {"try_begin", Change::unconditional}, "race: ");
    expect_found(completions, {"try_begin", Change::torn}, "race: ");
}
