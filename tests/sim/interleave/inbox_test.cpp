// The path of mail from a foreign thread to a worker, in every order: mailbox and inbox are the
// production code itself, and the steps between them are those of Strand::deliver,
// WorkerGroup::schedule, take_inbox and Strand::run. Port and run queue are one queue under a
// mutex.
#include "base/inbox.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/mailbox.hpp"
#include "sim/interleave/atomic.hpp"
#include "sim/interleave/expect.hpp"

using namespace portico;
using namespace portico::interleave;

namespace {

using Change = Plant::Change;

struct Work : base::Link {
    // the port keeps it in an operation; a strand does not use it
    Plain<bool> is_doorbell_posted{false};
};

struct Letter : net::Mail {
    Plain<bool> written{false};
};

struct Strand : Work {
    net::BasicMailbox<Atomic> mailbox;
    Plain<int> delivered{0};
    Plain<bool> on_run_queue{false};
    base::Fifo<net::Mail> pending;  // the runner's: mail that is taken and not delivered
};

class Group {
public:
    Group(Machine& machine, unsigned strands, unsigned letters) : machine_(machine) {
        machine.name("inbox");
        inbox_.emplace();
        machine.name("port");
        queue_.emplace();
        machine.name("doorbell");
        doorbell_.emplace();
        machine.label(&*doorbell_, "doorbell");
        for (unsigned i = 0; i < strands; ++i) {
            machine.name("strand " + std::to_string(i));
            strands_.push_back(std::make_unique<Strand>());
            machine.label(static_cast<base::Link*>(strands_.back().get()),
                          "strand " + std::to_string(i));
            machine.label(&strands_.back()->mailbox, "idle");
        }
        for (unsigned i = 0; i < letters; ++i) {
            machine.name("letter " + std::to_string(i));
            letters_.push_back(std::make_unique<Letter>());
            machine.label(static_cast<base::Link*>(letters_.back().get()),
                          "letter " + std::to_string(i));
        }
    }

    void send(unsigned letter) {
        letters_[letter]->written.write(true);
        Strand& strand = *strands_[letter % strands_.size()];
        if (strand.mailbox.push(*letters_[letter])) {
            strand.on_run_queue.write(true);
            if (inbox_->add(strand)) {
                machine_.check(!doorbell_->is_doorbell_posted.read(),
                               "the doorbell is posted while it is on its way");
                doorbell_->is_doorbell_posted.write(true);
                queue_->put(*doorbell_);
            }
        }
    }

    void work() {
        while (Work* work = queue_->take()) {
            if (work == &*doorbell_) {
                doorbell_->is_doorbell_posted.write(false);
                base::Fifo<Strand> arrived;
                inbox_->take_all(arrived);
                while (Strand* strand = arrived.pop_front()) {
                    queue_->put(*strand);
                }
            } else {
                run(static_cast<Strand&>(*work));
            }
        }
    }

    void check_end() {
        int delivered = 0;
        for (const std::unique_ptr<Strand>& strand : strands_) {
            machine_.check(strand->mailbox.is_idle(), "a strand is not idle at the end");
            delivered += strand->delivered.read();
        }
        machine_.check(delivered == static_cast<int>(letters_.size()),
                       "mail was lost, or delivered twice");
        machine_.check(inbox_->empty(), "a strand was left in the inbox");
    }

private:
    // The budget is one, so that a strand queues again as often as it can.
    void run(Strand& strand) {
        strand.on_run_queue.write(false);
        if (strand.pending.empty()) {
            strand.mailbox.take_all(strand.pending);
        }
        if (net::Mail* mail = strand.pending.pop_front()) {
            machine_.check(static_cast<Letter&>(*mail).written.read(), "mail arrived empty");
            strand.delivered.write(strand.delivered.read() + 1);
        }
        if (!strand.pending.empty() || !strand.mailbox.try_idle()) {
            strand.on_run_queue.write(true);
            queue_->put(static_cast<Work&>(strand));
        }
    }

    Machine& machine_;
    std::optional<base::BasicInbox<Atomic>> inbox_;
    std::optional<Handover<Work>> queue_;
    std::optional<Work> doorbell_;
    std::vector<std::unique_ptr<Strand>> strands_;
    std::vector<std::unique_ptr<Letter>> letters_;
};

// `senders` of one letter each, to the strands in turn.
Machine::World group(unsigned workers, unsigned strands, unsigned senders) {
    return [=](Machine& machine) {
        auto group = std::make_shared<Group>(machine, strands, senders);
        for (unsigned i = 0; i < senders; ++i) {
            machine.thread("sender " + std::to_string(i), [=] { group->send(i); });
        }
        for (unsigned i = 0; i < workers; ++i) {
            machine.thread("worker " + std::to_string(i), [=] { group->work(); });
        }
        machine.finally([group] { group->check_end(); });
    };
}

}  // namespace

TEST_CASE(
    "mail through inbox and doorbell is delivered once, and the doorbell is never on its way "
    "twice: all orders",
    "[inbox]") {
    expect_all(group(1, 1, 2), 772);
    expect_all(group(1, 2, 2), 330);
    expect_all(group(2, 1, 2), 10'256);
    expect_all(group(2, 2, 2), 8'272);
}

TEST_CASE("mail through inbox and doorbell, drawn", "[inbox]") {
    expect_sampled(group(2, 2, 3), 10'000);
    expect_sampled(group(2, 1, 3), 10'000);
}

TEST_CASE("defects of the inbox are found", "[inbox][defects]") {
    const Machine::World world = group(1, 2, 2);
    expect_found(world, {"add", Change::no_release}, "race: ");
    expect_found(world, {"add", Change::no_acquire}, "race: ");
    expect_found(world, {"add", Change::torn}, "a strand is not idle at the end");
    expect_found(world, {"take_all", Change::no_acquire}, "race: ");
    expect_found(world, {"take_all", Change::no_release}, "race: ");
    expect_found(world, {"take_all", Change::torn}, "a strand is not idle at the end");
}
