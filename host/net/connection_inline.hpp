// The parts of a connection that run for every message and that several of its files need. They are
// inline, so that a message costs no extra call. The plugin's host functions use send().
#pragma once

#include <algorithm>

#include "base/inline.hpp"
#include "net/connection.hpp"
#include "net/traffic.hpp"
#include "net/worker.hpp"

namespace portico::net {

inline bool Connection::on_strand() const noexcept {
    const Worker* worker = Worker::current();
    return worker != nullptr && worker->running() == strand_.load(std::memory_order_relaxed);
}

inline io::CompletionPort& Connection::port() const noexcept {
    return strand().home().port();
}

inline io::BufferPool& Connection::send_chunks() const noexcept {
    return strand().home().send_chunks();
}

// A group of one thread has one row for each context, and open() has found it.
inline void Connection::count_on(const Worker& worker) noexcept {
    if (worker.group().thread_count() > 1) {
        traffic_ = &context().traffic->row_of(worker);
    }
}

inline void Connection::begin_on(Worker& worker) noexcept {
    worker.before_callback(context());
    count_on(worker);
}

inline void Connection::end_turn_later() noexcept {
    if (!turn_end_due_) {
        turn_end_due_ = true;
        strand().call_at_turn_end(*this);
    }
}

PORTICO_ALWAYS_INLINE SendResult Connection::append(std::span<const std::byte> bytes) noexcept {
    if (is_adoptable_ && adopt_received(bytes, queue_)) {
        end_turn_later();
        return SendResult::queued;
    }
    if (!queue_.append(send_chunks(), bytes)) [[unlikely]] {
        return append_failed(bytes.size());
    }
    end_turn_later();
    return SendResult::queued;
}

inline SendResult Connection::send(const ConnectionContext& context, std::uint64_t generation,
                                   std::span<const std::byte> bytes) noexcept {
    return context_.load(std::memory_order_relaxed) == &context && on_strand()
               ? send_in_callback(generation, bytes)
               : send_slow_path(context, generation, bytes);
}

PORTICO_ALWAYS_INLINE SendResult
Connection::send_in_callback(std::uint64_t generation, std::span<const std::byte> bytes) noexcept {
    const config::Limits& limits = context().limits;
    if (bytes.size() - 1 < limits.max_send_bytes &&
        word_.reserve_at_once(queue_.bytes(), generation, static_cast<std::uint32_t>(bytes.size()),
                              limits.send_queue_bytes)) [[likely]] {
        return append(bytes);
    }
    return send_slow_path(context(), generation, bytes);
}

inline void Connection::moved_at(std::uint64_t instant) noexcept {
    since_ns_ = std::max(since_ns_, instant);
    had_chance_ = false;
}

PORTICO_ALWAYS_INLINE void Connection::touch() noexcept {
    if (counts_movement_ && stage_ <= Stage::open) {
        moved_at(port().now());
    }
}

PORTICO_ALWAYS_INLINE void Connection::give_back(std::size_t bytes) noexcept {
    if (word_.give_back(static_cast<std::uint32_t>(bytes),
                        [this]() noexcept { return context().low_watermark(); })) {
        conditions_.writable_due = true;
    }
}

PORTICO_ALWAYS_INLINE void Connection::read_on() noexcept {
    receiving_ = true;
    port().receive(static_cast<ReceivePart&>(*this));
}

PORTICO_ALWAYS_INLINE void Connection::read_on_quietly() noexcept {
    if (!receiving_ && no_stop_on_its_way()) {
        read_on();
    }
}

PORTICO_ALWAYS_INLINE void Connection::advance() noexcept {
    advance_due_ = false;
    if (!is_quiet()) {
        advance_by_steps();
        return;
    }
    // The usual case: a message was answered, and the next one is awaited. The answer leaves first,
    // and end_turn() reads on after it. The only deadline that may be needed is the idle one.
    if (!turn_end_due_) {
        read_on_quietly();
    }
    // A timer in flight is early enough, because since_ns_ only grows.
    if (counts_movement_ && !timing_) {
        arm_timer();
    }
}

}  // namespace portico::net
