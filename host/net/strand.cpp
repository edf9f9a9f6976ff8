#include "net/strand.hpp"

#include "net/connection_inline.hpp"
#include "net/worker.hpp"

namespace portico::net {

void Strand::deliver(Mail& mail) noexcept {
    if (mailbox_.push(mail)) {
        home().schedule(*this);
    }
}

void Strand::take_turn_soon() noexcept {
    if (mailbox_.try_begin()) {  // else it is on the run queue
        home().schedule(*this);
    }
}

void Strand::deliver_pending(std::uint32_t mail_budget) noexcept {
    for (; mail_budget > 0; --mail_budget) {
        if (pending_.empty()) {
            mailbox_.take_all(pending_);
        }
        Mail* mail = pending_.pop_front();
        if (mail == nullptr) {
            return;
        }
        mail->deliver(*mail);
    }
}

void Strand::run(Worker& worker, std::uint32_t mail_budget) noexcept {
    worker.begin_running(*this);
    deliver_pending(mail_budget);
    if (home().thread_count() == 1) {
        end_turn(worker);
    } else {
        end_turn_of<true>(worker);
    }
}

void Strand::end_turn(Worker& worker) noexcept {
    end_turn_of<false>(worker);
}

template <bool moves>
PORTICO_ALWAYS_INLINE void Strand::end_turn_of(Worker& worker) noexcept {
    base::Fifo<ConnectionNode> over;
    // Calls each connection once. If their callbacks ask for more, that waits for the next turn:
    // two connections that keep each other busy would never give the thread away.
    for (base::Link* due = at_turn_end_.take_all(); due != nullptr;) {
        auto& connection = static_cast<Connection&>(static_cast<ConnectionNode&>(*due));
        due = due->next;  // a connection is not put on a list again before its end_turn() has ended
        if constexpr (moves) {
            // It may have asked in a turn on another worker, or had no mail in this one.
            connection.count_on(worker);
        }
        if (connection.end_turn()) {
            over.push_back(connection);
        }
    }
    worker.end_running();
    if (!try_idle()) {
        home().enqueue(*this);
    }
    // From here on another thread may run the strand; these connections have no mail, and none can
    // come.
    while (ConnectionNode* connection = over.pop_front()) {
        static_cast<Connection&>(*connection).release();
    }
}

}  // namespace portico::net
