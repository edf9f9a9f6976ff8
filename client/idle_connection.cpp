#include "idle_connection.hpp"

#include "base/assert.hpp"

namespace portico::client {

IdleConnection::IdleConnection(SessionContext& context) noexcept : context_(context) {
    prepare<&IdleConnection::on_connect>(connect_, *this);
    prepare<&IdleConnection::on_receive>(receive_, *this);
    prepare<&IdleConnection::on_timer>(timer_, *this);
    connect_.socket = &socket_;
    receive_.socket = &socket_;
}

void IdleConnection::connect() noexcept {
    PORTICO_ASSERT(state_ == State::unopened);
    state_ = State::connecting;
    ++context_.connecting;
    address_ = static_cast<std::uint32_t>(context_.address);
    open();
}

void IdleConnection::open() noexcept {
    const io::Address& remote = context_.plan.addresses[address_];
    if (const auto opened = context_.open(socket_, remote); !opened) {
        broken([&] { return opened.error(); });
        return;
    }
    connect_.remote = remote;
    connect_.pending = true;
    context_.port.connect(connect_);
    if (!timer_.pending) {
        timer_.deadline_ns = context_.port.now() + context_.plan.connect_timeout_ns;
        timer_.pending = true;
        context_.port.timer(timer_);
    }
}

void IdleConnection::on_connect() noexcept {
    if (state_ == State::closing) {
        close_if_joined();
        return;
    }
    if (connect_.error != io::Error::none) {
        if (!has_timed_out_ && context_.tries_address_after(address_)) {
            context_.port.close(socket_);
            ++address_;
            open();
            return;
        }
        broken([&] { return reason_of_connect(connect_, has_timed_out_); });
        return;
    }
    --context_.connecting;
    ++context_.totals.idle_opened;
    context_.has_connected = true;
    context_.address = address_;
    state_ = State::open;
    if (timer_.in_flight) {
        context_.port.cancel(timer_);
    }
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

void IdleConnection::on_timer() noexcept {
    if (state_ == State::closing) {
        close_if_joined();
    } else if (state_ == State::connecting) {
        has_timed_out_ = true;
        if (connect_.in_flight) {
            context_.port.cancel(connect_);
        }
    }
}

template <class Reason>
void IdleConnection::broken(const Reason& reason) noexcept {
    ++context_.totals.idle_broken;
    context_.note_failure(reason);
    close();
}

void IdleConnection::end() noexcept {
    if (state_ != State::closing && state_ != State::done) {
        close();
    }
}

void IdleConnection::close() noexcept {
    if (state_ == State::connecting) {
        --context_.connecting;
    }
    state_ = State::closing;
    const auto cancel = [&](auto& operation) {
        if (operation.in_flight) {
            context_.port.cancel(operation);
        }
    };
    cancel(connect_);
    cancel(receive_);
    cancel(timer_);
    close_if_joined();
}

void IdleConnection::close_if_joined() noexcept {
    if (connect_.pending || receive_.pending || timer_.pending) {
        return;
    }
    if (socket_.is_open()) {
        context_.port.close(socket_);
    }
    state_ = State::done;
}

}  // namespace portico::client
