// The opening of a connection: it takes over the accepted socket, gets its strand, is attached to
// its home's port, and asks the protocol.
#include <algorithm>
#include <new>
#include <utility>

#include "net/connection_inline.hpp"
#include "net/connection_table.hpp"

namespace portico::net {

void Connection::take_socket(const ConnectionContext& context, io::NativeSocket accepted,
                             const io::Address& peer, const io::Address& local,
                             std::uint32_t listen_index) noexcept {
    PORTICO_ASSERT(stage_ == Stage::free);
    context_.store(&context, std::memory_order_release);
    moved_bytes_ = listen_index;
    counts_movement_ = context.limits.idle_timeout_ms != 0;
    socket_.adopt(accepted);
    peer_.store(peer);
    const bool is_any = std::all_of(local.bytes.begin(), local.bytes.end(),
                                    [](std::uint8_t byte) { return byte == 0; });
    local_.store(is_any ? socket_.local_address() : local);
}

void Connection::open(WorkerGroup& home, Strand* shared_strand) noexcept {
    PORTICO_ASSERT(stage_ == Stage::free);
    stage_ = Stage::opening;
    if (shared_strand == nullptr) {
        own_strand_.set_home(home);
        strand_.store(&own_strand_, std::memory_order_release);
    } else {
        PORTICO_ASSERT(&shared_strand->home() == &home);
        strand_.store(shared_strand, std::memory_order_release);
    }
    traffic_ = &context().traffic->row_of(home);
    word_.open(static_cast<std::uint32_t>(queue_.bytes()));
}

void Connection::begin() noexcept {
    // (A timer that was started with a guessed handle may have raised its event already.)
    if (events_.fetch_or(event_opened, std::memory_order_acq_rel) == 0) {
        strand().deliver(*this);
    }
}

void Connection::opened() noexcept {
    if (is_outbound()) {
        begin_connecting();
        advance();
        return;
    }
    opened_ns_ = port().now();
    const std::uint32_t listen_index = std::exchange(moved_bytes_, 0);
    if (attach()) {
        context().log->compose(base::LogLevel::debug, context().listener_name, handle(), [&] {
            return "client " + io::to_string(peer_.load()) + " connected";
        });
        touch();
        if (protocol().on_open(*this, listen_index)) {
            accepted_ = true;
            stage_ = Stage::open;
            if (!queue_.empty()) {
                // bytes that other callbacks on this strand sent before on_open could not leave yet
                end_turn_later();
            }
        } else {
            traffic_->count_refusal(Refusal::plugin);
            abort(CloseReason::plugin);
        }
    }
    if (!accepted_) {
        begin_join();
    }
    advance();
}

bool Connection::attach() noexcept {
    // The port refuses with a text, as at start-up, and may have no memory for it.
    try {
        const base::Result<void> attached = port().attach(socket_);
        if (attached) {
            return true;
        }
        context().log->compose(base::LogLevel::error, context().listener_name, handle(),
                               [&] { return "connection dropped: " + attached.error(); });
        abort(CloseReason::error);
    } catch (const std::bad_alloc&) {
        abort(CloseReason::no_memory);
    }
    return false;
}

}  // namespace portico::net
