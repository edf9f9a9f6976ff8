// A server on libuv: uv_read_start into one buffer that all connections share (a read is over when
// its callback returns), uv_try_write first, and uv_write for the rest that the socket does not
// take.
#include <uv.h>

#include <array>
#include <memory>

#include "servers/common/posix.hpp"
#include "servers/common/protocol.hpp"

using namespace bench;

namespace {

// The size that libuv suggests in its alloc callback; there is only one, so its size costs nothing.
constexpr std::size_t shared_buffer_bytes = 65'536;

struct Server;

struct Connection {
    Connection(Server& of, Mode mode) noexcept : server(&of), protocol(mode) {}
    uv_tcp_t handle{};
    Server* server;
    Protocol protocol;
    bool stopped = false;  // not read: too much is queued
    bool ended = false;    // by the peer: closed after all is sent

    [[nodiscard]] uv_stream_t* stream() noexcept { return reinterpret_cast<uv_stream_t*>(&handle); }
    static Connection& of(void* handle) noexcept {
        return *static_cast<Connection*>(static_cast<uv_handle_t*>(handle)->data);
    }
};

// The bytes of a uv_write, which must stay until it is over.
struct Write {
    explicit Write(std::string_view unsent) : bytes(unsent) {}
    uv_write_t request{};
    std::string bytes;
};

struct Server {
    explicit Server(const Options& options) : mode(options.mode) {
        check("uv_loop_init", uv_loop_init(&loop));
        check("uv_tcp_init", uv_tcp_init(&loop, &listener));
        listener.data = this;
        sockaddr_in name{};
        check("uv_ip4_addr", uv_ip4_addr("127.0.0.1", options.port, &name));
        // libuv sets SO_REUSEADDR itself.
        check("uv_tcp_bind", uv_tcp_bind(&listener, reinterpret_cast<const sockaddr*>(&name), 0));
        check("uv_listen", uv_listen(reinterpret_cast<uv_stream_t*>(&listener), backlog,
                                     [](uv_stream_t* stream, int status) {
                                         if (status == 0)
                                             static_cast<Server*>(stream->data)->accept();
                                     }));
        uv_os_fd_t native = -1;
        check("uv_fileno", uv_fileno(reinterpret_cast<uv_handle_t*>(&listener), &native));
        announce_listener(native);
    }

    static void check(const char* what, int result) {
        if (result < 0) fail(what, uv_strerror(result));
    }

    void accept() {
        auto* connection = new Connection(*this, mode);
        check("uv_tcp_init", uv_tcp_init(&loop, &connection->handle));
        connection->handle.data = connection;
        if (uv_accept(reinterpret_cast<uv_stream_t*>(&listener), connection->stream()) != 0) {
            close(*connection);
            return;
        }
        uv_tcp_nodelay(&connection->handle, 1);
        start_reading(*connection);
    }

    static void start_reading(Connection& connection) {
        const int result = uv_read_start(
            connection.stream(),
            [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
                Server& server = *Connection::of(handle).server;
                *buffer = uv_buf_init(server.buffer.data(),
                                      static_cast<unsigned>(server.buffer.size()));
            },
            [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
                Connection& read = Connection::of(stream);
                read.server->received(read, size, buffer->base);
            });
        if (result != 0) close(connection);
    }

    void received(Connection& connection, ssize_t size, const char* data) {
        if (size == 0) return;
        if (size < 0) {
            connection.ended = size == UV_EOF;
            if (!connection.ended || uv_stream_get_write_queue_size(connection.stream()) == 0) {
                close(connection);
            } else {
                uv_read_stop(connection.stream());
            }
            return;
        }
        std::string_view reply;
        if (!connection.protocol.answer({data, static_cast<std::size_t>(size)}, scratch, reply)) {
            close(connection);
            return;
        }
        if (!reply.empty()) send(connection, reply);
    }

    static void send(Connection& connection, std::string_view bytes) {
        uv_buf_t part = uv_buf_init(const_cast<char*>(bytes.data()),
                                    static_cast<unsigned>(bytes.size()));
        // UV_EAGAIN also while a uv_write waits
        const int taken = uv_try_write(connection.stream(), &part, 1);
        if (taken < 0 && taken != UV_EAGAIN) {
            close(connection);
            return;
        }
        bytes.remove_prefix(taken > 0 ? static_cast<std::size_t>(taken) : 0);
        if (bytes.empty()) return;
        auto* write = new Write(bytes);
        write->request.data = write;
        part = uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
        const int result = uv_write(
            &write->request, connection.stream(), &part, 1, [](uv_write_t* request, int status) {
                const std::unique_ptr<Write> over(static_cast<Write*>(request->data));
                written(Connection::of(request->handle), status);
            });
        if (result != 0) {
            delete write;
            close(connection);
            return;
        }
        if (uv_stream_get_write_queue_size(connection.stream()) > queued_bytes_max) {
            uv_read_stop(connection.stream());
            connection.stopped = true;
        }
    }

    static void written(Connection& connection, int status) {
        const std::size_t queued = uv_stream_get_write_queue_size(connection.stream());
        if (status != 0 || (connection.ended && queued == 0)) {
            close(connection);
        } else if (connection.stopped && queued <= queued_bytes_max &&
                   !uv_is_closing(reinterpret_cast<uv_handle_t*>(&connection.handle))) {
            connection.stopped = false;
            start_reading(connection);
        }
    }

    static void close(Connection& connection) {
        auto* handle = reinterpret_cast<uv_handle_t*>(&connection.handle);
        if (uv_is_closing(handle)) return;
        uv_close(handle, [](uv_handle_t* closed) { delete &Connection::of(closed); });
    }

    const Mode mode;
    uv_loop_t loop{};
    uv_tcp_t listener{};
    std::string scratch;
    std::array<char, shared_buffer_bytes> buffer;
};

}  // namespace

int main(int argc, char** argv) {
    const Options options = read_options(argc, argv, modes_of_peers);
    prepare_process();
    static Server server(options);
    uv_run(&server.loop, UV_RUN_DEFAULT);
}
