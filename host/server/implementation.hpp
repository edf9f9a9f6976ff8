// What a Server is made of, for the files of this folder: server.cpp has the embedding API,
// startup.cpp and ports.cpp the start, shutdown.cpp the stop, stuck_callbacks.cpp the callbacks of
// plugins that may not return.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "config/load.hpp"
#include "io/buffer_pool.hpp"
#include "io/completion_port.hpp"
#include "log/stream_log.hpp"
#include "net/acceptor.hpp"
#include "net/connection_table.hpp"
#include "net/drain.hpp"
#include "net/worker.hpp"
#include "plugin/instance.hpp"
#include "portico/server.hpp"

namespace portico {

// Concurrency: the thread that owns the server calls everything but stop(), reopen_log() and
// statistics(). mutex_ guards stop_wanted_ and serving_, and orders the workers' notifications (an
// acceptor has stopped, a last connection is gone) with the waits for them.
class Server::Implementation {
public:
    // To be called before its end. False: a callback has not returned, and this object must stay
    // for ever.
    [[nodiscard]] bool end() noexcept;

    // Where it stays: found by whoever looks for leaks.
    void stay() noexcept;

    // `load` returns a config::Loaded.
    template <class Load>
    bool configure(Load&& load) noexcept;

    // Made absolute here: Windows loads libraries by absolute paths only, and the current folder
    // may be another one later.
    void set_default_plugin_directory(std::string directory) noexcept;

    bool check(bool ports) noexcept;

    bool start() noexcept;

    void stop() noexcept;

    StopResult wait() noexcept;

    void limit_drain(std::uint32_t drain_ms) noexcept;

    void reopen_log() noexcept;

    Statistics statistics() noexcept;

    [[nodiscard]] const std::vector<std::string>& errors() const noexcept {
        return memory_ran_out_ ? out_of_memory_ : errors_;
    }
    [[nodiscard]] const std::vector<Endpoint>& endpoints() const noexcept { return endpoints_; }

private:
    // How many bytes a group keeps in chunks of the usual size before the heap takes over. Made as
    // needed.
    static constexpr std::uint32_t send_chunk_bytes_max = 64U << 20;

    // A callback that runs a second after the deadline of a drain is waited for no longer: so many
    // looks, so far apart, and none in between.
    static constexpr auto look_every = std::chrono::milliseconds(100);
    static constexpr std::uint32_t looks_max = 10;

    // A port with its pools and threads. The pools outlive the port.
    struct Station {
        io::BufferPool receive_buffers;
        io::BufferPool send_chunks;
        std::unique_ptr<net::WorkerGroup> group;

        Station(const config::Io& io, io::BufferPool::Use use)
            : receive_buffers(io.receive_buffer_bytes, io.receive_buffers, use,
                              net::SendQueue::chunk_overhead),
              send_chunks(io.receive_buffer_bytes + net::SendQueue::chunk_overhead,
                          send_chunk_bytes_max / io.receive_buffer_bytes, use) {}
    };

    // One listener, from the configuration to its connections. Destroyed in reverse: the acceptor, then
    // the instance.
    struct Service {
        const config::Listener* listener = nullptr;
        std::vector<io::Address> addresses;
        net::ConnectionContext context;
        std::unique_ptr<plugin::Instance> instance;
        std::unique_ptr<net::Acceptor> acceptor;
    };

    using MayGiveUp = std::function<bool()>;

    // The one place where the exceptions of start-up and configuration end: false, with errors().
    // What was begun is the caller's to close.
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
            memory_ran_out_ = true;  // for the words of another error
        }
        return false;
    }

    [[nodiscard]] bool serving() noexcept;

    void add_errors(std::vector<std::string> more);

    // Of a key of io or log, or of its object when the key is absent: "host.json:3: ".
    [[nodiscard]] std::string place_of(const std::string& key) const;

    // ---- starting, step by step; each answers false with errors_

    enum class Purpose : std::uint8_t { check, serve };

    // A check may run beside the server, and under another account: it writes to the console alone
    // and leaves no file of its own behind.
    bool open_log(Purpose purpose);

    // Addresses and plugins: everything that needs no socket.
    bool plan();

    [[nodiscard]] std::string plugin_directory() const;

    // One station: a port, shared where it has several threads.
    net::WorkerGroup* add_station(std::uint32_t threads, std::uint32_t concurrency,
                                  std::uint32_t batch);

    // The configured one, but for io_uring where it cannot be had: the same configuration must
    // serve on old kernels and in containers that forbid it. "auto" is what was measured to be the
    // best (docs/decisions/0011-measured-defaults.md): io_uring, where all is there that was there
    // then, and epoll otherwise.
    bool choose_backend();

    // One port for all threads, beside those of instances whose callbacks block.
    [[nodiscard]] bool shares_port() const noexcept;

    bool open_stations();

    // The group on whose port accepts complete: of a thread that runs no callbacks, so that a new
    // client never waits for a busy worker while another one is idle. With one worker there is no
    // other one, and it accepts itself. Null, with an error, if it cannot be made.
    net::WorkerGroup* accepting_group();

    bool listen(std::chrono::milliseconds patience = {});

    // A name listens on those of its addresses that this machine has, and the log warns of the
    // others: hosts files name ::1 even where IPv6 is switched off. It fails if there is none, as a
    // literal address does, which is the only one in its list.
    void listen(Service& service, std::uint64_t retry_until_ns);

    // What a stop will need, so that it never fails.
    bool prepare_end();

    // Given up only when somebody asks for the end.
    bool create_instances();

    // Those whose create succeeded may have posted functions to themselves: these run before
    // destroy, here as ever. False: one of these functions, or destroy, does not return, and
    // somebody asks for the end.
    [[nodiscard]] bool unwind_instances() noexcept;

    // Before anything that would have to be undone by them.
    bool start_workers();

    void begin_work() noexcept;

    void stop_workers() noexcept;

    // The workers', then the one that accepts.
    template <class Action>
    void for_each_group(Action&& action) {
        for (const std::unique_ptr<Station>& station : stations_) {
            action(*station->group);
        }
        if (accepting_ != nullptr) {
            action(*accepting_->group);
        }
    }

    // Everything that can fail has been done.
    void run() noexcept;

    // ---- stopping, step by step

    [[nodiscard]] std::uint64_t open_connections() const noexcept;

    // An acceptor has stopped, or a last connection is gone: on any thread.
    void something_changed() noexcept;

    [[nodiscard]] std::uint32_t drain_ms() noexcept;

    StopResult drain() noexcept;

    // A look at every worker. True: one of them is in a callback that does not return, and
    // stuck_callback_ names it.
    [[nodiscard]] bool find_stuck() noexcept;

    void name_stuck(const net::Protocol* protocol, const char* callback,
                    std::uint64_t connection) noexcept;

    // Functions that were posted to the instances have run. False: find_stuck(), since
    // `may_give_up` says so.
    [[nodiscard]] bool finish_instances(const MayGiveUp& may_give_up) noexcept;

    [[nodiscard]] bool destroy_instances(const MayGiveUp& may_give_up) noexcept;

    // `call` with each service and its home, on a thread of its own, since a plugin may not return
    // from it. Then false: where `may_give_up`, which is asked under the mutex, says so for a
    // second in which no call has ended. What a call throws ends the calls and is kept.
    [[nodiscard]] bool call_plugins(const char* name,
                                    std::function<void(Service&, net::WorkerGroup&)> call,
                                    const MayGiveUp& may_give_up) noexcept;

    // The end of a stop that something holds up: nothing is freed, since it may still be used.
    StopResult give_up(const StopResult& result) noexcept;

    void say_goodbye(const Statistics& last, const StopResult& result) noexcept;

    // Lets go of everything, in an order in which nothing is used after its end.
    void close_all() noexcept;

#ifdef _WIN32
    static constexpr bool windows = true;
#else
    static constexpr bool windows = false;
#endif

    config::Config config_;
    bool configured_ = false;
    std::string default_plugin_directory_;
    std::vector<std::string> errors_;
    bool memory_ran_out_ = false;  // then errors() is this, which was made in time
    const std::vector<std::string> out_of_memory_{"out of memory"};
    std::vector<Endpoint> endpoints_;

    std::unique_ptr<log::StreamLog> log_;
    std::unique_ptr<net::ConnectionTable> table_;
    std::vector<std::unique_ptr<Station>> stations_;
    std::unique_ptr<Station> accepting_;  // null: the one worker accepts itself
    std::unique_ptr<plugin::PrivateCopies> copies_;
    std::vector<std::unique_ptr<Service>> services_;
    std::vector<net::WorkerGroup*> service_homes_;  // of each service's instance
    std::unique_ptr<net::Drain> drain_;
    std::vector<net::CallWatch> watches_;     // one for each worker
    std::string stuck_callback_;              // what find_stuck() found, in a sentence
    std::vector<std::string> create_errors_;  // of create_instances(), whose call may outlive it
    std::exception_ptr thrown_by_call_;       // by call_plugins()
    bool stuck_ = false;                      // for ever: nothing is let go of
    Implementation* next_stuck_ = nullptr;
    io::Backend backend_ = io::Backend::automatic;  // what the ports are made with
    std::uint32_t processors_ = 1;                  // that this process may use
    std::uint32_t worker_threads_ = 0;
    std::size_t next_serial_ = 0;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool serving_ = false;            // under mutex_
    bool stop_wanted_ = false;        // under mutex_
    std::size_t calls_returned_ = 0;  // under mutex_, of call_plugins()
    bool calls_over_ = false;         // likewise
    // under mutex_: for drain(), that something has changed
    bool news_ = false;
    std::uint32_t drain_limit_ms_ = UINT32_MAX;  // under mutex_
};

}  // namespace portico
