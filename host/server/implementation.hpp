// The state and the steps of a server. api.cpp has the embedding API; server.cpp what neither
// starts nor stops; startup.cpp, ports.cpp and listening.cpp the start; shutdown.cpp the stop;
// stuck_callbacks.cpp the callbacks that may not return; watchdog.hpp those that hold up clients;
// operator.cpp what an operator asks for, and operator_view.cpp what is shown to one.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/endpoint.hpp"
#include "base/assert.hpp"
#include "config/load.hpp"
#include "io/buffer_pool.hpp"
#include "io/completion_port.hpp"
#include "log/stream_log.hpp"
#include "net/acceptor.hpp"
#include "net/connection_table.hpp"
#include "net/connector.hpp"
#include "net/drain.hpp"
#include "net/worker.hpp"
#include "plugin/instance.hpp"
#include "portico/server.hpp"
#include "server/busy_ratio.hpp"
#include "server/metric_list.hpp"
#include "server/stuck_counts.hpp"
#include "server/watchdog.hpp"

namespace portico {

// Concurrency: the thread that owns the server calls everything but what server.hpp allows to any
// thread. mutex_ guards stop_wanted_ and serving_, and orders the workers' notifications (an
// acceptor has stopped, a last connection is gone) with the waits for them.
class Server::Implementation {
public:
    // Stops the server if it runs; call it before the destructor. False: a callback has not
    // returned, and this object must stay for ever.
    [[nodiscard]] bool finish() noexcept;

    // Links this object to a static one, so that no leak checker reports it.
    void keep_reachable() noexcept;

    bool configure_file(const std::string& file) noexcept;

    bool configure_text(std::string_view json, const std::string& directory) noexcept;

    // Makes it absolute, because Windows loads libraries by absolute paths only, and the current
    // folder may change.
    void set_default_plugin_directory(std::string directory) noexcept;

    bool register_plugin(const std::string& name, const portico_module* module) noexcept;

    void set_log(LogFunction function) noexcept { log_function_ = std::move(function); }

    bool check(bool ports) noexcept;

    bool start() noexcept;

    void stop() noexcept;

    StopResult wait() noexcept;

    void limit_drain(std::uint32_t drain_ms) noexcept;

    void reopen_log() noexcept;

    bool set_log_level(std::string_view level) noexcept;

    [[nodiscard]] std::string drain(const std::string& listener);
    [[nodiscard]] std::string undo_drain(const std::string& listener);

    Statistics statistics() noexcept;

    [[nodiscard]] std::vector<ListenerStatistics> listeners();

    [[nodiscard]] std::vector<Metric> metrics();

    bool write_log(LogLine::Level level, std::string_view listener, std::uint64_t connection,
                   std::string_view text) noexcept;

    bool flush_log(std::uint32_t at_most_ms) noexcept;

    [[nodiscard]] const std::string& log_file() const noexcept { return config_.log.file; }

    [[nodiscard]] const std::vector<std::string>& errors() const noexcept {
        return memory_ran_out_ ? out_of_memory_ : errors_;
    }
    [[nodiscard]] const std::vector<Endpoint>& endpoints() const noexcept { return endpoints_; }

private:
    // A group keeps up to this many bytes in chunks of the usual size, made as needed. Beyond that
    // chunks come from the heap.
    static constexpr std::uint32_t send_chunk_bytes_max = 64U << 20;

    // A stop gives up on a callback that still runs a second after the drain's deadline: at this
    // many checks, this far apart, the same call was running.
    static constexpr auto stuck_check_interval = std::chrono::milliseconds(100);
    static constexpr std::uint32_t stuck_checks_max = 10;

    // A completion port with its pools and threads. The pools outlive the port.
    struct Port {
        io::BufferPool receive_buffers;
        io::BufferPool send_chunks;
        std::unique_ptr<net::WorkerGroup> group;

        Port(const config::Io& io, io::BufferPool::Use use)
            : receive_buffers(io.receive_buffer_bytes, io.receive_buffers, use,
                              net::SendQueue::chunk_overhead),
              send_chunks(io.receive_buffer_bytes + net::SendQueue::chunk_overhead,
                          send_chunk_bytes_max / io.receive_buffer_bytes, use) {}
    };

    // A listener with everything that belongs to it. Destroyed in reverse: the connector, the
    // acceptor, then the instance.
    struct Service {
        const config::Listener* listener = nullptr;
        std::vector<std::vector<io::Address>> addresses;  // of each entry of listener->listen
        std::vector<net::Connector::Upstream> upstreams;  // until there is a connector
        net::ConnectionContext context;
        std::unique_ptr<plugin::Instance> instance;
        std::unique_ptr<net::Acceptor> acceptor;
        std::unique_ptr<net::Connector> connector;
        std::uint32_t watchdog_ms = 0;  // 0: its callbacks are not watched
        StuckCounts stuck;
    };

    // What the admin endpoint sees of this object: operator_view.cpp.
    struct OperatorView;
    struct OperatorViewDeleter {
        void operator()(OperatorView* view) const noexcept;
    };

    using MayGiveUp = std::function<bool()>;

    // ---- metrics, under reading_, while the server serves

    void add_host_metrics(MetricList& list);
    void add_connections(MetricList& list) const;
    void add_stuck_callbacks(MetricList& list) const;
    void add_workers(MetricList& list);
    // Before that, in a start.
    void prepare_host_metrics();

    // Catches the exceptions of start-up and configuration; nothing else does. Then it returns
    // false, with errors(), and the caller closes what was begun.
    template <class Action>
    [[nodiscard]] bool attempt(Action&& action) noexcept {
        errors_.clear();
        memory_ran_out_ = false;
        try {
            try {
                if (stuck_) {
                    errors_.emplace_back(
                        "a plugin's callback did not return when this server stopped: it cannot be "
                        "used again");
                    return false;
                }
                return action();
            } catch (const std::bad_alloc&) {
                memory_ran_out_ = true;
            } catch (const std::exception& error) {
                errors_.emplace_back(error.what());
            }
        } catch (...) {
            memory_ran_out_ = true;  // while another error was written down
        }
        return false;
    }

    // `load` returns a config::Loaded.
    template <class Load>
    bool configure(Load&& load) noexcept;

    [[nodiscard]] bool serving() noexcept;

    // Passes the log's lines to the embedder's function; empty if there is none.
    [[nodiscard]] log::FunctionSink::Function line_function() const;

    void add_errors(std::vector<std::string> more);

    // The place of a key of io or log, or of its object if the key is absent: "host.json:3: ".
    [[nodiscard]] std::string place_of(const std::string& key) const;

    // The place of a listener, and of an entry of its "listen": "host.json:3: listener "echo": ".
    [[nodiscard]] std::string listener_place(const config::Listener& listener) const;
    [[nodiscard]] std::string listen_place(const config::Listener& listener,
                                           const config::ListenAddress& entry) const;

    // ---- start: each step returns false and sets errors_ if it fails

    enum class Purpose : std::uint8_t { check, serve };

    // A check may run beside the server, and under another account. So it writes to the console
    // alone and leaves no file.
    bool open_log(Purpose purpose);

    // Resolves the listeners' addresses and loads their plugins.
    bool load_plugins();

    // Finds the addresses that the entries of "listen" stand for.
    void resolve(Service& service);

    // Adds an error if the last entry that was resolved covers an address of an earlier one: a
    // socket can have only one index. The system would refuse it too, but blame another program.
    void reject_shared(const Service& service);

    // Looks up the addresses of a listener's upstreams.
    void resolve_upstreams(Service& service);

    // Makes the connection table, and compares the limits with what this process may have.
    bool make_table();

    [[nodiscard]] std::string plugin_directory() const;

    // Adds a port, which is shared if it has several threads.
    net::WorkerGroup* add_port(std::uint32_t threads, std::uint32_t concurrency,
                               std::uint32_t batch);

    // Takes the configured backend, except that epoll replaces io_uring if that is not available:
    // the same configuration must serve on old kernels and in containers that forbid io_uring.
    // "auto" takes the backend that measured best (docs/decisions/0011-measured-defaults.md):
    // io_uring if it has all the features of that measurement, else epoll.
    bool choose_backend();

    // True if all threads share one port. Instances whose callbacks block have their own anyway.
    [[nodiscard]] bool shares_port() const noexcept;

    bool open_ports();

    // The ports that all instances share unless their callbacks block.
    std::vector<net::WorkerGroup*> open_common_ports();

    // The group on whose port accepts complete. Its thread runs no callbacks, so that a new client
    // never waits for a busy worker while another one is idle. A single worker accepts itself. Null
    // if the port cannot be made, with an error.
    net::WorkerGroup* accepting_group();

    bool listen(std::chrono::milliseconds retry_for = {});

    // Listens on the addresses of one entry of "listen". A name may have several. The server
    // listens on those that this machine has and warns of the others, because hosts files name ::1
    // even if IPv6 is off. It fails if the machine has none of them, or does not have a literal
    // address.
    void listen(Service& service, std::uint32_t listen_index, std::uint64_t retry_until_ns);

    // Makes everything that a stop needs, so that a stop never fails.
    bool prepare_stop();

    // Waits for `create` as long as it takes, or until somebody calls stop().
    bool create_instances();

    // Ends the instances after a failed start. Functions that they posted to themselves run before
    // destroy, as always. False: one of these functions, or destroy, does not return, and somebody
    // has called stop().
    [[nodiscard]] bool unwind_instances() noexcept;

    // Runs before every step that only running workers could undo.
    bool start_workers();

    // Begins to watch the listeners' callbacks.
    bool start_watchdog();

    void begin_work() noexcept;

    void stop_workers() noexcept;

    // Calls `action` for the workers' groups, then for the one that accepts.
    template <class Action>
    void for_each_group(Action&& action) {
        for (const std::unique_ptr<Port>& port : ports_) {
            action(*port->group);
        }
        if (accepting_port_ != nullptr) {
            action(*accepting_port_->group);
        }
    }

    // Starts the endpoint for operators, or checks it. False: errors_.
    bool start_admin();
    bool check_admin(bool port);
    [[nodiscard]] std::unique_ptr<admin::Endpoint> make_admin();
    bool add_admin_errors(const std::vector<std::string>& mistakes);

    // Serves. Nothing can fail any more.
    void run() noexcept;

    // ---- by an operator, from any thread

    // The listener's service, if the server serves and does not stop. Under operator_mutex_.
    [[nodiscard]] base::Result<Service*> find_service(const std::string& listener);
    [[nodiscard]] bool stops() noexcept;  // a stop is wanted
    // Asks all of its accepted connections to end.
    void order_drain(const Service& service) noexcept;

    // ---- stop

    [[nodiscard]] std::uint64_t open_connections() const noexcept;

    // [any thread] An acceptor has stopped, or a last connection is gone.
    void notify_changed() noexcept;

    [[nodiscard]] std::uint32_t drain_ms() noexcept;

    StopResult drain() noexcept;

    // Checks every worker. True: one of them is in a callback that does not return, and
    // stuck_callback_ names it.
    [[nodiscard]] bool find_stuck() noexcept;

    // These set stuck_callback_.
    void name_stuck(const net::Protocol* protocol, const char* callback,
                    std::uint64_t connection) noexcept;
    void name_stuck_work(const Service& service) noexcept;
    void give_reason(const net::Protocol* protocol, const std::string& what);

    // Waits until the functions that were posted to the instances, and their blocking work, have
    // run. False: `may_give_up` has said yes for a second, something does not return, and
    // stuck_callback_ names it.
    [[nodiscard]] bool finish_instances(const MayGiveUp& may_give_up) noexcept;

    [[nodiscard]] bool destroy_instances(const MayGiveUp& may_give_up) noexcept;

    // Runs `call` for each service and its home, on a thread of its own, since a plugin may not
    // return from it. False: for a second no call has returned, and `may_give_up`, which is asked
    // under the mutex, always said yes. An exception ends the calls and is kept.
    [[nodiscard]] bool call_plugins(const char* name,
                                    const std::function<void(Service&, net::WorkerGroup&)>& call,
                                    const MayGiveUp& may_give_up) noexcept;

    // Ends a stop that a callback holds up. Nothing is freed, since the callback may still use it.
    StopResult give_up(const StopResult& result) noexcept;

    void log_totals(const Statistics& last, const StopResult& result) noexcept;

    // Frees everything, in an order in which nothing is used after it is freed.
    void close_all() noexcept;

#ifdef _WIN32
    static constexpr bool windows = true;
#else
    static constexpr bool windows = false;
#endif

    config::Config config_;
    bool configured_ = false;
    std::string default_plugin_directory_;
    plugin::LinkedModules linked_modules_;
    LogFunction log_function_;
    std::vector<std::string> errors_;
    bool memory_ran_out_ = false;  // then errors() is this, made in advance
    const std::vector<std::string> out_of_memory_{"out of memory"};
    std::vector<Endpoint> endpoints_;

    std::unique_ptr<log::StreamLog> log_;  // made and ended under log_mutex_
    std::unique_ptr<net::ConnectionTable> table_;
    std::vector<std::unique_ptr<Port>> ports_;
    std::unique_ptr<Port> accepting_port_;  // null: the only worker accepts itself
    std::unique_ptr<plugin::PrivateCopies> copies_;
    std::unique_ptr<plugin::Metrics> metrics_;  // made before the instances
    std::vector<BusyRatio> busy_ratios_;        // of all workers; under reading_
    std::optional<double> process_start_seconds_;
    std::vector<std::unique_ptr<Service>> services_;
    std::vector<net::WorkerGroup*> service_homes_;  // of each service's instance
    std::unique_ptr<net::Drain> drain_;
    std::vector<net::CallWatch> watches_;     // one for each worker
    std::string stuck_callback_;              // what find_stuck() found, in a sentence
    std::vector<std::string> create_errors_;  // of create_instances(), whose call may outlive it
    std::exception_ptr thrown_by_call_;       // by call_plugins()
    bool stuck_ = false;                      // for ever: nothing is freed
    Implementation* next_stuck_ = nullptr;
    io::Backend backend_ = io::standard_backend;  // of the ports, once it is chosen
    std::uint32_t processors_ = 1;                // that this process may use
    std::uint32_t worker_threads_ = 0;
    std::size_t next_serial_ = 0;
    std::uint64_t started_ns_ = 0;  // of base::now_ns()
    std::chrono::system_clock::time_point started_;
    std::unique_ptr<OperatorView, OperatorViewDeleter> operator_view_;
    // It uses what is above as long as it lives: it comes after the ports, and goes before anything
    // is destroyed.
    std::unique_ptr<admin::Endpoint> admin_;
    std::mutex operator_mutex_;     // one drain, or undoing one, at a time
    bool takes_operators_ = false;  // under operator_mutex_: the server serves and does not stop

    // Readers of metrics take turns, so that what one of them has seen, the next one has seen too.
    // A stop takes one turn after serving_ is false: then nobody reads any more. No worker takes
    // it. Before mutex_.
    std::mutex reading_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool serving_ = false;            // under mutex_
    bool stop_wanted_ = false;        // under mutex_
    std::size_t calls_returned_ = 0;  // under mutex_, of call_plugins()
    bool calls_over_ = false;         // likewise
    // under mutex_: something has changed, for drain()
    bool has_changed_ = false;
    std::uint32_t drain_limit_ms_ = UINT32_MAX;  // under mutex_
    std::mutex log_mutex_;  // keeps log_ for the threads that call write_log and flush_log
    std::unique_ptr<Watchdog> watchdog_;  // null: no listener is watched
};

}  // namespace portico
