// The host as a library: a server that listens, runs protocol plugins, and stops in order. This is
// all that host.exe is made of.
//
//     portico::Server server;
//     if (!server.configure_file("host.json") || !server.start()) {
//         for (const std::string& error : server.errors()) { ... }
//     }
//     ...                 // from any thread: server.stop()
//     const auto result = server.wait();
//
// Several servers in one process share nothing: no registry, no signal handler, no default logger.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace portico {

// Where a listener listens.
struct Endpoint {
    std::string listener;
    std::string address;     // "127.0.0.1:5000", "[::1]:5000"
    std::uint16_t port = 0;  // the real one, also where the configuration said 0
};

// Calls to the system and events, since the start. Counted in the process, exact when the server is
// at rest. On io_uring the waits are the calls, and receives, sends, accepts and cancels are what
// they brought and asked for.
struct Statistics {
    std::uint64_t connections_accepted = 0;
    std::uint64_t connections_open = 0;
    std::uint64_t waits = 0;
    std::uint64_t receives = 0;
    std::uint64_t sends = 0;
    std::uint64_t accepts = 0;
    std::uint64_t wakes = 0;
    std::uint64_t cancels = 0;
    std::uint64_t completions = 0;
    std::uint64_t receive_buffers_on_loan = 0;
    std::uint64_t send_chunks_on_loan = 0;
    std::uint32_t processors = 0;  // that the process may use: by affinity, and by a quota
    std::uint32_t worker_threads = 0;
    std::string backend;  // "epoll", "io_uring", "iocp": of the common ports
};

struct StopResult {
    std::uint64_t connections_cut = 0;  // that the drain's deadline ended
    // A callback of a plugin has not returned, a second after the drain's deadline (or, in a start,
    // a second after stop()): errors() names it. The server is over: it cannot be configured or
    // started again, and nothing that the callback may touch is ever freed, by ~Server neither. Its
    // thread stays, so end the process soon, without running the plugin's static destructors
    // (std::_Exit).
    bool stuck = false;
};

// Calls belong to one thread at a time, except stop(), reopen_log() and statistics(). What goes
// wrong is told by errors(), want of memory too ("out of memory"): nothing throws but what returns
// a new object, the constructor and program_directory(): std::bad_alloc.
class Server {
public:
    Server();
    // Stops, as stop() and wait() do, if that has not been done.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Reads a configuration file (UTF-8 path). False: errors() has a line for each mistake. Nothing
    // is opened yet.
    [[nodiscard]] bool configure_file(const std::string& file) noexcept;
    // The same for a text; relative paths in it are relative to `directory`.
    [[nodiscard]] bool configure_text(std::string_view json, const std::string& directory) noexcept;

    // Where plugins are looked for when the configuration names no directory. Default: "plugins"
    // beside the program. A relative one is relative to the current folder of this moment; empty:
    // the default.
    void set_default_plugin_directory(std::string directory) noexcept;

    // Checks everything that a start would: plugins, their settings (validate, never create), and,
    // if `ports`, that the addresses can be listened on. False: errors().
    [[nodiscard]] bool check(bool ports) noexcept;

    // Starts. True: it listens and serves. False: errors(), and nothing is left behind.
    [[nodiscard]] bool start() noexcept;

    // Of the last call that answered false, and of a wait() that was stuck. One line each, ready
    // for a person.
    [[nodiscard]] const std::vector<std::string>& errors() const noexcept;

    // Of a started server.
    [[nodiscard]] const std::vector<Endpoint>& endpoints() const noexcept;

    // [any thread] Asks for the end; wait() carries it out. Does nothing when it was asked already.
    void stop() noexcept;

    // Waits for stop(), then stops: accepting ends, connections are drained for shutdown.drain_ms,
    // what is open then is cut, instances are destroyed, threads end. Takes at most
    // shutdown.drain_ms and a second (and one for each `destroy`), whatever a plugin does; see
    // StopResult::stuck. Else the server can be configured and started again afterwards.
    StopResult wait() noexcept;

    // The same with a deadline for the drain that is shorter than the configured one (a console
    // that is being closed).
    void limit_drain(std::uint32_t drain_ms) noexcept;

    // [any thread] Opens log.file again by its name, after it was renamed, say. It does that by
    // itself within a second too.
    void reopen_log() noexcept;

    // [any thread] Of a started server; all zero otherwise.
    [[nodiscard]] Statistics statistics() const noexcept;

    // "MAJOR.MINOR.PATCH"
    [[nodiscard]] static const char* version() noexcept;
    // Absolute path of the running program's directory, UTF-8; empty when the system does not tell.
    [[nodiscard]] static std::string program_directory();

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace portico
