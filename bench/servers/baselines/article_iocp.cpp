// The article's third server: its design, written afresh without its bugs. It has one completion
// port, two worker threads for each processor that take one completion at a time, one operation at
// a time and a buffer of 256 bytes for each client, a list of the clients under a lock, an accept
// thread that waits on the listener's event (and accepts all that wait), and a graceful end by an
// event.
#include <algorithm>
#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "servers/common/windows.hpp"

namespace {

constexpr std::size_t client_buffer_bytes = 256;

struct Client {
    explicit Client(SOCKET accepted) noexcept : socket(accepted) {}
    ~Client() { ::closesocket(socket); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    enum class Operation { receive, send };
    OVERLAPPED overlapped{};
    const SOCKET socket;
    Operation operation = Operation::receive;
    DWORD received = 0;
    DWORD sent = 0;
    std::array<char, client_buffer_bytes> buffer;
};

HANDLE stop_event = nullptr;

class Server {
public:
    explicit Server(std::uint16_t port) : listener_(bench::listen_on_loopback(port)) {
        port_ = ::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 0);
        accept_event_ = ::WSACreateEvent();
        if (port_ == nullptr || accept_event_ == WSA_INVALID_EVENT)
            bench::fail_with_code("completion port");
        if (::WSAEventSelect(listener_, accept_event_, FD_ACCEPT) != 0)
            bench::fail_with_code("WSAEventSelect");
        const unsigned threads = 2 * std::max(1U, std::thread::hardware_concurrency());
        for (unsigned i = 0; i < threads; ++i) workers_.emplace_back([this] { work(); });
        bench::announce_listener(listener_);
    }

    // Runs until the stop event.
    void accept_clients() {
        const HANDLE events[] = {stop_event, accept_event_};
        while (::WaitForMultipleObjects(2, events, FALSE, INFINITE) != WAIT_OBJECT_0) {
            WSANETWORKEVENTS what;
            ::WSAEnumNetworkEvents(listener_, accept_event_, &what);  // resets the event
            for (;;) {
                const SOCKET accepted = ::accept(listener_, nullptr, nullptr);
                if (accepted == INVALID_SOCKET) break;
                begin(accepted);
            }
        }
    }

    // Completes every operation in flight, then removes each client, then ends the workers.
    void stop() {
        ::closesocket(listener_);
        {
            std::unique_lock lock(mutex_);
            for (const std::unique_ptr<Client>& client : clients_) {
                // No operation begins after the first of these, and the second ends the one in
                // flight: a send to a client that does not read would wait for that client for
                // ever.
                ::shutdown(client->socket, SD_BOTH);
                ::CancelIoEx(reinterpret_cast<HANDLE>(client->socket), nullptr);
            }
            clients_gone_.wait(lock, [this] { return clients_.empty(); });
        }
        for (std::size_t i = 0; i < workers_.size(); ++i)
            ::PostQueuedCompletionStatus(port_, 0, 0, nullptr);
        for (std::thread& worker : workers_) worker.join();
        ::WSACloseEvent(accept_event_);
        ::CloseHandle(port_);
    }

private:
    void begin(SOCKET accepted) {
        // The socket inherits the listener's event, which also makes its calls non-blocking.
        ::WSAEventSelect(accepted, nullptr, 0);
        u_long off = 0;
        ::ioctlsocket(accepted, static_cast<long>(FIONBIO), &off);
        bench::set_no_delay(accepted);
        auto made = std::make_unique<Client>(accepted);
        Client& client = *made;
        if (::CreateIoCompletionPort(reinterpret_cast<HANDLE>(accepted), port_, 1, 0) == nullptr)
            return;
        {
            const std::scoped_lock lock(mutex_);
            clients_.push_back(std::move(made));
        }
        if (!receive(client)) remove(client);
    }

    void work() {
        for (;;) {
            DWORD bytes = 0;
            ULONG_PTR key = 0;
            OVERLAPPED* overlapped = nullptr;
            const bool good = ::GetQueuedCompletionStatus(port_, &bytes, &key, &overlapped,
                                                          INFINITE) != FALSE;
            if (overlapped == nullptr) {
                if (good) return;  // stop() posted it
                continue;
            }
            Client& client = *CONTAINING_RECORD(overlapped, Client, overlapped);
            // Nothing of this client is in flight here: it may be removed.
            if (!good || bytes == 0 || !completed(client, bytes)) remove(client);
        }
    }

    bool completed(Client& client, DWORD bytes) {
        if (client.operation == Client::Operation::receive) {
            client.received = bytes;
            client.sent = 0;
            return send(client);
        }
        client.sent += bytes;
        return client.sent < client.received ? send(client) : receive(client);
    }

    // False: no completion comes. After true any worker may have the client.
    static bool receive(Client& client) {
        client.operation = Client::Operation::receive;
        client.overlapped = {};
        WSABUF part{static_cast<ULONG>(client.buffer.size()), client.buffer.data()};
        DWORD flags = 0;
        return ::WSARecv(client.socket, &part, 1, nullptr, &flags, &client.overlapped, nullptr) ==
                   0 ||
               ::WSAGetLastError() == WSA_IO_PENDING;
    }

    static bool send(Client& client) {
        client.operation = Client::Operation::send;
        client.overlapped = {};
        WSABUF part{client.received - client.sent, client.buffer.data() + client.sent};
        return ::WSASend(client.socket, &part, 1, nullptr, 0, &client.overlapped, nullptr) == 0 ||
               ::WSAGetLastError() == WSA_IO_PENDING;
    }

    void remove(Client& client) {
        const std::scoped_lock lock(mutex_);
        std::erase_if(clients_,
                      [&](const std::unique_ptr<Client>& other) { return other.get() == &client; });
        if (clients_.empty()) clients_gone_.notify_all();
    }

    const SOCKET listener_;
    HANDLE port_ = nullptr;
    WSAEVENT accept_event_ = nullptr;
    std::mutex mutex_;
    std::condition_variable clients_gone_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::thread> workers_;
};

}  // namespace

int main(int argc, char** argv) {
    const bench::Options options = bench::read_options(argc, argv,
                                                       bench::bit_of(bench::Mode::echo));
    bench::prepare_process();
    stop_event = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
    if (stop_event == nullptr) bench::fail_with_code("CreateEvent");
    ::SetConsoleCtrlHandler(
        [](DWORD) -> BOOL {
            ::SetEvent(stop_event);
            return TRUE;
        },
        TRUE);
    Server server(options.port);
    server.accept_clients();
    server.stop();
    return 0;
}
