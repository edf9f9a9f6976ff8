#include "load/idle_connection.hpp"

#include <utility>

#include "base/assert.hpp"

namespace portico::client {

IdleConnection::IdleConnection(SessionContext& context) noexcept
    : context_(context), connector_(context, this, [](void* self) {
          static_cast<IdleConnection*>(self)->on_connector();
      }) {
    prepare<&IdleConnection::on_receive>(receive_, *this);
}

void IdleConnection::connect() noexcept {
    PORTICO_ASSERT(state_ == State::unopened);
    context_.idle_waiting -= is_out_ ? 1U : 0U;
    state_ = State::connecting;
    connector_.begin(context_.plan.connect_timeout_ns);
}

void IdleConnection::on_connector() noexcept {
    if (state_ == State::closing) {
        close_if_joined();
        return;
    }
    if (!connector_.is_connected()) {
        broken([&] { return connector_.reason(); });
        return;
    }
    ++(is_out_ ? context_.totals.reconnects : context_.totals.idle_opened);
    is_out_ = false;
    is_open_once_ = true;
    state_ = State::open;
    receive_.socket = &connector_.socket();
    receive_.pending = true;
    context_.port.receive(receive_);
}

void IdleConnection::on_receive() noexcept {
    if (receive_.bytes != 0) {
        context_.port.buffers().give_back(receive_.buffer);
    }
    if (state_ == State::closing) {
        close_if_joined();
    } else if (receive_.bytes != 0) {
        receive_.pending = true;
        context_.port.receive(receive_);
    } else if (receive_.error != io::Error::none) {
        broken([&] { return "idle: " + reason_of(receive_); });
    } else {
        broken([] { return std::string("idle: closed by the peer"); });
    }
}

template <class Reason>
void IdleConnection::broken(const Reason& reason) noexcept {
    if (context_.plan.reconnect && is_open_once_) {
        if (!std::exchange(is_out_, true)) {
            context_.note_failure(reason);
        }
    } else {
        ++context_.totals.idle_broken;
        context_.note_failure(reason);
    }
    close();
}

void IdleConnection::end() noexcept {
    is_over_ = true;
    context_.totals.idle_broken += is_out_ ? 1U : 0U;  // it has not come back
    context_.idle_waiting -= waits_for_connect() ? 1U : 0U;
    is_out_ = false;
    if (state_ != State::closing && state_ != State::done) {
        close();
    }
}

void IdleConnection::close() noexcept {
    state_ = State::closing;
    connector_.cancel();
    if (receive_.in_flight) {
        context_.port.cancel(receive_);
    }
    close_if_joined();
}

void IdleConnection::close_if_joined() noexcept {
    if (connector_.is_pending() || receive_.pending) {
        return;
    }
    connector_.close_socket();
    if (is_out_ && !is_over_) {
        state_ = State::unopened;
        ++context_.idle_waiting;
        return;
    }
    state_ = State::done;
}

}  // namespace portico::client
