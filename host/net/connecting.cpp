#include "net/connecting.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "net/connection_inline.hpp"
#include "net/connection_table.hpp"
#include "net/connector.hpp"
#include "net/external_send.hpp"
#include "net/sharing.hpp"

namespace portico::net {

namespace {

// If nobody listens on a port that the system also gives to clients, a socket may be given that
// very port, and connects to itself (RFC 9293, a simultaneous open).
bool is_connected_to_itself(const io::Socket& socket, const io::Address& remote) noexcept {
    const io::Address local = socket.local_address();
    return local.port == remote.port && local == socket.peer_address();
}

}  // namespace

// ---- of the connection

// In memory of its own, because the connector's thread may not use the chunks of the home's.
bool Connection::greet(std::span<const std::byte> bytes) noexcept {
    PORTICO_ASSERT(stage_ == Stage::free && queue_.empty());
    ExternalSend* greeting = ExternalSend::make(*this, Parts(bytes), nullptr, nullptr);
    if (greeting == nullptr) {
        return false;
    }
    queue_.append(*greeting);
    return true;
}

void Connection::take_target(const ConnectionContext& context, Connecting* connecting,
                             void* initial_state) noexcept {
    PORTICO_ASSERT(stage_ == Stage::free && !connecting->addresses.empty());
    context_.store(&context, std::memory_order_release);
    counts_movement_ = context.limits.idle_timeout_ms != 0;
    state = initial_state;
    received_bytes_ = reinterpret_cast<std::uintptr_t>(connecting);
    connecting->belong_to(*this);
    connecting->greeting_reserved = static_cast<std::uint32_t>(queue_.bytes());
    connecting->greeting_bytes = static_cast<std::uint32_t>(queue_.unsent_bytes());
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
    accepted_ = is_connecting_ = true;
    since_ns_ = port().now();
    if (!conditions_.aborting) {
        connecting()->try_next_address();
    }
}

// A connection that is to close has no use for its peer, unless bytes wait for it.
bool Connection::step_connecting() noexcept {
    if (conditions_.close_wanted && queue_.bytes() == connecting()->greeting_reserved &&
        SlotWord::reserved_of(word_.load()) == connecting()->greeting_reserved) {
        begin_join();
        return true;
    }
    return false;
}

// ---- the attempts

void Connecting::belong_to(Connection& its_connection) noexcept {
    connection_ = &its_connection;
    prepare(in_place_);
    in_place_.socket = &its_connection.socket_;
}

void Connecting::prepare(ConnectAttempt& attempt) noexcept {
    attempt.connecting = this;
    attempt.completed = [](io::Operation& operation) {
        auto& back = static_cast<ConnectAttempt&>(operation);
        back.connecting->connection_->strand().deliver(back);
    };
    attempt.deliver = [](Mail& mail) {
        auto& back = static_cast<ConnectAttempt&>(mail);
        Connection& connection = *back.connecting->connection_;
        connection.begin_on(*Worker::current());
        Sharing::take_what_is_on_its_way(connection);
        back.connecting->ended(back);
        connection.advance();
    };
}

void Connecting::try_next_address() noexcept {
    while (may_begin()) {
        switch (begin_attempt(addresses[tried_++])) {
            case Begun::yes: next_ns_ = connection_->port().now() + attempt_delay_ns; return;
            case Begun::no: break;
            case Begun::no_memory: connection_->abort(CloseReason::no_memory); return;
        }
    }
    if (count_ == 0) {
        fail();
    }
}

Connecting::Begun Connecting::begin_attempt(const io::Address& address) noexcept {
    ConnectAttempt* attempt = &in_place_;
    if (connection_->socket_.is_open()) {  // (What is in flight, the port's, is not looked into.)
        SpareAttempt* const spare = connection_->context().connector->take_spare();
        if (spare == nullptr) {
            return Begun::no_memory;
        }
        prepare(*spare);
        spare->socket = &spare->own;
        attempt = spare;
    }
    bool is_ready = false;
    bool has_memory = true;
    // Opening and attaching fail with a text, and may have no memory for it.
    try {
        is_ready = make_ready(*attempt, address);
    } catch (const std::bad_alloc&) {
        has_memory = false;
    }
    if (!is_ready) {
        close(*attempt);
        return has_memory ? Begun::no : Begun::no_memory;
    }
    in_flight_[count_++] = attempt;
    attempt->remote = address;
    connection_->port().connect(*attempt);
    return Begun::yes;
}

bool Connecting::make_ready(ConnectAttempt& attempt, const io::Address& address) {
    base::Result<void> ready = attempt.socket->open_for_connect(address.family);
    if (ready) {
        attempt.socket->set_timeouts(timeouts_of(connection_->context().limits));
        ready = connection_->port().attach(*attempt.socket);
    }
    if (!ready) {
        const ConnectionContext& context = connection_->context();
        context.log->compose(
            base::LogLevel::info, context.listener_name, connection_->handle(),
            [&] { return "connect to " + io::to_string(address) + ": " + ready.error(); });
    }
    return static_cast<bool>(ready);
}

std::uint64_t Connecting::next_attempt_ns() const noexcept {
    return may_begin() ? next_ns_ : UINT64_MAX;
}

void Connecting::time_has_come(std::uint64_t now) noexcept {
    if (now >= next_attempt_ns()) {
        try_next_address();
    }
}

void Connecting::ended(ConnectAttempt& attempt) noexcept {
    const auto end_of_flight = in_flight_.begin() + static_cast<std::ptrdiff_t>(count_);
    const auto its_place = std::find(in_flight_.begin(), end_of_flight, &attempt);
    PORTICO_ASSERT(its_place != end_of_flight);
    *its_place = in_flight_[--count_];
    const bool is_wanted = connection_->stage_ == Connection::Stage::connecting &&
                           !connection_->conditions_.aborting;
    if (is_wanted && winner_ == nullptr) {
        if (has_succeeded(attempt)) {
            winner_ = &attempt;
            cancel_all();
        } else {
            close(attempt);
            try_next_address();
            return;
        }
    } else {
        close(attempt);
    }
    if (count_ == 0) {
        if (is_wanted) {
            open();
        } else {
            end();
        }
    }
}

bool Connecting::has_succeeded(ConnectAttempt& attempt) noexcept {
    const bool has_met_itself = attempt.error == io::Error::none &&
                                is_connected_to_itself(*attempt.socket, attempt.remote);
    if (attempt.error == io::Error::none && !has_met_itself) {
        return true;
    }
    if (has_met_itself) {
        attempt.socket->reset_on_close();  // so that its port is free for the server again
    }
    last_native_error_ = attempt.native_error;
    has_timed_out_ = attempt.error == io::Error::timed_out;
    const ConnectionContext& context = connection_->context();
    context.log->compose(base::LogLevel::info, context.listener_name, connection_->handle(), [&] {
        return "connect to " + io::to_string(attempt.remote) + ": " +
               (has_met_itself ? "nobody listens there"
                               : io::native_error_text(attempt.native_error));
    });
    return false;
}

void Connecting::cancel_all() noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
        connection_->port().cancel(*in_flight_[i]);
    }
}

void Connecting::give_up() noexcept {
    if (count_ != 0) {
        cancel_all();
    } else {
        end();
    }
}

void Connecting::close(ConnectAttempt& attempt) noexcept {
    if (attempt.socket->is_open()) {
        connection_->port().close(*attempt.socket);
    }
    if (&attempt != &in_place_) {
        connection_->context().connector->give_spare(static_cast<SpareAttempt&>(attempt));
    }
}

// It is connected. If the plugin has closed it meanwhile, what it had sent still goes out.
void Connecting::open() noexcept {
    Connection& its = *connection_;
    if (winner_ != &in_place_) {
        its.port().move(*winner_->socket, its.socket_);
    }
    if (addresses.size() != 1) {
        its.peer_.store(winner_->remote);
    }
    its.local_.store(its.socket_.local_address());
    if (winner_ != &in_place_) {
        close(*std::exchange(winner_, nullptr));
    }
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
}

void Connecting::end() noexcept {
    Connection& its = *connection_;
    // (A winner with the connection's own socket leaves it to the connection.)
    if (winner_ != nullptr && winner_ != &in_place_) {
        close(*winner_);
    }
    if (its.stage_ == Connection::Stage::joining && greeting_bytes != 0) {
        its.drop_queue();
        its.lost_bytes() -= greeting_bytes;  // which are not the plugin's
    }
    delete this;
    its.is_connecting_ = false;
    its.received_bytes_ = 0;  // it was in use for this
}

}  // namespace portico::net
