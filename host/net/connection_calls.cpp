// Calls into a connection from any thread, and how they take effect on its strand.
//
// A call on the strand takes effect at once, unless it would overtake an earlier one that is still
// on its way. Every other call goes to the strand by mail, as a Call.
#include <bit>
#include <new>

#include "net/connection_call.hpp"
#include "net/connection_inline.hpp"
#include "net/connector.hpp"
#include "net/reserved_post.hpp"
#include "net/sharing.hpp"

namespace portico::net {

// Between the two looks another connection may have come into the slot. Then the call finds out
// when it reserves.
const ConnectionContext* Connection::own_context(const ConnectionContext& context,
                                                 std::uint64_t generation) const noexcept {
    if (SlotWord::generation_of(word_.load()) != generation) {
        return nullptr;
    }
    const ConnectionContext* its = context_.load(std::memory_order_acquire);
    return its == &context || its->listener == &context ? its : nullptr;
}

bool Connection::may_drain() const noexcept {
    const ConnectionContext& its = *context_.load(std::memory_order_acquire);
    return its.connector != nullptr ? its.connector->is_ending() : its.protocol->may_drain();
}

bool Connection::no_call_on_its_way(std::uint64_t generation) const noexcept {
    const std::uint64_t word = word_.load();
    if (SlotWord::generation_of(word) != generation || SlotWord::is_final(word)) {
        // nothing will be accepted, and the queue may by now belong to another connection on
        // another strand
        return true;
    }
    return SlotWord::reserved_of(word) == queue_.bytes();
}

Connection::Call* Connection::make_call(CallKind kind, std::size_t bytes, AnyFunction function,
                                        void* argument, std::uint32_t number) noexcept {
    static_assert(sizeof(Call) <= call_bytes);
    void* memory = ::operator new(sizeof(Call) + bytes, std::nothrow);
    if (memory == nullptr) {
        return nullptr;
    }
    auto* made = new (memory) Call;
    made->deliver = [](Mail& mail) {
        auto& call = static_cast<Call&>(mail);
        call.connection->begin_on(*Worker::current());
        call.connection->deliver_call(call);
    };
    made->connection = this;
    made->function = function;
    made->argument = argument;
    made->number = number;
    made->kind = kind;
    return made;
}

void Connection::delete_call(Call* call) noexcept {
    call->~Call();
    ::operator delete(call);
}

CallResult Connection::call(std::uint64_t generation, CallKind kind, SlotWord::Mark mark,
                            AnyFunction function, void* argument, std::uint32_t number) noexcept {
    // A posted function never runs inside the call that posts it.
    const bool direct = on_strand() && kind != CallKind::post && no_call_on_its_way(generation);
    Call* made = nullptr;
    if (!direct) {
        made = make_call(kind, 0, function, argument, number);
        if (made == nullptr) {
            return CallResult::no_memory;
        }
    }
    const bool even_closing = kind == CallKind::abort || kind == CallKind::drain ||
                              kind == CallKind::cut;
    if (!word_.reserve_call(generation, even_closing, mark)) {
        if (made != nullptr) {
            delete_call(made);
        }
        return CallResult::gone;
    }
    if (made != nullptr) {
        if (kind == CallKind::pause) {
            // the reservation keeps this connection here until it arrives
            pauses_on_the_way_.fetch_add(1, std::memory_order_relaxed);
        }
        strand().deliver(*made);
        return CallResult::accepted;
    }
    take_effect(kind, function, argument, number);
    give_back(1);
    advance_due_ = true;
    end_turn_later();
    return CallResult::accepted;
}

CallResult Connection::finish_sending(std::uint64_t generation) noexcept {
    return call(generation, CallKind::finish, SlotWord::Mark::finished);
}

CallResult Connection::close(std::uint64_t generation, CloseHow how) noexcept {
    return how == CloseHow::abort ? call(generation, CallKind::abort, SlotWord::Mark::aborting)
                                  : call(generation, CallKind::close, SlotWord::Mark::closing);
}

CallResult Connection::pause(std::uint64_t generation) noexcept {
    return call(generation, CallKind::pause);
}

CallResult Connection::resume(std::uint64_t generation) noexcept {
    return call(generation, CallKind::resume);
}

CallResult Connection::post(std::uint64_t generation, AnyFunction function,
                            void* argument) noexcept {
    return call(generation, CallKind::post, SlotWord::Mark::nothing, function, argument);
}

// The reservation keeps the connection, and so its strand, until the post has arrived.
bool Connection::post_reserved(std::uint64_t generation, ReservedPost& post) noexcept {
    if (!word_.reserve_call(generation, false)) {
        return false;
    }
    post.connection = this;
    post.deliver = [](Mail& mail) {
        auto& arrived = static_cast<ReservedPost&>(mail);
        arrived.connection->begin_on(*Worker::current());
        arrived.connection->deliver_reserved(arrived);
    };
    strand().deliver(post);
    return true;
}

void Connection::deliver_reserved(ReservedPost& post) noexcept {
    if (stage_ == Stage::opening) {
        strand().deliver(post);  // as deliver_call()
        return;
    }
    Sharing::take_what_is_on_its_way(*this);
    post.arrived(post, *this, SlotWord::is_closing(word_.load()));
    give_back(1);
    advance();
}

CallResult Connection::drain(std::uint64_t generation, const Draining& draining) noexcept {
    // the deadline travels as the argument
    static_assert(sizeof(void*) == sizeof draining.deadline_ns);
    return call(generation, CallKind::drain, SlotWord::Mark::nothing, nullptr,
                std::bit_cast<void*>(draining.deadline_ns),
                static_cast<std::uint32_t>(draining.reason));
}

CallResult Connection::cut(std::uint64_t generation) noexcept {
    return call(generation, CallKind::cut, SlotWord::Mark::closing);
}

bool Connection::info(std::uint64_t generation, bool is_own_callback, Info& info) const noexcept {
    const auto is_it = [&](std::uint64_t word) {
        return SlotWord::generation_of(word) == generation &&
               (is_own_callback || !SlotWord::is_closing(word));
    };
    const std::uint64_t word = word_.load();
    if (!is_it(word)) {
        return false;
    }
    info.peer = peer_.load();
    info.local = local_.load();
    info.queued_bytes = SlotWord::reserved_of(word);
    return is_it(word_.load());
}

bool Connection::look(Look& look) const noexcept {
    const std::uint64_t word = word_.load();
    look.generation = SlotWord::generation_of(word);
    look.context = context_.load(std::memory_order_acquire);
    if (SlotWord::is_final(word) || look.context == nullptr) {
        return false;
    }
    look.peer = peer_.load();
    look.local = local_.load();
    look.queued_bytes = SlotWord::reserved_of(word);
    look.is_queue_full = SlotWord::is_blocked(word);
    look.is_closing = SlotWord::is_closing(word);
    look.opened_ns = opened_ns_.read();
    look.received_bytes = look.opened_ns != 0 ? received_bytes_.read() : 0;
    look.sent_bytes = sent_bytes_.read();
    // Whoever has read something of the slot's next connection sees here that this one is over.
    const std::uint64_t after = word_.load();
    return SlotWord::generation_of(after) == look.generation && !SlotWord::is_final(after);
}

void Connection::deliver_call(Call& call) noexcept {
    if (stage_ == Stage::opening) {
        // This is an order of the host, from a thread that found the word open before
        // Connection::begin() sent its mail. The order must come after that mail.
        strand().deliver(call);
        return;
    }
    Sharing::take_what_is_on_its_way(*this);
    if (call.kind == CallKind::send) {
        deliver_send(call);
    } else {
        if (call.kind == CallKind::pause) {
            pauses_on_the_way_.fetch_sub(1, std::memory_order_relaxed);
        }
        take_effect(call.kind, call.function, call.argument, call.number);
        give_back(1);
    }
    delete_call(&call);
    advance();
}

void Connection::deliver_send(Call& call) noexcept {
    if (takes_sends()) {
        PORTICO_ASSERT(!end_sent_);
        if (queue_.append(send_chunks(), {call.bytes(), call.number})) {
            end_turn_later();  // the queue takes over the reservation of the bytes
            give_back(call_bytes);
            return;
        }
        abort(CloseReason::no_memory);
    }
    if (stage_ != Stage::joining) {
        begin_join();
    }
    lost_bytes() += call.number;
    give_back(call.number + call_bytes);
}

void Connection::take_effect(CallKind kind, AnyFunction function, void* argument,
                             std::uint32_t number) noexcept {
    switch (kind) {
        case CallKind::send: PORTICO_ASSERT(!"a send is taken by deliver_call()"); return;
        case CallKind::finish: conditions_.finish_wanted = true; return;
        case CallKind::close: want_close(CloseReason::plugin); return;
        case CallKind::abort: abort(CloseReason::plugin); return;
        case CallKind::pause: conditions_.paused = true; return;
        case CallKind::resume:
            conditions_.paused = false;
            conditions_.hold = Hold::none;
            conditions_.offer_due = !stash_.empty();
            resumed_ = true;
            return;
        case CallKind::post:
            protocol().on_posted(*this, function, argument, SlotWord::is_closing(word_.load()));
            return;
        case CallKind::drain:
            take_drain({static_cast<DrainReason>(number), std::bit_cast<std::uint64_t>(argument)});
            return;
        case CallKind::cut:
            if (stage_ != Stage::joining && stage_ != Stage::over) {
                reason_ = CloseReason::drain_deadline;
                cut_ = true;
                abort(CloseReason::drain_deadline);
            }
            return;
    }
}

}  // namespace portico::net
