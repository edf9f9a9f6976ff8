#include "load/connector.hpp"

#include <algorithm>
#include <new>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace portico::client {

namespace {

// RFC 8305, section 5: the recommended Connection Attempt Delay.
constexpr std::uint64_t beside_after_ns = 250 * base::nanoseconds_per_millisecond;

}  // namespace

bool is_connected_to_itself(const io::Socket& socket, const io::Address& remote) noexcept {
    const io::Address local = socket.local_address();
    // `remote` may be 0.0.0.0, which the system takes for an address of its own.
    return local.port == remote.port && local == socket.peer_address();
}

Connector::Connector(SessionContext& context, void* owner, void (*changed)(void*)) noexcept
    : context_(context), owner_(owner), changed_(changed) {
    first_.connector = this;
    prepare<&Connector::on_timer>(timer_, *this);
}

template <class Call>
void Connector::for_each_attempt(const Call& call) noexcept {
    call(first_);
    for (std::size_t i = 0; i < others_size_; ++i) {
        call(others_[i]);
    }
}

void Connector::begin(std::uint64_t timeout_ns) noexcept {
    PORTICO_ASSERT(state_ == State::idle && !is_pending());
    state_ = State::connecting;
    ++context_.connecting;
    is_cancelled_ = has_timed_out_ = has_met_itself_ = false;
    not_opened_.clear();
    timeout_ns_ = timeout_ns;
    first_address_ = next_ = context_.address;
    end_ = context_.has_connected ? first_address_ + 1 : context_.plan.addresses.size();
    const std::size_t others = end_ - first_address_ - 1;
    if (others > others_size_) {
        others_.reset(new (std::nothrow) Attempt[others]);
        others_size_ = others_ != nullptr ? others : 0;
        end_ = first_address_ + 1 + others_size_;  // out of memory: only the first
        for (std::size_t i = 0; i < others_size_; ++i) {
            others_[i].connector = this;
        }
    }
    begin_next();
}

// Starts the next attempt. If none can be started and none is pending, the connect has failed.
void Connector::begin_next() noexcept {
    while (has_next()) {
        const std::size_t address = next_++;
        Attempt& attempt = address == first_address_ ? first_
                                                     : others_[address - first_address_ - 1];
        if (begin_attempt(attempt, address)) {
            arm_timer();
            return;
        }
    }
    if (attempts_pending_ == 0) {
        end_as(State::failed);
    }
}

bool Connector::begin_attempt(Attempt& attempt, std::size_t address) noexcept {
    attempt_ns_ = context_.port.now();
    const io::Address& remote = context_.plan.addresses[address];
    if (const auto opened = context_.open(attempt.socket, remote); !opened) {
        try {
            not_opened_ = opened.error();
        } catch (const std::bad_alloc&) {
            not_opened_ = "out of memory";  // such a short text allocates nothing
        }
        return false;
    }
    attempt.operation.socket = &attempt.socket;
    attempt.operation.remote = remote;
    attempt.operation.pending = true;
    ++attempts_pending_;
    context_.port.connect(attempt.operation);
    return true;
}

std::uint64_t Connector::next_event_ns() const noexcept {
    return attempt_ns_ + (has_next() ? std::min(beside_after_ns, timeout_ns_) : timeout_ns_);
}

// If it is armed already, it fires early enough and is armed again then.
void Connector::arm_timer() noexcept {
    if (!timer_.pending) {
        timer_.deadline_ns = next_event_ns();
        timer_.pending = true;
        context_.port.timer(timer_);
    }
}

void Connector::on_timer() noexcept {
    if (state_ != State::connecting || is_cancelled_) {
        report_if_cancelled();
        return;
    }
    if (context_.port.now() < next_event_ns()) {
        arm_timer();
    } else if (has_next()) {
        begin_next();
    } else {
        has_timed_out_ = true;
        end_as(State::failed);
    }
}

void Connector::on_connect(Attempt& attempt) noexcept {
    --attempts_pending_;
    if (state_ != State::connecting || is_cancelled_) {
        context_.port.close(attempt.socket);
        report_if_cancelled();
        return;
    }
    if (attempt.operation.error == io::Error::none &&
        !is_connected_to_itself(attempt.socket, attempt.operation.remote)) {
        take(attempt);
        return;
    }
    has_met_itself_ = attempt.operation.error == io::Error::none;
    if (has_met_itself_) {
        attempt.socket.reset_on_close();  // so that its port is free for the server again
    }
    failed_ = attempt.operation.remote;
    failed_error_ = attempt.operation.error;
    failed_native_ = attempt.operation.native_error;
    not_opened_.clear();
    context_.port.close(attempt.socket);
    // Another connection may have found the good address meanwhile.
    if (!has_next() && attempts_pending_ == 0 && context_.has_connected &&
        context_.address > first_address_ && &attempt == &first_) {
        first_address_ = next_ = context_.address;
        end_ = next_ + 1;
    }
    if (has_next()) {
        begin_next();
    } else if (attempts_pending_ == 0) {
        end_as(State::failed);
    }
}

void Connector::take(Attempt& attempt) noexcept {
    socket_ = &attempt.socket;
    const std::size_t its = &attempt == &first_
                                ? 0
                                : static_cast<std::size_t>(&attempt - others_.get()) + 1;
    context_.has_connected = true;
    context_.address = first_address_ + its;
    end_as(State::connected);
}

void Connector::end_as(State state) noexcept {
    state_ = state;
    --context_.connecting;
    context_.has_tried = true;
    cancel_all();
    changed_(owner_);
}

void Connector::cancel_all() noexcept {
    for_each_attempt([&](Attempt& attempt) {
        if (attempt.operation.in_flight) {
            context_.port.cancel(attempt.operation);
        }
    });
    if (timer_.in_flight) {
        context_.port.cancel(timer_);
    }
}

void Connector::cancel() noexcept {
    if (state_ == State::connecting) {
        --context_.connecting;
        state_ = State::failed;
        cancel_all();
    }
    is_cancelled_ = true;
}

void Connector::report_if_cancelled() noexcept {
    if (is_cancelled_ && !is_pending()) {
        changed_(owner_);
    }
}

void Connector::close_socket() noexcept {
    PORTICO_ASSERT(!is_pending());
    if (socket_ != nullptr && socket_->is_open()) {
        context_.port.close(*socket_);
    }
    socket_ = nullptr;
    state_ = State::idle;
}

std::string Connector::reason() const {
    if (has_timed_out_) {
        return "cannot connect to " + io::to_string(context_.plan.addresses[end_ - 1]) +
               ": no answer within the connect timeout";
    }
    if (!not_opened_.empty()) {
        return not_opened_;
    }
    const std::string why =
        has_met_itself_
            ? "refused: nobody listens there, and the system connected the socket to itself"
        : failed_native_ != 0 ? io::native_error_text(failed_native_)
                              : std::string(io::to_string(failed_error_));
    return "cannot connect to " + io::to_string(failed_) + ": " + why;
}

}  // namespace portico::client
