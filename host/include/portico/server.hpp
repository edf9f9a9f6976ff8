// The host as a library: a server that listens, runs protocol plugins, and stops in order. The
// program host uses nothing else.
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
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// What a shared libportico-server exports. Its CMake target defines what the other side needs.
#if defined(PORTICO_SERVER_BUILD) && defined(_WIN32)
#define PORTICO_SERVER_API __declspec(dllexport)
#elif defined(PORTICO_SERVER_SHARED) && defined(_WIN32)
#define PORTICO_SERVER_API __declspec(dllimport)
#elif defined(PORTICO_SERVER_BUILD)
#define PORTICO_SERVER_API __attribute__((visibility("default")))
#else
#define PORTICO_SERVER_API
#endif

// The tables of a plugin: <portico/plugin.h> of the SDK.
struct portico_module;

namespace portico {

// An address on which a listener listens.
struct Endpoint {
    std::string listener;
    std::string address;     // "127.0.0.1:5000", "[::1]:5000"
    std::uint16_t port = 0;  // the real one, even if the configuration says 0
    // The entry of "listen", if that is a list; from 0. An entry has several endpoints if it is a
    // name that stands for several addresses.
    std::uint32_t listen_index = 0;
};

// System calls and events since the start. The process counts them; they are exact if the server is
// idle. On io_uring only the waits are system calls: receives, sends, accepts and cancels are the
// operations that they submitted or completed.
struct Statistics {
    std::uint64_t connections_accepted = 0;
    std::uint64_t connections_open = 0;  // accepted ones
    std::uint64_t outbound_begun = 0;    // connects of plugins, successful or not
    std::uint64_t outbound_open = 0;     // those that connect or are connected
    std::uint64_t waits = 0;
    std::uint64_t receives = 0;
    std::uint64_t sends = 0;
    std::uint64_t accepts = 0;
    std::uint64_t wakes = 0;
    std::uint64_t cancels = 0;
    std::uint64_t completions = 0;
    std::uint64_t receive_buffers_in_use = 0;
    std::uint64_t send_chunks_in_use = 0;
    // Lines that a place of the log lacks (standard error, a file, the log function): its queue was
    // full, it could not be written, or memory ran out.
    std::uint64_t log_lines_missing = 0;
    std::uint32_t processors = 0;  // that the process may use, by affinity and quota
    std::uint32_t worker_threads = 0;
    std::string backend;  // "epoll", "io_uring", "iocp": of the common ports
};

// The same by listener.
struct ListenerStatistics {
    std::string listener;
    std::string plugin;  // as the configuration names it
    std::uint64_t connections_accepted = 0;
    std::uint64_t connections_open = 0;
};

// What the host and its plugins count, by name: see docs/reference/metrics.md.
struct Metric {
    enum class Kind : std::uint8_t { counter, gauge, histogram };

    struct Label {
        std::string name;
        std::string value;
    };
    struct Bucket {
        double upper_bound = 0;   // included; the last one is infinity
        std::uint64_t count = 0;  // of all values up to it, smaller buckets included
    };
    struct Series {
        // A plugin's: "listener", "plugin", and then its own. The host's: as documented, or none.
        std::vector<Label> labels;
        double value = 0;         // counters: the total; gauges
        std::uint64_t count = 0;  // histograms: the number of values
        // Histograms. A value that is recorded while this is read may be missing in one of the two.
        std::vector<Bucket> buckets;
        double sum = 0;
    };

    std::string name;  // as it is exported: "portico_plugin_echo_messages_total"
    std::string help;
    Kind kind = Kind::counter;
    std::vector<Series> series;
};

// A line of the log.
struct LogLine {
    enum class Level : std::uint8_t { trace, debug, info, warn, error };

    Level level = Level::info;
    std::uint64_t time_ns = 0;     // since 1970, in UTC
    std::string listener;          // empty: it belongs to none
    std::uint64_t connection = 0;  // 0: likewise; the log writes it in hexadecimal
    std::string text;              // UTF-8, without a newline, of at most 4,096 bytes
};
using LogFunction = std::function<void(const LogLine&)>;

// A plugin's function that a thread runs. The texts are valid as long as it does.
struct RunningCall {
    const char* plugin = nullptr;  // as the configuration names it
    const char* listener = nullptr;
    // "on_data", "create", "blocking work", "a timer's function"
    const char* callback = nullptr;
    std::uint64_t connection = 0;  // 0: it belongs to none
};

struct StopResult {
    std::uint64_t connections_cut = 0;  // ended by the drain's deadline
    // A callback of a plugin, or blocking work that it gave to its executor, has not returned a
    // second after the drain's deadline (or, in a start, a second after stop()). errors() names it.
    // The server cannot be configured or started again, and nothing that the callback may touch is
    // ever freed, not even by ~Server. Its thread stays, so end the process soon, without running
    // the plugin's static destructors (std::_Exit).
    bool stuck = false;
};

// One thread at a time may make calls, except those with the tag [any thread]. errors() says what
// went wrong, also if memory ran out ("out of memory"). Only the constructor, drain(),
// undo_drain(), listeners(), metrics() and program_directory() throw: std::bad_alloc.
class PORTICO_SERVER_API Server {
public:
    Server();
    // Stops the server as stop() and wait() do, unless it has stopped.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Reads a configuration file (UTF-8 path) and opens nothing. False: errors() has a line for
    // each mistake.
    [[nodiscard]] bool configure_file(const std::string& file) noexcept;
    // The same for a text. Relative paths in the text are relative to `directory`.
    [[nodiscard]] bool configure_text(std::string_view json, const std::string& directory) noexcept;

    // The plugin directory if the configuration names none. Default: "plugins" beside the program.
    // A relative one is relative to the current folder at the time of this call; empty: the
    // default.
    void set_default_plugin_directory(std::string directory) noexcept;

    // Adds the plugins of a module that is linked into this program: what portico_plugin_query
    // would return if it were a library. A listener names it as it names a library: "plugin":
    // "NAME", or "NAME#PLUGIN" if the module has several plugins. It hides a library of the same
    // name. Do it before the start. `name`: 1 to 64 printable ASCII characters without spaces,
    // quotes, "#", "/", "\", ":" and "..", and without a library's suffix. The module stays valid
    // until the server is destroyed (for ever if a stop is stuck). False: another name, or it is
    // taken.
    [[nodiscard]] bool register_plugin(const std::string& name,
                                       const portico_module* module) noexcept;

    // The log's lines go to `function` instead of standard error, from the next start or check on;
    // log.file and log.access are not affected. An empty one: to standard error. It is called on a
    // thread of its own, one line at a time, and not after wait(), or the start or check that
    // failed, has returned. These wait for a call that has begun. Of the server, it may call stop()
    // and limit_drain(), and it must not throw. If it is so slow that more than log.queue lines
    // wait, the oldest are dropped, and a line says how many.
    void set_log(LogFunction function) noexcept;

    // Checks everything that a start checks: plugins, their settings (validate, never create) and,
    // if `ports`, that the server can listen on the addresses. False: errors().
    [[nodiscard]] bool check(bool ports) noexcept;

    // Starts. True: it listens and serves. False: errors(), and nothing stays open.
    [[nodiscard]] bool start() noexcept;

    // The errors of the last call that returned false, or of a wait() that was stuck. One line
    // each, ready for a person.
    [[nodiscard]] const std::vector<std::string>& errors() const noexcept;

    // The addresses of a started server, in the order of the configuration.
    [[nodiscard]] const std::vector<Endpoint>& endpoints() const noexcept;

    // [any thread] Requests the stop, which wait() carries out. A second call does nothing.
    void stop() noexcept;

    // Waits for stop(), then stops: accepting ends, connections are drained for shutdown.drain_ms,
    // those that are still open are cut, instances are destroyed, threads end. After stop() it
    // takes at most shutdown.drain_ms and a second (and one for each `destroy`), whatever a plugin
    // does; see StopResult::stuck. Unless it is stuck, the server can be configured and started
    // again.
    StopResult wait() noexcept;

    // [any thread] Shortens the drain below the configured time, for example if a console is being
    // closed. 0: what is open is cut at once.
    void limit_drain(std::uint32_t drain_ms) noexcept;

    // [any thread] Opens log.file again by its name, for example after it was renamed. The log also
    // notices that by itself within a second.
    void reopen_log() noexcept;

    // [any thread] Writes a line of the program's own into the log. `listener` may be empty, and
    // `connection` 0. False: the level is not written, or the server has no log now (it has one in
    // a check, and from the start to the end of wait()).
    bool write_log(LogLine::Level level, std::string_view listener, std::uint64_t connection,
                   std::string_view text) noexcept;

    // [any thread] Waits until all lines so far are written, for this time at most. False: it is
    // over.
    bool flush_log(std::uint32_t at_most_ms) noexcept;

    // "log.file" of the configuration, absolute and UTF-8; empty: none.
    [[nodiscard]] const std::string& log_file() const noexcept;

    // [any thread] From now on, until the server stops, lines of this level and above are written:
    // "trace", "debug", "info", "warn", "error", "off". False: another name, or the server does not
    // run.
    bool set_log_level(std::string_view level) noexcept;

    // [any thread] Closes the listener's port and asks its accepted connections to end (on_drain,
    // PORTICO_DRAIN_ADMIN), without a deadline; the server goes on. Returns an empty text, or what
    // is wrong: there is no such listener, the server does not run, or stops. Doing it twice asks
    // those again that memory ran out for.
    [[nodiscard]] std::string drain(const std::string& listener);
    // [any thread, but not in a callback of a plugin] Listens again on the same addresses. It waits
    // up to two seconds for the thread that accepts. What is wrong may also be that the port is
    // still being closed, or that another program has taken the address.
    [[nodiscard]] std::string undo_drain(const std::string& listener);

    // [any thread] All zero unless the server has been started.
    [[nodiscard]] Statistics statistics() const noexcept;

    // [any thread] In the order of the configuration. Empty unless the server runs.
    [[nodiscard]] std::vector<ListenerStatistics> listeners() const;

    // [any thread] The host's own metrics, sorted by name, then those that plugins have defined,
    // also sorted by name; and their series, sorted by listener, plugin and labels. Counters never
    // go back. It takes a few milliseconds, and holds up no worker. Empty unless the server runs.
    [[nodiscard]] std::vector<Metric> metrics() const;

    // For a crash handler of the program: which function of a plugin, of any server, the calling
    // thread runs. False: none. Async-signal-safe. The library installs no handler, but its threads
    // have room for one if their stacks overflow (on POSIX an alternate signal stack).
    [[nodiscard]] static bool find_running_call(RunningCall& call) noexcept;

    // Linux: the library may install a handler for this signal and interrupt a thread with it, to
    // show its stack if the watchdog reports a callback. Without it reports have no stack. Best a
    // signal that is ignored by default and that nobody else uses, such as SIGURG. It is for the
    // whole process and stays. A system call that the system does not restart (a sleep) may end
    // early in the callback. False: the system does not allow it. Windows: nothing is needed.
    static bool use_stack_signal(int number) noexcept;

    // "MAJOR.MINOR.PATCH"
    [[nodiscard]] static const char* version() noexcept;
    // Absolute path of the running program's directory, UTF-8; empty if it is unknown.
    [[nodiscard]] static std::string program_directory();

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace portico
