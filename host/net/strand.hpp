// A strand: a queue of mail that is delivered serially. Mail may come from any thread; only a
// worker of the strand's home group delivers it, in turns.
//
// A turn begins with run(), from the run queue, or with begin_turn(), for a completion. In it mail
// is delivered and callbacks run, and connections ask to be called at its end. end_turn() calls
// them, which sends what the turn has queued; then the strand is idle, or queues again.
#pragma once

#include <atomic>
#include <cstdint>

#include "net/connection_node.hpp"
#include "net/mailbox.hpp"

namespace portico::net {

class Worker;
class WorkerGroup;

// On at most one run queue at a time (its Link). Must be idle when it is destroyed or moved to
// another home.
class Strand : public base::Link {
public:
    Strand() = default;
    Strand(const Strand&) = delete;
    Strand& operator=(const Strand&) = delete;

    // Call it before the first mail, or as the owner of an idle strand.
    void set_home(WorkerGroup& group) noexcept { home_.store(&group, std::memory_order_release); }
    [[nodiscard]] WorkerGroup& home() const noexcept {
        return *home_.load(std::memory_order_relaxed);
    }
    // For a thread that checks afterwards whether the owner is the one it means. Null before the
    // first home.
    [[nodiscard]] WorkerGroup* home_at_some_time() const noexcept {
        return home_.load(std::memory_order_acquire);
    }

    // From any thread: the mail is delivered on the strand, after all that came before it. Never
    // runs anything itself.
    void deliver(Mail& mail) noexcept;

    // All mail that the caller knows to have been sent has been delivered. It may be busy again as
    // soon as this returns.
    [[nodiscard]] bool is_idle() const noexcept { return mailbox_.is_idle(); }

    // ---- By `worker`, of the strand's home, on its thread.
    // A whole turn, with up to `mail_budget` mails.
    void run(Worker& worker, std::uint32_t mail_budget) noexcept;
    // From a completion's handler: begins a turn at once if the strand is idle and `worker` is its
    // group's only one, which saves the way through mailbox and run queue. Then end_turn() is due.
    // If it returns false the caller sends mail. (A group of several threads always uses mail, so
    // that another thread can take what this one has not come to.) Defined in worker.hpp.
    [[nodiscard]] bool begin_turn(Worker& worker) noexcept;
    // Of a strand whose home has one thread.
    void end_turn(Worker& worker) noexcept;

    // On the only thread of its home, outside of a turn of its: a turn follows, even without mail.
    void take_turn_soon() noexcept;

    // ---- In a turn.
    // Connection::end_turn() is called at the end of this turn; if this is called during that end,
    // at the end of the next turn. The caller makes sure that a connection is on the list once.
    void call_at_turn_end(ConnectionNode& connection) noexcept {
        at_turn_end_.push_back(connection);
    }

private:
    // `moves`: its turns may be on different workers.
    template <bool moves>
    void end_turn_of(Worker& worker) noexcept;
    // Delivers up to `mail_budget` mails.
    void deliver_pending(std::uint32_t mail_budget) noexcept;
    // True if nothing is left: the strand is idle, and any thread may schedule it again. False: it
    // queues again.
    [[nodiscard]] bool try_idle() noexcept {
        return at_turn_end_.empty() && pending_.empty() && mailbox_.try_idle();
    }

    Mailbox mailbox_;
    // taken from the mailbox and not delivered yet: the running worker's
    base::Fifo<Mail> pending_;
    // connections that asked for the end of the turn, or of the next one: the running worker's
    base::Fifo<ConnectionNode> at_turn_end_;
    // The release pairs with the acquire of home_at_some_time().
    std::atomic<WorkerGroup*> home_{nullptr};
};

}  // namespace portico::net
