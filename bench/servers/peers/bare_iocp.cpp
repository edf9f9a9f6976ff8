// A server on a bare I/O completion port, by hand: AcceptEx posted ahead,
// FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, completions taken in batches with
// GetQueuedCompletionStatusEx, by one thread.
//
// An echo is sent from the buffer that it came in. If that send does not complete at once, the
// connection receives into its other buffer, and what follows is copied to be sent after it.
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "servers/common/protocol.hpp"
#include "servers/common/windows.hpp"

using namespace bench;

namespace {

struct Connection;

enum class Kind { accept, receive, send };

struct Operation : OVERLAPPED {
    explicit Operation(Kind of, Connection* owner = nullptr) noexcept
        : OVERLAPPED{}, kind(of), connection(owner) {}
    const Kind kind;
    Connection* const connection;
    OVERLAPPED* fresh() noexcept { return &(static_cast<OVERLAPPED&>(*this) = {}); }
};

struct Accept : Operation {
    Accept() noexcept : Operation(Kind::accept) {}
    static constexpr DWORD address_bytes = sizeof(sockaddr_in) + 16;
    SOCKET accepted = INVALID_SOCKET;
    std::array<char, 2 * address_bytes> addresses;
};

struct Connection {
    Connection(SOCKET accepted, Mode mode) noexcept : socket(accepted), protocol(mode) {}
    SOCKET socket;
    Operation receive{Kind::receive, this};
    Operation send{Kind::send, this};
    bool receiving = false;  // in flight, or completed and not yet handled
    bool sending = false;    // in flight
    bool ended = false;      // by the peer: closed after all is sent
    DWORD received = 0;      // of a receive that is not yet handled
    int current = 0;         // the buffer to receive into
    std::array<std::array<char, receive_buffer_bytes>, 2> buffers;
    std::string_view in_flight;  // bytes of the send, in the other buffer or in `leaving`
    std::string leaving;
    std::string queued;
    Protocol protocol;

    [[nodiscard]] bool failed() const noexcept { return socket == INVALID_SOCKET; }
    [[nodiscard]] std::size_t unsent() const noexcept { return in_flight.size() + queued.size(); }
};

class Server {
public:
    explicit Server(const Options& options)
        : mode_(options.mode), listener_(listen_on_loopback(options.port)) {
        port_ = ::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
        // The listener does not skip: accepts are too few for that to matter.
        if (port_ == nullptr ||
            ::CreateIoCompletionPort(reinterpret_cast<HANDLE>(listener_), port_, 0, 0) == nullptr) {
            fail_with_code("completion port");
        }
        GUID id = WSAID_ACCEPTEX;
        DWORD bytes = 0;
        if (::WSAIoctl(listener_, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &accept_ex_,
                       sizeof accept_ex_, &bytes, nullptr, nullptr) != 0) {
            fail_with_code("AcceptEx");
        }
        for (Accept& operation : accepts_) post_accept(operation);
        announce_listener(listener_);
    }

    [[noreturn]] void run() {
        std::array<OVERLAPPED_ENTRY, 256> entries;
        for (;;) {
            ULONG count = 0;
            const DWORD wait_ms = !again_.empty() ? 0 : !unposted_.empty() ? 100 : INFINITE;
            if (!::GetQueuedCompletionStatusEx(port_, entries.data(),
                                               static_cast<ULONG>(entries.size()), &count, wait_ms,
                                               FALSE)) {
                if (::GetLastError() != WAIT_TIMEOUT) fail_with_code("GetQueuedCompletionStatusEx");
                count = 0;
            }
            now_.swap(again_);
            for (ULONG i = 0; i < count; ++i) {
                take(static_cast<Operation&>(*entries[i].lpOverlapped),
                     entries[i].dwNumberOfBytesTransferred);
            }
            for (Connection* connection : now_) received(*connection, connection->received);
            now_.clear();
            if (!unposted_.empty()) {
                for (Accept* operation : std::exchange(unposted_, {})) post_accept(*operation);
            }
        }
    }

private:
    // If a peer sends as fast as it is answered, so many of its receives are handled before the
    // others have their turn.
    static constexpr int receives_max = 16;

    void take(Operation& operation, DWORD bytes) {
        const bool good = operation.Internal == 0;  // the NTSTATUS
        switch (operation.kind) {
            case Kind::accept: accepted(static_cast<Accept&>(operation), good); return;
            case Kind::receive:
                if (!good) abort(*operation.connection);
                received(*operation.connection, bytes);
                return;
            case Kind::send:
                if (!good) abort(*operation.connection);
                sent(*operation.connection, bytes);
                return;
        }
    }

    void post_accept(Accept& operation) {
        operation.accepted = open_socket();
        DWORD bytes = 0;
        if (operation.accepted != INVALID_SOCKET) {
            if (accept_ex_(listener_, operation.accepted, operation.addresses.data(), 0,
                           Accept::address_bytes, Accept::address_bytes, &bytes,
                           operation.fresh()) ||
                ::WSAGetLastError() == ERROR_IO_PENDING) {
                return;
            }
            ::closesocket(operation.accepted);
        }
        unposted_.push_back(&operation);  // tried again later
    }

    void accepted(Accept& operation, bool good) {
        const SOCKET socket = operation.accepted;
        if (!good ||
            ::setsockopt(socket, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                         reinterpret_cast<const char*>(&listener_), sizeof listener_) != 0) {
            ::closesocket(socket);
        } else {
            set_no_delay(socket);
            const auto handle = reinterpret_cast<HANDLE>(socket);
            if (::CreateIoCompletionPort(handle, port_, 0, 0) != nullptr &&
                ::SetFileCompletionNotificationModes(
                    handle, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE)) {
                auto* connection = new Connection(socket, mode_);
                keep_receiving(*connection);
                settle(*connection);
            } else {
                ::closesocket(socket);
            }
        }
        post_accept(operation);
    }

    // A receive has completed with so many bytes, or with the end.
    void received(Connection& connection, DWORD bytes) {
        connection.receiving = false;
        if (!connection.failed()) {
            handle_received(connection, bytes);
            keep_receiving(connection);
        }
        settle(connection);
    }

    void handle_received(Connection& connection, DWORD bytes) {
        if (bytes == 0) {
            connection.ended = true;
            return;
        }
        const std::string_view data(
            connection.buffers[static_cast<std::size_t>(connection.current)].data(), bytes);
        std::string_view reply;
        if (!connection.protocol.answer(data, scratch_, reply)) {
            abort(connection);
        } else if (connection.sending || (reply.data() != data.data() && !reply.empty())) {
            connection.queued.append(reply);
            send_queued(connection);
        } else if (!reply.empty()) {
            connection.in_flight = reply;
            if (!send(connection)) connection.current = 1 - connection.current;
        }
    }

    // Receives, and handles receives that complete at once.
    void keep_receiving(Connection& connection) {
        for (int receives = 1; !connection.failed() && !connection.ended && !connection.receiving;
             ++receives) {
            if (connection.unsent() > queued_bytes_max) return;
            std::array<char, receive_buffer_bytes>& buffer =
                connection.buffers[static_cast<std::size_t>(connection.current)];
            WSABUF part{static_cast<ULONG>(buffer.size()), buffer.data()};
            DWORD bytes = 0;
            DWORD flags = 0;
            if (::WSARecv(connection.socket, &part, 1, &bytes, &flags, connection.receive.fresh(),
                          nullptr) != 0) {
                if (::WSAGetLastError() == WSA_IO_PENDING) {
                    connection.receiving = true;
                } else {
                    abort(connection);
                }
            } else if (receives < receives_max) {
                handle_received(connection, bytes);
            } else {
                connection.receiving = true;
                connection.received = bytes;
                again_.push_back(&connection);
            }
        }
    }

    void send_queued(Connection& connection) {
        while (!connection.failed() && !connection.sending && !connection.queued.empty()) {
            connection.leaving.clear();
            connection.leaving.swap(connection.queued);
            connection.in_flight = connection.leaving;
            if (!send(connection)) return;
        }
    }

    // Sends in_flight. True: completed at once.
    bool send(Connection& connection) {
        while (!connection.in_flight.empty()) {
            WSABUF part{static_cast<ULONG>(connection.in_flight.size()),
                        const_cast<char*>(connection.in_flight.data())};
            DWORD bytes = 0;
            if (::WSASend(connection.socket, &part, 1, &bytes, 0, connection.send.fresh(),
                          nullptr) != 0) {
                if (::WSAGetLastError() == WSA_IO_PENDING) {
                    connection.sending = true;
                } else {
                    abort(connection);
                }
                return false;
            }
            connection.in_flight.remove_prefix(bytes);
        }
        return true;
    }

    void sent(Connection& connection, DWORD bytes) {
        connection.sending = false;
        if (!connection.failed()) {
            connection.in_flight.remove_prefix(bytes);
            if (send(connection)) send_queued(connection);
            keep_receiving(connection);
        }
        settle(connection);
    }

    // Operations in flight complete, in most cases with an error.
    static void abort(Connection& connection) {
        if (!connection.failed()) ::closesocket(std::exchange(connection.socket, INVALID_SOCKET));
    }

    static void settle(Connection& connection) {
        if (connection.receiving || connection.sending) return;
        if (!connection.failed()) {
            if (!connection.ended || connection.unsent() != 0) return;
            ::closesocket(connection.socket);
        }
        delete &connection;
    }

    const Mode mode_;
    const SOCKET listener_;
    HANDLE port_ = nullptr;
    LPFN_ACCEPTEX accept_ex_ = nullptr;
    std::array<Accept, 32> accepts_;
    std::vector<Accept*> unposted_;
    std::vector<Connection*> again_;  // have a completed receive that is not yet handled
    std::vector<Connection*> now_;
    std::string scratch_;
};

}  // namespace

int main(int argc, char** argv) {
    const Options options = read_options(argc, argv, modes_of_peers);
    prepare_process();
    static Server server(options);
    server.run();
}
