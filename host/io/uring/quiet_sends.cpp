// Quiet sends on io_uring: the kernel reports only their failures (uring/port.hpp).
#include <cstdint>
#include <span>

#include "io/uring/port.hpp"
#include "io/uring/state.hpp"

namespace portico::io {

using namespace uring;

void UringPort::expedite(SendOperation& operation) noexcept {
    expedites_ = expedites_ || operation.may_complete_late;
}

Operation* UringPort::not_all_sent(SendOperation& operation, int result) noexcept {
    operation.may_complete_late = false;  // the next attempt waits until it can
    operation.bytes = 0;
    // if its completion was fetched before complete_quiet_sends() could look
    quiet_.remove(operation);
    return sent(operation, result);
}

void UringPort::complete_quiet_sends() noexcept {
    // If some are not submitted, or a completion may be missing, the next enter decides.
    if (quiet_.empty() || ring_.has_entries() || ring_.has_overflow()) {
        return;
    }
    for (std::uint32_t i = ring_.completions(); i-- > 0;) {
        const UringRing::Completion completion = ring_.at(i);
        if (static_cast<Of>(completion.user_data & of_mask) == Of::quiet_send) {
            object_of<SendOperation>(completion).bytes = 0;  // its completion will say more
        }
    }
    while (SendOperation* operation = quiet_.pop_front()) {
        if (operation->bytes != 0) {
            --requests_;
            count(sends_);
            operation->completed_late = true;
            completed_quiet_.push_back(*operation);
        }
    }
}

std::size_t UringPort::take_completed_quiet(std::span<Operation*> into) noexcept {
    std::size_t taken = 0;
    while (taken < into.size()) {
        SendOperation* operation = completed_quiet_.pop_front();
        if (operation == nullptr) {
            break;
        }
        finish(*operation);
        into[taken++] = operation;
    }
    return taken;
}

}  // namespace portico::io
