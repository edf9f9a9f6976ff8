#include "load/hostile_connection.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "load/load.hpp"

namespace portico::client {

namespace {

// The time from the end of one connection to the next: bad clients are a nuisance, not the whole
// load.
constexpr std::uint64_t hostile_backoff_ns = 50 * base::nanoseconds_per_millisecond;
constexpr std::uint64_t slow_ns = 10 * base::nanoseconds_per_millisecond;
constexpr std::uint64_t connect_timeout_ns = 5 * base::nanoseconds_per_second;
// A server that takes so much of an endless frame has no limit.
constexpr std::uint64_t endless_bytes = 64 * 1'048'576;

}  // namespace

HostileConnection::HostileConnection(SessionContext& context, const HostileBytes& bytes,
                                     Hostile mode) noexcept
    : context_(context), bytes_(bytes), mode_(mode), connector_(context, this, [](void* self) {
          static_cast<HostileConnection*>(self)->on_connector();
      }) {
    prepare<&HostileConnection::on_receive>(receive_, *this);
    prepare<&HostileConnection::on_send>(send_, *this);
    prepare<&HostileConnection::on_timer>(timer_, *this);
    send_.buffers = {&part_, 1};
}

void HostileConnection::begin() noexcept {
    PORTICO_ASSERT(state_ == State::backoff && !timer_.pending);
    if (!is_over_) {
        connect();
    }
}

void HostileConnection::connect() noexcept {
    if (context_.connecting >= connecting_max) {
        wait_ns(hostile_backoff_ns);
        return;
    }
    state_ = State::connecting;
    sent_ = 0;
    has_finished_ = false;
    connector_.begin(connect_timeout_ns);
}

void HostileConnection::on_connector() noexcept {
    if (state_ == State::closing) {
        close_if_joined();
        return;
    }
    if (!connector_.is_connected()) {
        ++context_.totals.hostile_failed;
        close();
        return;
    }
    ++context_.totals.hostile_opened;
    state_ = State::acting;
    receive_.socket = send_.socket = &connector_.socket();
    if (mode_ != Hostile::slow_reader) {
        receive_.pending = true;
        context_.port.receive(receive_);
    }
    act();
}

void HostileConnection::on_receive() noexcept {
    if (receive_.bytes != 0) {
        context_.port.buffers().give_back(receive_.buffer);
    }
    if (state_ == State::closing) {
        close_if_joined();
    } else if (receive_.bytes != 0) {
        receive_.pending = true;
        context_.port.receive(receive_);
    } else {
        context_.totals.hostile_ended += has_finished_ && receive_.error == io::Error::none ? 0 : 1;
        close();
    }
}

void HostileConnection::on_send() noexcept {
    if (state_ == State::closing) {
        close_if_joined();
        return;
    }
    if (send_.error != io::Error::none) {
        ++context_.totals.hostile_ended;
        close();
        return;
    }
    sent_ += send_.bytes;
    if (mode_ == Hostile::slow_writer) {
        wait_ns(slow_ns);  // on_timer goes on
    } else {
        act();
    }
}

void HostileConnection::on_timer() noexcept {
    switch (state_) {
        case State::backoff:
            if (is_over_) {
                state_ = State::done;
            } else {
                connect();
            }
            return;
        case State::connecting: return;
        case State::acting: act(); return;
        case State::closing: close_if_joined(); return;
        case State::done: return;
    }
}

void HostileConnection::act() noexcept {
    const std::span<const std::byte> message = bytes_.message;
    switch (mode_) {
        case Hostile::silent: return;  // until the server, or the run, ends it
        case Hostile::slow_reader:
            send(std::span(bytes_.messages)
                     .subspan(static_cast<std::size_t>(sent_ % bytes_.messages.size())));
            return;
        case Hostile::slow_writer:
            send(message.subspan(static_cast<std::size_t>(sent_ % message.size()), 1));
            return;
        case Hostile::reset:
            if (sent_ < std::max<std::size_t>(message.size() / 2, 1)) {
                send(message.subspan(static_cast<std::size_t>(sent_),
                                     std::max<std::size_t>(message.size() / 2, 1) -
                                         static_cast<std::size_t>(sent_)));
            } else {
                connector_.socket().reset_on_close();
                close();
            }
            return;
        case Hostile::half_close:
            if (sent_ < message.size()) {
                send(message.subspan(static_cast<std::size_t>(sent_)));
            } else {
                finish_sending();
            }
            return;
        case Hostile::oversized:
            if (sent_ >= endless_bytes) {
                close();
            } else if (sent_ < bytes_.endless.size()) {
                send(std::span(bytes_.endless).subspan(static_cast<std::size_t>(sent_)));
            } else {
                send(bytes_.endless_more);
            }
            return;
        case Hostile::garbage:
            if (sent_ < bytes_.garbage.size()) {
                send(std::span(bytes_.garbage).subspan(static_cast<std::size_t>(sent_)));
            } else {
                finish_sending();
            }
            return;
    }
}

void HostileConnection::send(std::span<const std::byte> bytes) noexcept {
    part_ = {bytes.data(), bytes.size()};
    send_.pending = true;
    context_.port.send(send_);
}

// After this it waits for the server to end its side.
void HostileConnection::finish_sending() noexcept {
    has_finished_ = true;
    if (!connector_.socket().shutdown_send()) {
        close();
    }
}

void HostileConnection::wait_ns(std::uint64_t time_ns) noexcept {
    timer_.deadline_ns = context_.port.now() + time_ns;
    timer_.pending = true;
    context_.port.timer(timer_);
}

void HostileConnection::end() noexcept {
    is_over_ = true;
    if (state_ == State::backoff) {
        if (timer_.in_flight) {
            context_.port.cancel(timer_);
        } else if (!timer_.pending) {
            state_ = State::done;
        }
    } else if (state_ == State::connecting || state_ == State::acting) {
        close();
    }
}

void HostileConnection::close() noexcept {
    state_ = State::closing;
    connector_.cancel();
    const auto cancel = [&](auto& operation) {
        if (operation.in_flight) {
            context_.port.cancel(operation);
        }
    };
    cancel(receive_);
    cancel(send_);
    cancel(timer_);
    close_if_joined();
}

void HostileConnection::close_if_joined() noexcept {
    if (connector_.is_pending() || receive_.pending || send_.pending || timer_.pending) {
        return;
    }
    connector_.close_socket();
    if (is_over_) {
        state_ = State::done;
        return;
    }
    state_ = State::backoff;
    wait_ns(hostile_backoff_ns);
}

}  // namespace portico::client
