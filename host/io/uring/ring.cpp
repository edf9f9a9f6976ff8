#include "io/uring/ring.hpp"

#include <cerrno>

#include "base/clock.hpp"
#include "io/completion_port.hpp"

namespace portico::io {

namespace {

// A full submission queue is handed over at once, so its size is no limit; completions that do not
// fit wait in the kernel (IORING_FEAT_NODROP).
constexpr unsigned submissions_max = 512;
constexpr unsigned completions_max = 4'096;

}  // namespace

int UringRing::open(const UringFeatures& features) noexcept {
    io_uring_params parameters{};
    parameters.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED |
                       work_flags(features);
    parameters.cq_entries = completions_max;
    const int error = io_uring_queue_init_params(submissions_max, &ring_, &parameters);
    is_open_ = error == 0;
    return error;
}

int UringRing::enable() noexcept {
    // io_uring_enable_rings() is declared, but the shared library of liburing 2.3 does not export
    // it.
    return io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_REGISTER_ENABLE_RINGS,
                             nullptr, 0);
}

void UringRing::close() noexcept {
    if (is_open_) {
        io_uring_queue_exit(&ring_);
        is_open_ = false;
    }
}

bool UringRing::enter(std::uint64_t for_ns) noexcept {
    int result = 0;
    if (for_ns == wait_forever) {
        result = io_uring_submit_and_wait(&ring_, 1);
    } else if (for_ns == 0) {
        result = io_uring_submit_and_get_events(&ring_);
    } else {
        __kernel_timespec timeout{};
        timeout.tv_sec = static_cast<std::int64_t>(for_ns / base::nanoseconds_per_second);
        timeout.tv_nsec = static_cast<long long>(for_ns % base::nanoseconds_per_second);
        io_uring_cqe* first = nullptr;
        result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
    }
    // The time is over, a signal came, or the kernel has no room or memory at the moment: entries
    // that it has not taken stay for the next time.
    PORTICO_ASSERT(result >= 0 || result == -ETIME || result == -EINTR || result == -EBUSY ||
                   result == -EAGAIN || result == -ENOMEM || result == -EEXIST);
    old_completions_ = io_uring_cq_ready(&ring_);
    return result != -EEXIST;
}

bool UringRing::peek(Completion& completion) noexcept {
    const unsigned head = *ring_.cq.khead;
    if (head == io_uring_smp_load_acquire(ring_.cq.ktail)) {
        return false;
    }
    const io_uring_cqe& its = ring_.cq.cqes[head & ring_.cq.ring_mask];
    completion = {its.user_data, its.res, its.flags};
    return true;
}

void UringRing::pop() noexcept {
    io_uring_cq_advance(&ring_, 1);
    old_completions_ -= old_completions_ != 0 ? 1 : 0;
}

}  // namespace portico::io
