// A server on bare io_uring, by hand: one ring of one thread (SINGLE_ISSUER, DEFER_TASKRUN), one
// multishot accept, a multishot receive for each connection from one ring of provided buffers, and
// one call for each batch, which submits all sends and waits for the next completions.
//
// An echo is sent from the buffer that it came in. While a send is in flight, what follows is
// copied to be sent after it, so that a peer that does not read holds one buffer at most.
#include <liburing.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "servers/common/posix.hpp"
#include "servers/common/protocol.hpp"

using namespace bench;

namespace {

// Not a power of two: otherwise the first bytes of all buffers would fall into the same few lines
// of the processor's caches.
constexpr std::size_t buffer_stride = receive_buffer_bytes + 128;
constexpr unsigned ring_entries = 4'096;
constexpr unsigned buffers_count = 4'096;  // the host's io.receive_buffers; a power of two
constexpr unsigned lent_max = buffers_count / 2;
constexpr int buffer_group = 0;
constexpr int no_buffer = -1;

// The kind of a completion: the low bits of its user data, beside the connection's address.
enum Kind : std::uintptr_t { kind_receive, kind_send, kind_other };
constexpr std::uintptr_t kind_mask = 3;

struct alignas(8) Connection {
    Connection(int accepted, Mode mode) noexcept : socket(accepted), protocol(mode) {}

    int socket;
    bool receiving = false;   // the multishot receive is in flight
    bool sending = false;     // the send is in flight
    bool send_due = false;    // listed in to_send_
    bool ended = false;       // by the peer: closed after all is sent
    bool failed = false;      // closed as soon as nothing is in flight
    bool cancelling = false;  // the receive is to stop
    bool starved = false;     // listed in starved_: there was no buffer
    int lent = no_buffer;     // the buffer that is echoed from
    std::string_view lent_bytes;
    std::string queued;    // goes with the next send, after the lent buffer's bytes
    std::string leaving;   // of the send in flight
    std::size_t sent = 0;  // of `leaving`
    iovec parts[2];
    msghdr message{};
    Protocol protocol;

    [[nodiscard]] std::size_t unsent() const noexcept {
        return lent_bytes.size() + leaving.size() - sent + queued.size();
    }
};

class Server {
public:
    explicit Server(const Options& options)
        : mode_(options.mode), listener_(listen_on_loopback(options.port, 0)) {
        io_uring_params parameters{};
        parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                           IORING_SETUP_CQSIZE;
        parameters.cq_entries = 4 * ring_entries;
        check("io_uring_queue_init (Linux 6.1 is needed, and the permission to use io_uring)",
              ::io_uring_queue_init_params(ring_entries, &ring_, &parameters));
        set_up_buffers();
        arm_accept();
        announce_listener(listener_);
    }

    [[noreturn]] void run() {
        for (;;) {
            const int submitted = ::io_uring_submit_and_wait(&ring_, 1);
            if (submitted < 0 && submitted != -EINTR && submitted != -EBUSY)
                check("io_uring_submit_and_wait", submitted);
            unsigned head = 0;
            unsigned count = 0;
            io_uring_cqe* completion = nullptr;
            io_uring_for_each_cqe(&ring_, head, completion) {
                take(*completion);
                ++count;
            }
            ::io_uring_cq_advance(&ring_, count);
            give_back_buffers();
            sending_now_.swap(to_send_);
            for (Connection* connection : sending_now_) {
                connection->send_due = false;
                if (!connection->sending && !connection->failed) start_send(*connection);
                settle(*connection);
            }
            sending_now_.clear();
        }
    }

private:
    static void check(const char* what, int result) {
        if (result < 0) fail(what, std::strerror(-result));
    }

    void set_up_buffers() {
        const std::size_t ring_bytes = buffers_count * sizeof(io_uring_buf);
        const long page = ::sysconf(_SC_PAGESIZE);
        buffer_ring_ = static_cast<io_uring_buf_ring*>(
            std::aligned_alloc(static_cast<std::size_t>(page), ring_bytes));
        buffers_ = static_cast<char*>(std::malloc(buffers_count * buffer_stride));
        if (buffer_ring_ == nullptr || buffers_ == nullptr) fail("buffers", "out of memory");
        ::io_uring_buf_ring_init(buffer_ring_);
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffer_ring_);
        registration.ring_entries = buffers_count;
        registration.bgid = buffer_group;
        check("io_uring_register_buf_ring", ::io_uring_register_buf_ring(&ring_, &registration, 0));
        for (unsigned id = 0; id < buffers_count; ++id) give_back(static_cast<int>(id));
        give_back_buffers();
    }

    [[nodiscard]] char* buffer(int id) const noexcept {
        return buffers_ + static_cast<std::size_t>(id) * buffer_stride;
    }

    void give_back(int id) noexcept {
        ::io_uring_buf_ring_add(buffer_ring_, buffer(id), receive_buffer_bytes,
                                static_cast<unsigned short>(id),
                                ::io_uring_buf_ring_mask(buffers_count), returned_++);
    }

    // The kernel sees them from now on, all of a batch at once.
    void give_back_buffers() {
        if (returned_ == 0) return;
        ::io_uring_buf_ring_advance(buffer_ring_, std::exchange(returned_, 0));
        for (Connection* connection : std::exchange(starved_, {})) {
            connection->starved = false;
            keep_receiving(*connection);
            settle(*connection);
        }
    }

    io_uring_sqe& next_entry() {
        io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
        while (entry == nullptr) {
            check("io_uring_submit", ::io_uring_submit(&ring_));
            entry = ::io_uring_get_sqe(&ring_);
        }
        return *entry;
    }

    static void mark(io_uring_sqe& entry, Connection* connection, Kind kind) noexcept {
        ::io_uring_sqe_set_data64(&entry, reinterpret_cast<std::uintptr_t>(connection) | kind);
    }

    void arm_accept() {
        io_uring_sqe& entry = next_entry();
        ::io_uring_prep_multishot_accept(&entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        mark(entry, nullptr, kind_other);
    }

    void take(const io_uring_cqe& completion) {
        const auto kind = static_cast<Kind>(completion.user_data & kind_mask);
        auto* connection = reinterpret_cast<Connection*>(
            static_cast<std::uintptr_t>(completion.user_data) & ~kind_mask);
        if (kind == kind_receive) {
            received(*connection, completion);
            settle(*connection);
        } else if (kind == kind_send) {
            sent(*connection, completion.res);
            settle(*connection);
        } else if (connection == nullptr) {
            accepted(completion);
        }  // a cancel: the receive's completion handles the rest
    }

    void accepted(const io_uring_cqe& completion) {
        if (completion.res >= 0) {
            set_no_delay(completion.res);
            keep_receiving(*new Connection(completion.res, mode_));
        }
        if ((completion.flags & IORING_CQE_F_MORE) == 0) arm_accept();
    }

    // Also called after a time without buffers, or with too much queued.
    void keep_receiving(Connection& connection) {
        if (connection.receiving || connection.ended || connection.failed || connection.starved)
            return;
        if (connection.unsent() > queued_bytes_max) return;
        io_uring_sqe& entry = next_entry();
        ::io_uring_prep_recv_multishot(&entry, connection.socket, nullptr, 0, 0);
        entry.flags |= IOSQE_BUFFER_SELECT;
        entry.buf_group = buffer_group;
        mark(entry, &connection, kind_receive);
        connection.receiving = true;
        connection.cancelling = false;
    }

    void received(Connection& connection, const io_uring_cqe& completion) {
        connection.receiving = (completion.flags & IORING_CQE_F_MORE) != 0;
        if (completion.res > 0) {
            const int id = static_cast<int>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
            if (!answer(connection, {buffer(id), static_cast<std::size_t>(completion.res)}, id))
                give_back(id);
        } else if (completion.res == 0) {
            connection.ended = true;
        } else if (completion.res == -ENOBUFS) {
            // Some buffers come back in this batch or a later one.
            if (!connection.receiving && !connection.starved) {
                connection.starved = true;
                starved_.push_back(&connection);
            }
        } else if (completion.res != -ECANCELED) {
            connection.failed = true;
        }
        if (connection.receiving && !connection.cancelling &&
            (connection.failed || connection.unsent() > queued_bytes_max)) {
            io_uring_sqe& entry = next_entry();
            ::io_uring_prep_cancel64(
                &entry, reinterpret_cast<std::uintptr_t>(&connection) | kind_receive, 0);
            mark(entry, &connection, kind_other);
            connection.cancelling = true;
        }
        if (!connection.receiving) keep_receiving(connection);
    }

    // True: the buffer is kept until its bytes are sent.
    bool answer(Connection& connection, std::string_view bytes, int id) {
        std::string_view reply;
        if (connection.failed) return false;
        if (!connection.protocol.answer(bytes, scratch_, reply)) {
            connection.failed = true;
            return false;
        }
        if (reply.empty()) return false;
        if (!connection.send_due) {
            connection.send_due = true;
            to_send_.push_back(&connection);
        }
        const bool from_buffer = reply.data() == bytes.data();
        if (from_buffer && connection.unsent() == 0 && lent_count_ < lent_max) {
            connection.lent = id;
            connection.lent_bytes = reply;
            ++lent_count_;
            return true;
        }
        connection.queued.append(reply);
        return false;
    }

    void start_send(Connection& connection) {
        if (connection.sent == connection.leaving.size()) {
            connection.leaving.clear();
            connection.sent = 0;
            connection.leaving.swap(connection.queued);
        }
        const std::string_view rest = std::string_view(connection.leaving).substr(connection.sent);
        if (connection.lent_bytes.empty() && rest.empty()) return;
        io_uring_sqe& entry = next_entry();
        // MSG_WAITALL: the kernel itself sends the rest if the socket takes less.
        constexpr int flags = MSG_NOSIGNAL | MSG_WAITALL;
        if (connection.lent_bytes.empty() || rest.empty()) {
            const std::string_view bytes = rest.empty() ? connection.lent_bytes : rest;
            ::io_uring_prep_send(&entry, connection.socket, bytes.data(), bytes.size(), flags);
        } else {
            connection.parts[0] = {const_cast<char*>(connection.lent_bytes.data()),
                                   connection.lent_bytes.size()};
            connection.parts[1] = {const_cast<char*>(rest.data()), rest.size()};
            connection.message.msg_iov = connection.parts;
            connection.message.msg_iovlen = 2;
            ::io_uring_prep_sendmsg(&entry, connection.socket, &connection.message, flags);
        }
        mark(entry, &connection, kind_send);
        connection.sending = true;
    }

    void sent(Connection& connection, int result) {
        connection.sending = false;
        if (result < 0) {
            connection.failed = true;
        } else {
            auto bytes = static_cast<std::size_t>(result);
            const std::size_t of_lent = std::min(bytes, connection.lent_bytes.size());
            connection.lent_bytes.remove_prefix(of_lent);
            connection.sent += bytes - of_lent;
        }
        if (connection.lent != no_buffer && (connection.failed || connection.lent_bytes.empty())) {
            give_back(std::exchange(connection.lent, no_buffer));
            connection.lent_bytes = {};
            --lent_count_;
        }
        if (connection.unsent() != 0 && !connection.failed && !connection.send_due) {
            connection.send_due = true;
            to_send_.push_back(&connection);
        }
        keep_receiving(connection);
    }

    // Ends the connection when it is due and nothing of it is in flight or on a list.
    void settle(Connection& connection) {
        if (connection.failed && (connection.receiving || connection.sending)) {
            ::shutdown(connection.socket, SHUT_RDWR);  // operations in flight complete
            return;
        }
        const bool over = connection.failed || (connection.ended && connection.unsent() == 0);
        if (!over || connection.receiving || connection.sending || connection.send_due ||
            connection.starved)
            return;
        if (connection.lent != no_buffer) {
            give_back(connection.lent);
            --lent_count_;
        }
        ::close(connection.socket);
        delete &connection;
    }

    const Mode mode_;
    const int listener_;
    io_uring ring_{};
    io_uring_buf_ring* buffer_ring_ = nullptr;
    char* buffers_ = nullptr;
    int returned_ = 0;         // buffers given back in this batch
    unsigned lent_count_ = 0;  // buffers that are echoed from
    std::vector<Connection*> to_send_;
    std::vector<Connection*> sending_now_;
    std::vector<Connection*> starved_;
    std::string scratch_;
};

}  // namespace

int main(int argc, char** argv) {
    const Options options = read_options(argc, argv, modes_of_peers);
    prepare_process();
    static Server server(options);
    server.run();
}
