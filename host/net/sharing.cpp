#include "net/sharing.hpp"

#include "net/connection_inline.hpp"
#include "net/external_send.hpp"
#include "net/walks.hpp"

namespace portico::net {

namespace {

std::uint32_t size_of(const Share& share) noexcept {
    return static_cast<std::uint32_t>(share.bytes().size());
}

}  // namespace

Connection::ExternalSend* Connection::ExternalSend::make(Connection& of, Share& share) noexcept {
    void* memory = memory_for(1, 0);
    if (memory == nullptr) {
        return nullptr;
    }
    share.add_use();
    io::ConstBuffer* const part = parts_in(memory);
    new (part) io::ConstBuffer{share.bytes().data(), share.bytes().size()};
    return new (memory) ExternalSend(of, {part, 1}, net::size_of(share),
                                     static_cast<std::uint32_t>(size_of(1, 0)), nullptr, &share);
}

namespace {

// What each connection's queue counts for a share beside its bytes.
template <class Send>
constexpr std::uint32_t cost_of_share() noexcept {
    return SendQueue::External::cost_of(static_cast<std::uint32_t>(Send::size_of(1, 0)));
}

}  // namespace

// ---- from any thread

// The strand, and the home of its own strand, are stored before the word opens a generation, and do
// not change before it is over. So if the generation still lives when the room is reserved, what
// was loaded here is its home. And if the strand is idle here, each call on the connection that had
// returned before has been delivered: its push was before this load, and the strand is idle again
// only after the delivery.
WorkerGroup* Sharing::home_of_walk(const Connection& connection, const ConnectionContext& context,
                                   std::uint64_t generation) noexcept {
    if (!connection.belongs_to(context, generation) ||
        connection.strand_.load(std::memory_order_acquire) != &connection.own_strand_ ||
        !connection.own_strand_.is_idle()) {
        return nullptr;
    }
    WorkerGroup* const home = connection.own_strand_.home_at_some_time();
    return home != nullptr && home->thread_count() == 1 ? home : nullptr;
}

// A broadcast that finds the queue full is not tried again, so no on_writable is owed for it.
Sharing::Result Sharing::reserve(Connection& connection, const ConnectionContext& context,
                                 std::uint64_t generation, const Share& share) noexcept {
    constexpr std::uint32_t cost = cost_of_share<Connection::ExternalSend>();
    const ConnectionContext* its = connection.own_context(context, generation);
    if (its == nullptr) {
        return Result::gone;
    }
    switch (connection.word_.reserve(generation, size_of(share) + cost,
                                     its->limits.send_queue_bytes, false)) {
        case Reserve::accepted: return Result::taken;
        case Reserve::would_block: return Result::full;
        case Reserve::finished:
        case Reserve::gone: break;
    }
    return Result::gone;
}

Sharing::Result Sharing::send(Connection& connection, const ConnectionContext& context,
                              std::uint64_t generation, Share& share) noexcept {
    if (!connection.belongs_to(context, generation)) {
        return Result::gone;
    }
    const bool on_strand = connection.on_strand();
    if (on_strand && connection.stage_ == Connection::Stage::opening && !connection.is_outbound() &&
        connection.opened_ns_ == 0) {
        return Result::gone;  // nobody has greeted it yet: its on_open comes first
    }
    // Its memory comes first, as in connection_sends.cpp.
    auto* send = Connection::ExternalSend::make(connection, share);
    if (send == nullptr) {
        return Result::no_memory;
    }
    const bool direct = on_strand && connection.no_call_on_its_way(generation);
    const Result reserved = reserve(connection, context, generation, share);
    if (reserved != Result::taken) {
        Connection::ExternalSend::destroy(send);
    } else if (direct) {
        connection.queue_.append(*send);
        connection.end_turn_later();
    } else {
        connection.strand().deliver(*send);
    }
    return reserved;
}

void Sharing::expect(const Connection& connection) noexcept {
    constexpr std::size_t line_bytes = 64;
    const char* const begin = reinterpret_cast<const char*>(&connection);
    for (std::size_t at = 0; at < sizeof connection; at += line_bytes) {
        PORTICO_PREFETCH(begin + at);
    }
}

// ---- on the home's thread

bool Sharing::bring(Connection& connection, Worker& worker, Share& share) noexcept {
    Strand& strand = connection.strand();
    if (!strand.begin_turn(worker)) {
        return false;
    }
    worker.before_callback(connection.context());
    take(connection, share);
    strand.end_turn(worker);
    return true;
}

void Sharing::take(Connection& connection, Share& share) noexcept {
    using Stage = Connection::Stage;
    constexpr std::uint32_t cost = cost_of_share<Connection::ExternalSend>();
    const bool is_opening = connection.stage_ == Stage::opening;
    if (is_opening && (!connection.is_outbound() || connection.conditions_.aborting)) {
        // Somebody guessed its handle before on_open. (Or it is to end before it has begun.)
        connection.give_back(size_of(share) + cost);
        return;
    }
    const bool is_wanted = is_opening || connection.takes_sends();
    auto* send = is_wanted ? Connection::ExternalSend::make(connection, share) : nullptr;
    if (send != nullptr) {
        PORTICO_ASSERT(!connection.end_sent_);
        connection.queue_.append(*send);  // it takes over the reservation
        connection.end_turn_later();
    } else {
        if (is_wanted) {
            connection.abort(CloseReason::no_memory);
        }
        if (connection.stage_ != Stage::joining) {
            connection.begin_join();
        }
        connection.lost_bytes() += size_of(share);
        connection.give_back(size_of(share) + cost);
    }
    connection.advance();
}

void Sharing::take_what_is_on_its_way(Connection& connection) noexcept {
    Walks& walks = connection.strand().home().walks();
    if (!walks.any()) [[likely]] {
        return;
    }
    // A share counts for at least so much.
    constexpr std::uint32_t cost = cost_of_share<Connection::ExternalSend>();
    const std::uint32_t reserved = SlotWord::reserved_of(connection.word_.load());
    if (connection.stage_ != Connection::Stage::opening &&
        reserved - connection.queue_.bytes() >= cost) {
        walks.reach(connection);
    }
}

}  // namespace portico::net
