// The sweep of the port on IOCP: takes buffers back from receives that have waited with one for too
// long (PortOptions::receive_idle_ms).
#include "io/iocp/port.hpp"

namespace portico::io {

bool IocpPort::any_buffer_posted() const noexcept {
    return buffers_posted_.load(std::memory_order_relaxed) !=
           buffers_returned_.load(std::memory_order_relaxed);
}

std::uint64_t IocpPort::sweep_if_due() noexcept {
    const std::uint64_t instant_ms = ::GetTickCount64();
    std::uint64_t due_ms = next_sweep_ms_.load(std::memory_order_relaxed);
    if (instant_ms >= due_ms &&
        next_sweep_ms_.compare_exchange_strong(due_ms, instant_ms + sweep_interval_ms_,
                                               std::memory_order_relaxed)) {
        if (sweep(instant_ms)) {
            return 0;
        }
        due_ms = instant_ms + sweep_interval_ms_;
    }
    return due_ms > instant_ms ? due_ms - instant_ms : 0;
}

bool IocpPort::sweep(std::uint64_t instant_ms) noexcept {
    base::Fifo<Operation> in_hand;
    sockets_.for_each([&](Socket& socket) {
        const auto is_due = [&] {
            const std::uint64_t posted_ms = socket.buffer_posted_ms_.load(
                std::memory_order_relaxed);
            return posted_ms != 0 && instant_ms >= posted_ms + receive_idle_ms_;
        };
        ClaimWord word(socket.receive_state_);
        Operation* operation = word.in_system();
        if (operation == nullptr || !is_due() || !word.hold(*operation)) {
            return;
        }
        // While it is held the operation is alive and its socket open.
        if (is_due()) {  // still due; otherwise its owner had it and has submitted it again
            cancel_in_system(socket.native_, *operation);
        }
        if (!word.release(*operation)) {
            in_hand.push_back(*operation);
        }
    });
    bool made_ready = false;
    while (Operation* operation = in_hand.pop_front()) {
        if (carry_on(*operation)) {
            make_ready(*operation);
            made_ready = true;
        }
    }
    return made_ready;
}

}  // namespace portico::io
