#include "io/uring/features.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <string_view>

#include "io/native.hpp"
#include "io/uring/buffers.hpp"

namespace portico::io {

namespace {

class Descriptor {
public:
    explicit Descriptor(int native) noexcept : native_(native) {}
    ~Descriptor() {
        if (native_ >= 0) {
            ::close(native_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const noexcept { return native_; }

private:
    const int native_;
};

// A small ring to try things on.
class TrialRing {
public:
    explicit TrialRing(unsigned flags) noexcept : error_(io_uring_queue_init(4, &ring_, flags)) {}
    ~TrialRing() {
        if (error_ == 0) {
            io_uring_queue_exit(&ring_);
        }
    }
    TrialRing(const TrialRing&) = delete;
    TrialRing& operator=(const TrialRing&) = delete;

    [[nodiscard]] int error() const noexcept { return error_; }
    [[nodiscard]] io_uring& get() noexcept { return ring_; }
    [[nodiscard]] io_uring_sqe& entry() noexcept { return *io_uring_get_sqe(&ring_); }

    struct Completion {
        int result;
        unsigned flags;
    };
    // Submits what is prepared. Returns the completion that comes at once; nothing if none does.
    [[nodiscard]] std::optional<Completion> result() noexcept {
        io_uring_cqe* completion = nullptr;
        if (io_uring_submit_and_get_events(&ring_) < 0 ||
            io_uring_peek_cqe(&ring_, &completion) != 0) {
            return std::nullopt;
        }
        const Completion copy{completion->res, completion->flags};
        io_uring_cqe_seen(&ring_, completion);
        return copy;
    }

private:
    io_uring ring_{};
    const int error_;
};

std::string why_none(int error) {
    switch (error) {
        case EPERM:
            return "the system forbids it (a container's seccomp profile, or the sysctl "
                   "kernel.io_uring_disabled)";
        case ENOSYS: return "the kernel has none, or a seccomp profile says so";
        case ENOMEM: return "no memory for a ring, or too little may be locked (ulimit -l)";
        default: return "no ring can be made: " + native_error_text(error);
    }
}

bool has_operations(io_uring& ring) noexcept {
    constexpr unsigned operations_max = 256;
    alignas(io_uring_probe)
        std::byte room[sizeof(io_uring_probe) + operations_max * sizeof(io_uring_probe_op)]{};
    auto* probe = reinterpret_cast<io_uring_probe*>(room);
    if (io_uring_register_probe(&ring, probe, operations_max) < 0) {
        return false;
    }
    bool has_all = true;
    for (const int operation : {IORING_OP_POLL_ADD, IORING_OP_ACCEPT, IORING_OP_RECV,
                                IORING_OP_SEND, IORING_OP_SENDMSG, IORING_OP_ASYNC_CANCEL}) {
        has_all = has_all && io_uring_opcode_supported(probe, operation) != 0;
    }
    return has_all;
}

bool opens_with(unsigned flags) noexcept {
    return TrialRing(flags).error() == 0;
}

constexpr unsigned deferred_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                    IORING_SETUP_SUBMIT_ALL;
constexpr unsigned cooperative_flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL;

// Five bytes are there. A receive in pieces of four that ends after four must bring four, end, and
// leave the fifth unread.
bool ends_at_its_limit(TrialRing& ring) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    const Descriptor receiver(ends[0]);
    const Descriptor sender(ends[1]);
    if (::send(sender.get(), "12345", 5, MSG_NOSIGNAL) != 5) {
        return false;
    }
    prepare_limited_receive(ring.entry(), receiver.get(), 4, 4);
    const std::optional<TrialRing::Completion> first = ring.result();
    char rest[2];
    return first && first->result == 4 && (first->flags & IORING_CQE_F_MORE) == 0 &&
           !ring.result() && ::recv(receiver.get(), rest, sizeof rest, MSG_DONTWAIT) == 1;
}

// Makes two sends that do not report success, to a peer that is there and to one that is gone. Only
// the second must complete.
bool tells_only_failures(TrialRing& ring) {
    if ((ring.get().features & IORING_FEAT_CQE_SKIP) == 0) {
        return false;
    }
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    const Descriptor sender(ends[0]);
    std::optional<Descriptor> receiver(ends[1]);
    const ConstBuffer part{reinterpret_cast<const std::byte*>("1234"), 4};
    msghdr message{};
    prepare_quiet_send(ring.entry(), sender.get(), {&part, 1}, message);
    const bool is_quiet = !ring.result();
    char got[4];
    const bool has_sent = ::recv(receiver->get(), got, sizeof got, MSG_DONTWAIT) == 4;
    receiver.reset();
    prepare_quiet_send(ring.entry(), sender.get(), {&part, 1}, message);
    const std::optional<TrialRing::Completion> failure = ring.result();
    return is_quiet && has_sent && failure && failure->result == -EPIPE;
}

// An accept request on a listener that is non-blocking must wait for a client, and bring it.
bool waits_in_accepts(TrialRing& ring) {
    const auto stream = [] {
        return ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    };
    const Descriptor listener(stream());
    const Descriptor client(stream());
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    auto* const generic = reinterpret_cast<sockaddr*>(&name);
    socklen_t size = sizeof name.sun_family;  // no name: the system chooses one (unix(7))
    if (listener.get() < 0 || client.get() < 0 || ::bind(listener.get(), generic, size) != 0 ||
        ::listen(listener.get(), 1) != 0) {
        return false;
    }
    size = sizeof name;
    if (::getsockname(listener.get(), generic, &size) != 0) {
        return false;
    }
    io_uring_prep_accept(&ring.entry(), listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (ring.result() || ::connect(client.get(), generic, size) != 0) {
        return false;
    }
    const std::optional<TrialRing::Completion> accepted = ring.result();
    if (!accepted || accepted->result < 0) {
        return false;
    }
    ::close(accepted->result);
    return true;
}

// The most bytes that one send request may name: the entry has 32 bits for it, and the kernel's
// calls end below 2 GiB.
constexpr std::size_t send_bytes_max = 1U << 30;

void prepare_send(io_uring_sqe& entry, int socket, std::span<const ConstBuffer> parts,
                  msghdr& message, int flags) noexcept {
    // A ConstBuffer is what the kernel calls an iovec, so that gathered sends are not copied.
    static_assert(sizeof(ConstBuffer) == sizeof(iovec) &&
                  offsetof(ConstBuffer, data) == offsetof(iovec, iov_base) &&
                  offsetof(ConstBuffer, size) == offsetof(iovec, iov_len));
    if (parts.size() == 1) {
        io_uring_prep_send(&entry, socket, parts[0].data, std::min(parts[0].size, send_bytes_max),
                           flags);
        return;
    }
    message = {};
    message.msg_iov = reinterpret_cast<iovec*>(const_cast<ConstBuffer*>(parts.data()));
    message.msg_iovlen = parts.size();
    io_uring_prep_sendmsg(&entry, socket, &message, static_cast<unsigned>(flags));
}

}  // namespace

void prepare_plain_send(io_uring_sqe& entry, int socket, std::span<const ConstBuffer> parts,
                        msghdr& message) noexcept {
    prepare_send(entry, socket, parts, message, MSG_NOSIGNAL);
}

void prepare_quiet_send(io_uring_sqe& entry, int socket, std::span<const ConstBuffer> parts,
                        msghdr& message) noexcept {
    // MSG_DONTWAIT: the kernel neither waits nor tries again, so the submit decides everything.
    //   MSG_WAITALL: less than all counts as a failure, and completes.
    prepare_send(entry, socket, parts, message, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
    entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
}

base::Result<UringFeatures> probe_uring(const UringFeatures& allowed) {
    // The pool and its buffers end after the ring that uses them.
    BufferPool pool(8, 2, BufferPool::Use::single);
    std::optional<UringBuffers> buffers;
    TrialRing ring(0);
    if (ring.error() != 0) {
        return base::Failure{why_none(-ring.error())};
    }
    // The last of them came with 5.13, together with poll requests that repeat.
    constexpr unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE |
                                IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG | IORING_FEAT_RSRC_TAGS;
    if ((ring.get().features & needed) != needed || !has_operations(ring.get())) {
        return base::Failure{"the kernel's is too old (it takes Linux 5.13 or later)"};
    }
    UringFeatures found;
    found.deferred_work = allowed.deferred_work && opens_with(deferred_flags);
    found.cooperative_work = allowed.cooperative_work && opens_with(cooperative_flags);
    found.buffer_ring = false;
    if (allowed.buffer_ring) {
        buffers.emplace(pool, 2);
        found.buffer_ring = buffers->join(ring.get()) == 0;
    }
    found.limited_multishot = false;
    if (found.buffer_ring && allowed.limited_multishot) {
        buffers->fill(2);
        found.limited_multishot = ends_at_its_limit(ring);
    }
    found.quiet_sends = allowed.quiet_sends && tells_only_failures(ring);
    // Last: a request that is not answered stays in the ring.
    found.waiting_accepts = allowed.waiting_accepts && waits_in_accepts(ring);
    return found;
}

std::string degradations(const UringFeatures& features) {
    std::string text;
    const auto add = [&text](bool is_there, std::string_view what) {
        if (!is_there) {
            text += text.empty() ? "" : "; ";
            text += what;
        }
    };
    add(features.deferred_work, features.cooperative_work ? "no deferred task work: cooperative"
                                                          : "no deferred or cooperative task work");
    add(features.buffer_ring, "no buffer rings: receives are polled for");
    add(!features.buffer_ring || features.limited_multishot,
        "no multishot receives with a limit: one request a receive");
    add(features.quiet_sends, "no quiet sends: each ends the wait that submits it");
    add(features.waiting_accepts, "no accepts that wait: listeners are polled for");
    return text;
}

unsigned work_flags(const UringFeatures& features) noexcept {
    return features.deferred_work      ? deferred_flags
           : features.cooperative_work ? cooperative_flags
                                       : 0;
}

void prepare_limited_receive(io_uring_sqe& entry, int socket, unsigned piece,
                             unsigned limit) noexcept {
    io_uring_prep_recv_multishot(&entry, socket, nullptr, piece, 0);
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = UringBuffers::group;
    // Newer headers call the member in this place optlen. A kernel that does not know optlen fails
    // the request (EINVAL).
    entry.file_index = limit;
}

}  // namespace portico::io
