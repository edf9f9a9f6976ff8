// The mailbox of a strand: a lock-free stack of mail that also knows whether the strand is idle.
//
// One word, head_:
//   idle         no mail, and nobody has promised to run the strand
//   null         no mail; the strand is on a run queue, or running
//   otherwise    the newest mail, linked to the older ones; on a run queue, or running
//
// push() changes it from idle. The caller that makes this change, and nobody else, must put the
// strand on its run queue. try_begin() also makes it, for a thread that runs the strand at once.
// The runner takes all mail with take_all(), and ends its run with try_idle(), which fails if mail
// has come meanwhile. So a strand that has mail is always on one run queue or running, and never on
// two.
//
// Pairing: the release of push() pairs with the acquire of take_all(), so that the runner sees what
// the sender wrote into the mail. The release of try_idle() pairs with the acquire of the push() or
// try_begin() that finds `idle`, so that the thread that schedules the next run sees everything
// that one run wrote (and so does, through the run queue, the thread that runs it).
//
// `Atomic` is std::atomic, except in tests that switch threads at every access.
#pragma once

#include <atomic>

#include "base/intrusive.hpp"

namespace portico::net {

// A message to a strand. Intrusive; owned by the sender's object, on one mailbox at a time.
struct Mail : base::Link {
    using Handler = void (*)(Mail&);
    Handler deliver = nullptr;  // called on the strand
};

template <template <class> class Atomic>
class BasicMailbox {
public:
    // From any thread. True if the caller must schedule the strand.
    [[nodiscard]] bool push(Mail& mail) noexcept {
        base::Link* head = head_.load(std::memory_order_relaxed);
        for (;;) {
            mail.next = head == idle() ? nullptr : head;
            // Acquire, for the exchange that finds the strand idle (see above); release, for the
            // mail.
            if (head_.compare_exchange_weak(head, &mail, std::memory_order_acq_rel,
                                            std::memory_order_relaxed)) {
                return head == idle();
            }
        }
    }

    // On a thread of the strand's home: true if the strand was idle. Then this thread must run it,
    // without mail.
    [[nodiscard]] bool try_begin() noexcept {
        base::Link* expected = idle();
        return head_.compare_exchange_strong(expected, nullptr, std::memory_order_acquire,
                                             std::memory_order_relaxed);
    }

    // By the runner: appends all mail to `into`, oldest first.
    void take_all(base::Fifo<Mail>& into) noexcept {
        if (head_.load(std::memory_order_relaxed) != nullptr) {
            into.append_reversed(head_.exchange(nullptr, std::memory_order_acquire));
        }
    }

    // By the runner, with no mail left: true if the run has ended, false if mail has come.
    [[nodiscard]] bool try_idle() noexcept {
        base::Link* expected = nullptr;
        return head_.compare_exchange_strong(expected, idle(), std::memory_order_release,
                                             std::memory_order_relaxed);
    }

    // A hint for most. But if the caller knows of an earlier push, and the answer is true, then
    // that mail has been delivered.
    [[nodiscard]] bool is_idle() const noexcept {
        return head_.load(std::memory_order_relaxed) == idle();
    }

private:
    // The mailbox's own address, which no mail has.
    [[nodiscard]] base::Link* idle() const noexcept {
        return reinterpret_cast<base::Link*>(const_cast<BasicMailbox*>(this));
    }

    Atomic<base::Link*> head_{reinterpret_cast<base::Link*>(this)};
};

using Mailbox = BasicMailbox<std::atomic>;

}  // namespace portico::net
