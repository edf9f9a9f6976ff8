#include "net/connecting.hpp"

#include <new>
#include <string>

#include "net/connection_inline.hpp"
#include "net/connection_table.hpp"

namespace portico::net {

namespace {

io::PeerTimeouts timeouts_of(const config::Limits& limits) noexcept {
    io::PeerTimeouts timeouts;
    timeouts.keepalive_idle_ms = limits.keepalive_idle_ms;
    timeouts.keepalive_interval_ms = limits.keepalive_interval_ms;
    timeouts.keepalive_probes = limits.keepalive_probes;
    timeouts.unacknowledged_ms = limits.unacknowledged_timeout_ms;
    return timeouts;
}

// If nobody listens on a port that the system also gives to clients, a socket may be given that
// very port, and connects to itself (RFC 9293, a simultaneous open).
bool is_connected_to_itself(const io::Socket& socket, const io::Address& remote) noexcept {
    const io::Address local = socket.local_address();
    return local.port == remote.port && local == socket.peer_address();
}

}  // namespace

// ---- of the connection

void Connection::take_target(const ConnectionContext& context, Connecting* connecting,
                             void* initial_state) noexcept {
    PORTICO_ASSERT(stage_ == Stage::free && !connecting->addresses.empty());
    context_.store(&context, std::memory_order_release);
    state = initial_state;
    connecting_ = connecting;
    connecting->belong_to(*this);
    // Of several addresses the peer is known when one has answered.
    peer_.store(connecting->addresses.size() == 1 ? connecting->addresses.front() : io::Address{});
    local_.store({});
}

WorkerGroup* Connection::home_of(const ConnectionContext& context,
                                 std::uint64_t generation) const noexcept {
    // As in Connection::home_for(): if the connection lives when its word is loaded, this is its
    // home.
    const Strand* its = strand_.load(std::memory_order_acquire);
    WorkerGroup* home = its == &own_strand_ ? own_strand_.home_at_some_time() : nullptr;
    return belongs_to(context, generation) && (is_live() || on_strand()) ? home : nullptr;
}

void Connection::begin_connecting() noexcept {
    stage_ = Stage::connecting;
    accepted_ = true;
    since_ns_ = port().now();
    if (conditions_.aborting) {
        connecting_->end();
    } else {
        connecting_->try_next_address();
    }
}

void Connection::connected() noexcept {
    is_connecting_ = false;
    if (stage_ == Stage::connecting && !conditions_.aborting) {
        connecting_->attempt_ended();
    } else {
        connecting_->end();  // it is too late
    }
    advance();
}

// A connection that is to close has no use for its peer, unless bytes wait for it.
bool Connection::step_connecting() noexcept {
    if (conditions_.close_wanted && queue_.empty() && SlotWord::reserved_of(word_.load()) == 0) {
        begin_join();
        return true;
    }
    return false;
}

// ---- the attempts

void Connecting::belong_to(Connection& its_connection) noexcept {
    connection_ = &its_connection;
    socket = &its_connection.socket_;
    completed = [](io::Operation& operation) {
        static_cast<Connecting&>(operation).connection_->raise_connected();
    };
}

void Connecting::try_next_address() noexcept {
    while (tried_ < addresses.size()) {
        // Opening and attaching fail with a text, and may have no memory for it.
        try {
            if (begin_attempt(addresses[tried_++])) {
                return;
            }
        } catch (const std::bad_alloc&) {
            connection_->abort(CloseReason::no_memory);
            end();
            return;
        }
        if (socket->is_open()) {
            connection_->port().close(*socket);
        }
    }
    fail();
}

bool Connecting::begin_attempt(const io::Address& address) {
    base::Result<void> ready = socket->open_for_connect(address.family);
    if (ready) {
        socket->set_timeouts(timeouts_of(connection_->context().limits));
        ready = connection_->port().attach(*socket);
    }
    if (!ready) {
        const ConnectionContext& context = connection_->context();
        context.log->compose(
            base::LogLevel::info, context.listener_name, connection_->handle(),
            [&] { return "connect to " + io::to_string(address) + ": " + ready.error(); });
        return false;
    }
    remote = address;
    connection_->is_connecting_ = true;
    connection_->port().connect(*this);
    return true;
}

void Connecting::attempt_ended() noexcept {
    if (has_succeeded()) {
        open();
    } else {
        connection_->port().close(*socket);
        try_next_address();
    }
}

bool Connecting::has_succeeded() noexcept {
    const bool has_met_itself = error == io::Error::none && is_connected_to_itself(*socket, remote);
    if (error == io::Error::none && !has_met_itself) {
        return true;
    }
    if (has_met_itself) {
        socket->reset_on_close();  // so that its port is free for the server again
    }
    last_native_error_ = native_error;
    has_timed_out_ = error == io::Error::timed_out;
    const ConnectionContext& context = connection_->context();
    context.log->compose(base::LogLevel::info, context.listener_name, connection_->handle(), [&] {
        return "connect to " + io::to_string(remote) + ": " +
               (has_met_itself ? "nobody listens there" : io::native_error_text(native_error));
    });
    return false;
}

// It is connected. If the plugin has closed it meanwhile, what it had sent still goes out.
void Connecting::open() noexcept {
    Connection& its = *connection_;
    if (addresses.size() != 1) {
        its.peer_.store(remote);
    }
    its.local_.store(socket->local_address());
    end();
    its.since_ns_ = its.port().now();
    if (!its.conditions_.close_wanted) {
        its.opened_ns_ = its.since_ns_;
        its.context().log->compose(
            base::LogLevel::debug, its.context().listener_name, its.handle(),
            [&] { return "connected to " + io::to_string(its.peer_.load()); });
        if (!its.protocol().on_open(its, 0)) {
            its.abort(CloseReason::plugin_error);
            return;
        }
    }
    its.stage_ = Connection::Stage::open;
    if (!its.queue_.empty()) {
        its.end_turn_later();
    }
}

void Connecting::fail() noexcept {
    const CloseReason reason = has_timed_out_ ? CloseReason::connect_timeout
                                              : CloseReason::connect_failed;
    connection_->abort(reason);
    if (connection_->reason_ == reason) {
        connection_->moved_bytes_ = static_cast<std::uint32_t>(last_native_error_);
    }
    end();
}

void Connecting::end() noexcept {
    Connection& its = *connection_;
    delete this;
    its.opened_ns_ = 0;  // it was in use as connecting_
}

}  // namespace portico::net
