// The rarer ways to send: parts, memory that is not the queue's, and whatever does not take the
// short way of Connection::send().
//
// A send on the strand is queued at once, unless it would overtake a call that is still on its way.
// Every other one goes to the strand by mail. Its memory comes first, because this thread could not
// give a reservation of the slot's word back: a close may wait for it, so only the strand can.
#include <algorithm>
#include <cstring>
#include <new>

#include "net/connection_call.hpp"
#include "net/connection_inline.hpp"
#include "net/external_send.hpp"
#include "net/reservation.hpp"
#include "net/sharing.hpp"

namespace portico::net {

namespace {

// Smaller parts of an external send are copied; a part of its own would cost more.
constexpr std::size_t copied_part_max = 256;

SendResult refusal(Reserve reserved) noexcept {
    switch (reserved) {
        case Reserve::accepted: return SendResult::queued;
        case Reserve::would_block: return SendResult::would_block;
        case Reserve::finished: return SendResult::finished;
        case Reserve::gone: break;
    }
    return SendResult::gone;
}

}  // namespace

SendResult Connection::send_slow_path(const ConnectionContext& context, std::uint64_t generation,
                                      std::span<const std::byte> bytes) noexcept {
    return send_parts(context, generation, Parts(bytes));
}

SendResult Connection::send_parts(const ConnectionContext& context, std::uint64_t generation,
                                  const Parts& parts) noexcept {
    const ConnectionContext* its = own_context(context, generation);
    if (its == nullptr) {
        return SendResult::gone;
    }
    if (parts.bytes() > its->limits.max_send_bytes) {
        return SendResult::too_large;
    }
    const auto size = static_cast<std::uint32_t>(parts.bytes());
    const bool is_here = on_strand();
    const bool direct = (is_here || is_at_hand(generation)) && no_call_on_its_way(generation);
    Call* call = nullptr;
    if (!direct && size != 0) {
        call = make_call(CallKind::send, size, nullptr, nullptr, size);
        if (call == nullptr) {
            return SendResult::no_memory;
        }
        std::byte* to = call->bytes();
        for (std::uint32_t i = 0; i < parts.count(); ++i) {
            to = std::copy(parts[i].begin(), parts[i].end(), to);
        }
    }
    const Reserve reserved = word_.reserve(generation, call != nullptr ? size + call_bytes : size,
                                           its->limits.send_queue_bytes);
    if (reserved != Reserve::accepted || size == 0) {
        if (call != nullptr) {
            delete_call(call);
        }
        return refusal(reserved);
    }
    if (call != nullptr) {
        strand().deliver(*call);
        return SendResult::queued;
    }
    const SendResult result = append_parts(parts);
    if (!is_here) {
        strand().take_turn_soon();
    }
    return result;
}

// A connection that is served on the same thread sends at the end of a turn of its own, which
// follows. So bytes that are handed on need neither mail nor memory for it, and large ones are not
// copied: the queue takes over the buffer that they were received in.
bool Connection::is_at_hand(std::uint64_t generation) const noexcept {
    const Worker* worker = Worker::current();
    if (worker == nullptr || worker->group().thread_count() != 1) {
        return false;
    }
    // As in Sharing::home_of_walk(): if the generation lives, this is its home.
    const Strand* its = strand_.load(std::memory_order_acquire);
    return its != nullptr && its->home_at_some_time() == &worker->group() &&
           SlotWord::generation_of(word_.load()) == generation && is_live() && takes_sends();
}

SendResult Connection::append_parts(const Parts& parts) noexcept {
    if (parts.count() != 1) {
        if (!queue_.append(send_chunks(), parts)) {
            return append_failed(static_cast<std::size_t>(parts.bytes()));
        }
        end_turn_later();
        return SendResult::queued;
    }
    // (One that is being offered bytes, on this thread, runs a callback.)
    const CurrentCall& call = Worker::current()->current_call();
    Connection* const offered = call.count() % 2 != 0 ? call.object() : nullptr;
    if (offered != nullptr && offered != this && offered->is_adoptable_ &&
        offered->adopt_received(parts[0], queue_)) {
        end_turn_later();
        return SendResult::queued;
    }
    return append(parts[0]);
}

// ---- memory that is not the queue's

// Small parts are copied. Neighbours among them become one part.
Connection::ExternalSend* Connection::ExternalSend::make(Connection& of, const Parts& given,
                                                         AnyFunction its_release,
                                                         void* its_argument) noexcept {
    std::size_t count = 0;
    std::size_t copied = 0;
    const auto walk = [&](auto&& refer, auto&& copy) {
        bool goes_on = false;  // the part before was copied
        for (std::uint32_t i = 0; i < given.count(); ++i) {
            const std::span<const std::byte> part = given[i];
            if (part.empty()) {
                continue;
            }
            if (part.size() > copied_part_max) {
                refer(part);
            } else {
                copy(part, goes_on);
            }
            goes_on = part.size() <= copied_part_max;
        }
    };
    walk([&](std::span<const std::byte>) { ++count; },
         [&](std::span<const std::byte> part, bool goes_on) {
             count += goes_on ? 0 : 1;
             copied += part.size();
         });
    void* memory = memory_for(count, copied);
    if (memory == nullptr) {
        return nullptr;
    }
    io::ConstBuffer* const first = parts_in(memory);
    io::ConstBuffer* next = first;
    auto* to = reinterpret_cast<std::byte*>(first + count);
    walk(
        [&](std::span<const std::byte> part) {
            new (next++) io::ConstBuffer{part.data(), part.size()};
        },
        [&](std::span<const std::byte> part, bool goes_on) {
            if (goes_on) {
                (next - 1)->size += part.size();
            } else {
                new (next++) io::ConstBuffer{to, part.size()};
            }
            to = std::copy(part.begin(), part.end(), to);
        });
    return new (memory)
        ExternalSend(of, {first, count}, static_cast<std::uint32_t>(given.bytes()),
                     static_cast<std::uint32_t>(size_of(count, copied)), its_release, its_argument);
}

SendResult Connection::send_external(const ConnectionContext& context, std::uint64_t generation,
                                     const Parts& parts, AnyFunction function,
                                     void* argument) noexcept {
    const ConnectionContext* its = own_context(context, generation);
    if (its == nullptr) {
        return SendResult::gone;
    }
    if (parts.bytes() > its->limits.max_send_bytes) {
        return SendResult::too_large;
    }
    ExternalSend* send = ExternalSend::make(*this, parts, function, argument);
    return send != nullptr ? submit(*send, generation, its->limits.send_queue_bytes)
                           : SendResult::no_memory;
}

SendResult Connection::submit(ExternalSend& send, std::uint64_t generation,
                              std::uint32_t high) noexcept {
    // One without bytes goes by mail, because its release must not run inside this call.
    const bool direct = send.bytes() != 0 && on_strand() && no_call_on_its_way(generation);
    const Reserve reserved = word_.reserve(generation, send.bytes() + send.cost(), high);
    if (reserved != Reserve::accepted) {
        ExternalSend::destroy(&send);
        return refusal(reserved);
    }
    if (direct) {
        queue_.append(send);
        end_turn_later();
    } else {
        strand().deliver(send);
    }
    return SendResult::queued;
}

void Connection::deliver_external(ExternalSend& send) noexcept {
    if (stage_ == Stage::opening) {
        strand().deliver(send);  // see Connection::deliver_call()
        return;
    }
    Sharing::take_what_is_on_its_way(*this);
    const bool is_wanted = takes_sends();
    if (is_wanted && send.bytes() != 0) {
        PORTICO_ASSERT(!end_sent_);
        queue_.append(send);  // it takes over the reservation
        end_turn_later();
    } else {
        if (!is_wanted) {
            if (stage_ != Stage::joining) {
                begin_join();
            }
            lost_bytes() += send.bytes();
        }
        give_back(send.bytes());
        end_externals(&send, is_wanted);
    }
    advance();
}

void Connection::end_externals(SendQueue::External* ended, bool are_sent) noexcept {
    while (ended != nullptr) {
        auto* send = static_cast<ExternalSend*>(ended);
        ended = ended->next_ended();
        const AnyFunction function = send->release;
        void* const argument = send->argument;
        give_back(send->cost());
        ExternalSend::destroy(send);
        if (function != nullptr) {
            protocol().on_released(*this, function, argument, are_sent);
        }
    }
    // A send in a release may have been refused. Then the on_writable that is due is the one that
    // follows that refusal.
    if (conditions_.writable_due && SlotWord::is_blocked(word_.load())) {
        conditions_.writable_due = false;
    }
}

void Connection::drop_queue() noexcept {
    const std::size_t lost = queue_.unsent_bytes();
    SendQueue::External* dropped = queue_.clear();
    lost_bytes() += lost;
    give_back(lost);
    end_externals(dropped, false);
}

// ---- reservations

SendResult Connection::reserve(const ConnectionContext& context, std::uint64_t generation,
                               std::uint32_t size, Reservation& reservation) noexcept {
    const ConnectionContext* its = own_context(context, generation);
    if (its == nullptr) {
        return SendResult::gone;
    }
    if (size > its->limits.max_send_bytes) {
        return SendResult::too_large;
    }
    void* memory = ExternalSend::memory_for(1, size);
    if (memory == nullptr) {
        return SendResult::no_memory;
    }
    io::ConstBuffer* const part = ExternalSend::parts_in(memory);
    new (part) io::ConstBuffer{reinterpret_cast<std::byte*>(part + 1), size};
    Reservation made;
    made.data_ = reinterpret_cast<std::byte*>(part + 1);
    made.size_ = size;
    made.send_ = new (memory)
        ExternalSend(*this, {part, 1}, size,
                     static_cast<std::uint32_t>(ExternalSend::size_of(1, 0)), nullptr, nullptr);
    const Reserve reserved = word_.reserve(generation, 0, its->limits.send_queue_bytes);
    if (reserved == Reserve::accepted) {
        reservation = std::move(made);
    }
    return refusal(reserved);
}

SendResult Connection::commit(const ConnectionContext& context, std::uint64_t generation,
                              Reservation&& reservation, std::uint32_t used) noexcept {
    auto& send = static_cast<ExternalSend&>(*std::exchange(reservation.send_, nullptr));
    if (!belongs_to(context, generation)) {
        ExternalSend::destroy(&send);
        return SendResult::gone;
    }
    send.shrink(used);
    // It was let in when it was reserved.
    return submit(send, generation, UINT32_MAX);
}

void Connection::drop(Reservation& reservation) noexcept {
    if (reservation.send_ != nullptr) {
        ExternalSend::destroy(
            &static_cast<ExternalSend&>(*std::exchange(reservation.send_, nullptr)));
    }
}

Reservation::~Reservation() {
    Connection::drop(*this);
}

}  // namespace portico::net
