// A strand: a queue of mail that is delivered serially. Mail may come from any thread; only a
// worker of the strand's home group delivers it.
#pragma once

#include <cstdint>

#include "net/connection_node.hpp"
#include "net/mailbox.hpp"

namespace portico::net {

class WorkerGroup;

// On at most one run queue at a time (its Link). Must be idle when it is destroyed or moved to
// another home.
class Strand : public base::Link {
public:
    Strand() = default;
    Strand(const Strand&) = delete;
    Strand& operator=(const Strand&) = delete;

    // Before the first mail, and by whoever owns an idle strand.
    void set_home(WorkerGroup& group) noexcept { home_ = &group; }
    [[nodiscard]] WorkerGroup& home() const noexcept { return *home_; }

    // From any thread: the mail is delivered on the strand, behind all that came before it. Never
    // runs anything itself.
    void deliver(Mail& mail) noexcept;

private:
    friend class Worker;

    // The worker whose turn it is: delivers up to `mail_budget` mails.
    void deliver_pending(std::uint32_t mail_budget) noexcept;
    // Then: true when nothing is left and the strand is idle, so that any thread may schedule it
    // again. False: it queues again.
    [[nodiscard]] bool try_idle() noexcept {
        return to_attend_.empty() && pending_.empty() && mailbox_.try_idle();
    }

    Mailbox mailbox_;
    // taken from the mailbox and not delivered yet: the running worker's
    base::Fifo<Mail> pending_;
    // at the end of the turn, or of the next one: the running worker's
    base::Fifo<ConnectionNode> to_attend_;
    WorkerGroup* home_ = nullptr;
};

}  // namespace portico::net
