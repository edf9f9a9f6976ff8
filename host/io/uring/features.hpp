// Finds out what this system's io_uring can do, by trying and not by version numbers: distributions
// backport features, and containers forbid them.
#pragma once

#include <liburing.h>
#include <sys/socket.h>

#include <span>
#include <string>

#include "base/result.hpp"
#include "io/operation.hpp"

namespace portico::io {

// Each feature has a fallback, so a missing one does not affect the others. Features without one (a
// wait with a timeout, poll requests that repeat, no lost completions: Linux 5.13) are not listed.
struct UringFeatures {
    bool deferred_work =
        // IORING_SETUP_SINGLE_ISSUER and DEFER_TASKRUN (6.1): the kernel's part of a completion
        // runs inside the wait
        true;
    // IORING_SETUP_COOP_TASKRUN (5.19), if the former is missing: interrupts no thread
    bool cooperative_work = true;
    // provided buffer rings (5.19); without: a poll request, then recv()
    bool buffer_ring = true;
    // multishot receives that end after a number of bytes (6.17); without: one request a receive
    bool limited_multishot = true;
    bool quiet_sends =
        // IOSQE_CQE_SKIP_SUCCESS (5.17): only sends that fail complete; without it each does, and
        // ends the wait that submits it
        true;

    // accept requests that wait on a non-blocking listener (5.19); without: a poll request first
    bool waiting_accepts = true;

    [[nodiscard]] friend bool operator==(const UringFeatures&, const UringFeatures&) = default;
};

// Returns the features of `allowed` that the system has, or the reason why there can be no port on
// io_uring at all. Leaves nothing open.
[[nodiscard]] base::Result<UringFeatures> probe_uring(const UringFeatures& allowed = {});

// Names the missing features, for the log: "no deferred task work; ...". Empty if there are none.
[[nodiscard]] std::string degradations(const UringFeatures& features);

// The flags of io_uring_setup for how completions are worked on.
[[nodiscard]] unsigned work_flags(const UringFeatures& features) noexcept;

// A send of one part, or of several (`message` then says which, and lives until the submit), that
// is tried in the submit and never waits. It completes only if it has not taken all: with what it
// has taken, or an error (EAGAIN: nothing).
void prepare_quiet_send(io_uring_sqe& entry, int socket, std::span<const ConstBuffer> parts,
                        msghdr& message) noexcept;
// A send that waits until it can proceed, and always completes.
void prepare_plain_send(io_uring_sqe& entry, int socket, std::span<const ConstBuffer> parts,
                        msghdr& message) noexcept;

// A multishot receive that takes at most `piece` bytes at a time and ends when `limit` have come.
void prepare_limited_receive(io_uring_sqe& entry, int socket, unsigned piece,
                             unsigned limit) noexcept;

}  // namespace portico::io
