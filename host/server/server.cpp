// Ties the layers together: start, stop accepting, drain, stop.
#include "portico/server.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

#include "base/clock.hpp"
#include "base/path_text.hpp"
#include "config/load.hpp"
#include "io/process_limits.hpp"
#include "io/processors.hpp"
#include "log/stream_log.hpp"
#include "net/acceptor.hpp"
#include "net/connection_table.hpp"
#include "net/drain.hpp"
#include "net/worker.hpp"
#include "plugin/instance.hpp"

namespace portico {

namespace {

// How many bytes a group keeps in chunks of the usual size before the heap takes over. Made as
// needed.
constexpr std::uint32_t send_chunk_bytes_max = 64U << 20;

// Descriptors that a server needs beside its connections' and listeners': ports, events, log,
// standard streams, libraries.
constexpr std::uint64_t descriptors_reserved = 64;

// How long a start waits, on Windows, for addresses that somebody else has: all of them together.
constexpr auto address_patience = std::chrono::milliseconds(2'000);

// What a connection is told at the end takes memory; those for which there was none are told again
// after this time.
constexpr auto tell_again_after = std::chrono::milliseconds(100);

// A callback that runs a second after the deadline of a drain is waited for no longer: so many
// looks, so far apart, and none in between.
constexpr auto look_every = std::chrono::milliseconds(100);
constexpr std::uint32_t looks_max = 10;
constexpr auto flush_at_most = std::chrono::seconds(1);

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

std::string listener_place(const config::Listener& listener, const std::string& file) {
    std::string text = file;
    if (!text.empty()) {
        text += listener.line != 0 ? ":" + std::to_string(listener.line) + ": " : ": ";
    }
    return text + "listener \"" + listener.name + "\": ";
}

}  // namespace

// Concurrency: the thread that owns the server calls everything but stop(), reopen_log() and
// statistics(). mutex_ guards stop_wanted_ and serving_, and orders the workers' notifications (an
// acceptor has stopped, a last connection is gone) with the waits for them.
class Server::Implementation {
public:
    // To be called before its end. False: a callback has not returned, and this object must stay
    // for ever.
    [[nodiscard]] bool end() noexcept {
        if (serving()) {
            stop();
            static_cast<void>(wait());
        }
        return !stuck_;
    }

    // Where it stays: found by whoever looks for leaks.
    void stay() noexcept {
        static std::atomic<Implementation*> first{nullptr};
        next_stuck_ = first.exchange(this);
    }

    // `load` returns a config::Loaded.
    template <class Load>
    bool configure(Load&& load) noexcept {
        PORTICO_ASSERT(!serving());
        configured_ = false;
        return attempt([&] {
            config::Loaded loaded = load();
            errors_ = std::move(loaded.mistakes);
            config_ = std::move(loaded.config);
            configured_ = errors_.empty();
            return configured_;
        });
    }

    // Made absolute here: Windows loads libraries by absolute paths only, and the current folder
    // may be another one later.
    void set_default_plugin_directory(std::string directory) noexcept {
        default_plugin_directory_ = std::move(directory);
        if (default_plugin_directory_.empty()) {
            return;
        }
        try {
            default_plugin_directory_ = base::utf8_from_path(
                std::filesystem::absolute(base::path_from_utf8(default_plugin_directory_)));
        } catch (...) {
            // It stays as it is, and what cannot be found in it is told when it is looked for.
        }
    }

    bool check(bool ports) noexcept {
        const bool fine = attempt([&] {
            if (!open_log(Purpose::check) || !plan() || !open_stations()) {
                return false;
            }
            for (const std::unique_ptr<Service>& service : services_) {
                add_errors(service->instance->validate());
            }
            if (ports) {
                // on all at once, as a start does: two listeners may be in each other's way
                static_cast<void>(listen());
            }
            return errors_.empty();
        });
        close_all();
        return fine;
    }

    bool start() noexcept {
        PORTICO_ASSERT(!serving());
        if (!attempt([&] {
                return open_log(Purpose::serve) && plan() && open_stations() &&
                       listen(address_patience) && prepare_end() && start_workers();
            })) {
            close_all();
            return false;
        }
        if (!attempt([&] { return create_instances(); })) {
            if (stuck_ || !unwind_instances()) {
                static_cast<void>(give_up({}));
                return false;
            }
            close_all();
            return false;
        }
        run();
        return true;
    }

    void stop() noexcept {
        const std::scoped_lock lock(mutex_);
        stop_wanted_ = true;
        changed_.notify_all();
    }

    StopResult wait() noexcept {
        if (!serving()) {
            return {0, stuck_};
        }
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return stop_wanted_; });
        }
        log_->compose(base::LogLevel::info, {}, 0, [&] {
            return "stopping: no new clients, draining " + std::to_string(open_connections()) +
                   " connections for at most " + std::to_string(drain_ms()) + " ms";
        });
        const auto deadline = std::chrono::steady_clock::now() +
                              std::chrono::milliseconds(drain_ms());
        const auto is_late = [deadline] { return std::chrono::steady_clock::now() >= deadline; };
        StopResult result = drain();
        result.stuck = result.stuck || !finish_instances(is_late);
        if (result.stuck) {
            return give_up(result);
        }
        const Statistics last = statistics();
        {
            const std::scoped_lock lock(mutex_);
            serving_ = false;
            stop_wanted_ = false;
            drain_limit_ms_ = UINT32_MAX;
        }
        stop_workers();
        say_goodbye(last, result);
        // After the last callback of every plugin, "stopped" is the last line.
        if (!destroy_instances(is_late)) {
            result.stuck = true;
            return give_up(result);
        }
        log_->write(base::LogLevel::always, {}, 0, "stopped");
        close_all();
        return result;
    }

    void limit_drain(std::uint32_t drain_ms) noexcept {
        const std::scoped_lock lock(mutex_);
        drain_limit_ms_ = std::min(drain_limit_ms_, drain_ms);
        news_ = true;
        changed_.notify_all();
    }

    void reopen_log() noexcept {
        const std::scoped_lock lock(mutex_);
        if (serving_) {
            log_->reopen();
        }
    }

    Statistics statistics() noexcept {
        const std::scoped_lock lock(mutex_);
        Statistics result;
        if (!serving_) {
            return result;
        }
        io::Counters counters;
        for_each_group([&](net::WorkerGroup& group) { counters += group.port().counters(); });
        for (const std::unique_ptr<Station>& station : stations_) {
            result.worker_threads += station->group->thread_count();
            result.receive_buffers_on_loan += station->receive_buffers.in_use();
            result.send_chunks_on_loan += station->send_chunks.in_use();
        }
        for (const std::unique_ptr<Service>& service : services_) {
            result.connections_accepted += service->acceptor->accepted_connections();
            result.connections_open += service->acceptor->open_connections();
        }
        result.waits = counters.waits;
        result.receives = counters.receives;
        result.sends = counters.sends;
        result.accepts = counters.accepts;
        result.wakes = counters.wakes;
        result.cancels = counters.cancels;
        result.completions = counters.completions;
        result.processors = processors_;
        result.backend = stations_.front()->group->port().name();
        return result;
    }

    [[nodiscard]] const std::vector<std::string>& errors() const noexcept {
        return memory_ran_out_ ? out_of_memory_ : errors_;
    }
    [[nodiscard]] const std::vector<Endpoint>& endpoints() const noexcept { return endpoints_; }

private:
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

    [[nodiscard]] bool serving() noexcept {
        const std::scoped_lock lock(mutex_);
        return serving_;
    }

    void add_errors(std::vector<std::string> more) {
        errors_.insert(errors_.end(), more.begin(), more.end());
    }

    // Of a key of io or log, or of its object when the key is absent: "host.json:3: ".
    [[nodiscard]] std::string place_of(const std::string& key) const {
        if (config_.file.empty()) {
            return {};
        }
        auto line = config_.lines.find(key);
        if (line == config_.lines.end()) {
            line = config_.lines.find(key.substr(0, key.find('.')));
        }
        return config_.file +
               (line != config_.lines.end() ? ":" + std::to_string(line->second) : "") + ": ";
    }

    // ---- starting, step by step; each answers false with errors_

    enum class Purpose : std::uint8_t { check, serve };

    // A check may run beside the server, and under another account: it writes to the console alone
    // and leaves no file of its own behind.
    bool open_log(Purpose purpose) {
        if (!configured_) {
            errors_ = {"no configuration: call configure_file or configure_text first"};
            return false;
        }
        config::Log options = config_.log;
        const auto failed = [&](const std::string& error) {
            errors_.push_back(place_of(error.substr(0, error.find(':'))) + error);
            return false;
        };
        if (purpose == Purpose::check) {
            if (const base::Result<void> tried = log::StreamLog::try_files(options); !tried) {
                return failed(tried.error());
            }
            options.file.clear();
            options.access_file.clear();
        }
        base::Result<std::unique_ptr<log::StreamLog>> log = log::StreamLog::open(options);
        if (!log) {
            return failed(log.error());
        }
        log_ = std::move(*log);
        return true;
    }

    // Addresses and plugins: everything that needs no socket.
    bool plan() {
        std::uint64_t connections = 0;
        copies_ = std::make_unique<plugin::PrivateCopies>();
        for (const config::Listener& listener : config_.listeners) {
            auto service = std::make_unique<Service>();
            service->listener = &listener;
            connections += listener.limits.connections;
            if (base::Result<io::HostPort> where = io::parse_host_port(listener.listen); !where) {
                errors_.push_back(listener_place(listener, config_.file) +
                                  "listen: " + where.error());
            } else if (base::Result<std::vector<io::Address>> addresses = io::resolve(where->host,
                                                                                      where->port);
                       !addresses) {
                errors_.push_back(listener_place(listener, config_.file) +
                                  "listen: " + addresses.error());
            } else {
                service->addresses = std::move(*addresses);
            }
            if (base::Result<plugin::Loaded> loaded = plugin::load(plugin_directory(),
                                                                   listener.plugin, *copies_);
                !loaded) {
                errors_.push_back(listener_place(listener, config_.file) + loaded.error());
            } else {
                service->instance = std::make_unique<plugin::Instance>(std::move(*loaded), listener,
                                                                       *log_);
            }
            service->context.listener_name = listener.name;
            service->context.limits = listener.limits;
            service->context.framing = listener.framing;
            service->context.protocol = service->instance.get();
            service->context.log = log_.get();
            services_.push_back(std::move(service));
        }
        for (const std::string& note : copies_->notes()) {
            log_->write(base::LogLevel::warn, {}, 0, note);
        }
        if (!copies_->folder().empty()) {
            log_->compose(base::LogLevel::debug, {}, 0, [&] {
                return "the plugins' private copies are in " + copies_->folder();
            });
        }
        if (!errors_.empty()) {
            return false;
        }
        if (connections > net::ConnectionTable::connections_limit) {
            errors_.push_back((config_.file.empty() ? "" : config_.file + ": ") +
                              "limits.connections: the listeners' sum is " +
                              std::to_string(connections) + ", at most " +
                              std::to_string(net::ConnectionTable::connections_limit) +
                              " are possible");
            return false;
        }
        table_ = std::make_unique<net::ConnectionTable>(static_cast<std::uint32_t>(connections));
        const std::uint64_t descriptors = io::raise_descriptor_limit();
        if (descriptors < connections + descriptors_reserved) {
            log_->compose(base::LogLevel::warn, {}, 0, [&] {
                return "the listeners' limits allow " + std::to_string(connections) +
                       " connections, but this process may have only " +
                       std::to_string(descriptors) +
                       " descriptors (ulimit -n): new clients will wait when they run out";
            });
        }
        return true;
    }

    [[nodiscard]] std::string plugin_directory() const {
        if (!config_.plugin_directory.empty()) {
            return config_.plugin_directory;
        }
        if (!default_plugin_directory_.empty()) {
            return default_plugin_directory_;
        }
        return base::utf8_from_path(base::path_from_utf8(io::program_directory()) / "plugins");
    }

    // One station: a port, shared where it has several threads.
    net::WorkerGroup* add_station(std::uint32_t threads, std::uint32_t concurrency,
                                  std::uint32_t batch) {
        auto station = std::make_unique<Station>(
            config_.io, threads > 1 ? io::BufferPool::Use::shared : io::BufferPool::Use::single);
        io::PortOptions options;
        options.shared = threads > 1;
        options.concurrency = concurrency;
        // A ring belongs to one thread.
        const io::Backend backend = options.shared && backend_ == io::Backend::io_uring
                                        ? io::Backend::epoll
                                        : backend_;
        base::Result<std::unique_ptr<io::CompletionPort>> port = io::make_port(
            backend, station->receive_buffers, options);
        if (!port) {
            errors_.push_back(place_of("io.backend") + "io.backend: " + port.error());
            return nullptr;
        }
        net::WorkerOptions worker_options;
        worker_options.threads = threads;
        worker_options.first_index = worker_threads_;
        worker_options.batch = batch;
        station->group = std::make_unique<net::WorkerGroup>(std::move(*port), station->send_chunks,
                                                            worker_options);
        worker_threads_ += threads;
        stations_.push_back(std::move(station));
        return stations_.back()->group.get();
    }

    // The configured one, but for io_uring where it cannot be had: the same configuration must
    // serve on old kernels and in containers that forbid it. "auto" is what was measured to be the
    // best (docs/decisions/0011-measured-defaults.md): io_uring, where all is there that was there
    // then, and epoll otherwise.
    bool choose_backend() {
        const std::optional<io::Backend> wanted = io::backend_from_name(config_.io.backend);
        if (!wanted) {
            errors_.push_back(place_of("io.backend") + "io.backend: unknown backend \"" +
                              config_.io.backend + "\"");
            return false;
        }
        backend_ = *wanted;
        const bool is_automatic = backend_ == io::Backend::automatic;
        if (windows || (is_automatic && shares_port()) ||
            (!is_automatic && backend_ != io::Backend::io_uring)) {
            return true;
        }
        base::Result<std::string> lacks = io::probe_io_uring();
        backend_ = !lacks || (is_automatic && !lacks->empty()) ? io::Backend::epoll
                                                               : io::Backend::io_uring;
        if (!lacks) {
            log_->write(is_automatic ? base::LogLevel::info : base::LogLevel::warn, {}, 0,
                        "running on epoll, because io_uring is not available: " + lacks.error());
        } else if (!lacks->empty()) {
            log_->write(base::LogLevel::info, {}, 0,
                        (is_automatic ? "running on epoll, because io_uring here has "
                                      : "io_uring here has ") +
                            *lacks);
        }
        return true;
    }

    // One port for all threads, beside those of instances whose callbacks block.
    [[nodiscard]] bool shares_port() const noexcept {
        return config_.io.ports == config::Io::Ports::shared ||
               (config_.io.ports == config::Io::Ports::automatic && windows);
    }

    bool open_stations() {
        constexpr std::uint32_t batch = 64;
        if (!choose_backend()) {
            return false;
        }
        worker_threads_ = 0;
        processors_ = io::usable_processors();
        std::vector<net::WorkerGroup*> common;
        if (shares_port()) {
            const std::uint32_t threads = config_.io.threads != 0 ? config_.io.threads
                                                                  : 2 * processors_;
            common.push_back(add_station(threads, processors_, batch));
        } else {
            const std::uint32_t ports = config_.io.threads != 0 ? config_.io.threads : processors_;
            for (std::uint32_t i = 0; i < ports && errors_.empty(); ++i) {
                common.push_back(add_station(1, 1, batch));
            }
        }
        std::vector<std::vector<net::WorkerGroup*>> homes;
        for (const std::unique_ptr<Service>& service : services_) {
            if (!errors_.empty()) {
                return false;
            }
            // Callbacks that block get a port of their own, one operation at a time; a serial
            // instance lives on one port.
            if (service->instance->is_blocking()) {
                const std::uint32_t threads = service->listener->blocking_threads;
                homes.push_back({add_station(threads, threads, 1)});
            } else if (service->instance->is_serial()) {
                homes.push_back({common[next_serial_++ % common.size()]});
            } else {
                homes.push_back(common);
            }
        }
        net::WorkerGroup* accepting = errors_.empty() ? accepting_group() : nullptr;
        if (accepting == nullptr) {
            return false;
        }
        for (std::size_t i = 0; i < services_.size(); ++i) {
            Service& service = *services_[i];
            plugin::Instance& instance = *service.instance;
            instance.strand().set_home(*homes[i].front());
            service.acceptor = std::make_unique<net::Acceptor>(
                *table_, *accepting, homes[i], instance.is_serial() ? &instance.strand() : nullptr,
                service.context);
            service_homes_.push_back(homes[i].front());
        }
        return true;
    }

    // The group on whose port accepts complete: of a thread that runs no callbacks, so that a new
    // client never waits for a busy worker while another one is idle. With one worker there is no
    // other one, and it accepts itself. Null, with an error, if it cannot be made.
    net::WorkerGroup* accepting_group() {
        if (worker_threads_ == 1) {
            return stations_.front()->group.get();
        }
        config::Io little = config_.io;  // nothing is received there
        little.receive_buffers = 1;
        auto station = std::make_unique<Station>(little, io::BufferPool::Use::single);
        // On epoll, since io_uring would need a ring for what is one call a connection.
        const io::Backend backend = windows ? backend_ : io::Backend::epoll;
        base::Result<std::unique_ptr<io::CompletionPort>> port = io::make_port(
            backend, station->receive_buffers, {});
        if (!port) {
            errors_.push_back(place_of("io.backend") + "io.backend: " + port.error());
            return nullptr;
        }
        net::WorkerOptions options;
        options.first_index = worker_threads_;
        options.thread_name = "portico-accept";
        station->group = std::make_unique<net::WorkerGroup>(std::move(*port), station->send_chunks,
                                                            options);
        accepting_ = std::move(station);
        return accepting_->group.get();
    }

    bool listen(std::chrono::milliseconds patience = {}) {
        const auto retry_until_ns = base::now_ns() + static_cast<std::uint64_t>(patience.count()) *
                                                         base::nanoseconds_per_millisecond;
        for (const std::unique_ptr<Service>& service : services_) {
            listen(*service, retry_until_ns);
        }
        return errors_.empty();
    }

    // A name listens on those of its addresses that this machine has, and the log warns of the
    // others: hosts files name ::1 even where IPv6 is switched off. It fails if there is none, as a
    // literal address does, which is the only one in its list.
    void listen(Service& service, std::uint64_t retry_until_ns) {
        const config::Listener& listener = *service.listener;
        const auto complain = [&](const std::string& why, io::Error error) {
            errors_.push_back(listener_place(listener, config_.file) + "listen: " + why +
                              std::string(io::advice_on_listening(error)));
        };
        std::vector<std::string> absent;
        bool is_listening = false;
        for (const io::Address& address : service.addresses) {
            base::Result<io::Address> bound = service.acceptor->listen(address, retry_until_ns);
            if (bound) {
                is_listening = true;
                endpoints_.push_back({listener.name, io::to_string(*bound), bound->port});
            } else if (const auto error = static_cast<io::Error>(bound.kind());
                       error == io::Error::address_unavailable) {
                absent.push_back(bound.error());
            } else {
                complain(bound.error(), error);
            }
        }
        for (const std::string& why : absent) {
            if (is_listening) {
                log_->compose(base::LogLevel::warn, listener.name, 0, [&] {
                    return why + "; \"" + listener.listen + "\" is served at its other addresses";
                });
            } else {
                complain(why, io::Error::address_unavailable);
            }
        }
    }

    // What a stop will need, so that it never fails.
    bool prepare_end() {
        std::vector<net::Acceptor*> acceptors;
        for (const std::unique_ptr<Service>& service : services_) {
            acceptors.push_back(service->acceptor.get());
        }
        drain_ = std::make_unique<net::Drain>(*table_, std::move(acceptors),
                                              [this] { something_changed(); });
        watches_.clear();
        for (const std::unique_ptr<Station>& station : stations_) {
            for (const std::unique_ptr<net::Worker>& worker : station->group->workers()) {
                watches_.emplace_back(worker->current_call());
            }
        }
        return true;
    }

    // Given up only when somebody asks for the end.
    bool create_instances() {
        const bool returned = call_plugins(
            "create",
            [this](Service& service, net::WorkerGroup& home) {
                for (std::string& mistake :
                     service.instance->create(*table_, service.context, home)) {
                    create_errors_.push_back(std::move(mistake));
                }
            },
            [this] { return stop_wanted_; });
        if (!returned) {
            stuck_ = true;
            return false;
        }
        add_errors(std::move(create_errors_));
        create_errors_.clear();
        if (const std::exception_ptr thrown = std::exchange(thrown_by_call_, nullptr)) {
            std::rethrow_exception(thrown);
        }
        return errors_.empty();
    }

    // Those whose create succeeded may have posted functions to themselves: these run before
    // destroy, here as ever. False: one of these functions, or destroy, does not return, and
    // somebody asks for the end.
    [[nodiscard]] bool unwind_instances() noexcept {
        begin_work();
        const auto is_asked = [this] {
            const std::scoped_lock lock(mutex_);
            return stop_wanted_;
        };
        if (!finish_instances(is_asked)) {
            return false;
        }
        stop_workers();
        return destroy_instances([this] { return stop_wanted_; });
    }

    // Before anything that would have to be undone by them.
    bool start_workers() {
        for_each_group([&](net::WorkerGroup& group) {
            if (const base::Result<void> started = errors_.empty() ? group.start()
                                                                   : base::Result<void>{};
                !started) {
                errors_.push_back(place_of("io.threads") + "io.threads: " + started.error() +
                                  "; ask for fewer, or allow this process more threads or memory");
            }
        });
        return errors_.empty();
    }

    void begin_work() noexcept {
        for_each_group([](net::WorkerGroup& group) { group.begin(); });
    }

    void stop_workers() noexcept {
        for_each_group([](net::WorkerGroup& group) { group.stop(); });
    }

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
    void run() noexcept {
        const io::CompletionPort& port = stations_.front()->group->port();
        log_->compose(base::LogLevel::info, {}, 0, [&] {
            const std::uint32_t all = std::max(processors_, std::thread::hardware_concurrency());
            return std::string("portico ") + version() + ": " + std::to_string(processors_) +
                   (processors_ != all ? " of " + std::to_string(all) : "") + " processors, " +
                   std::to_string(worker_threads_) + " worker threads, " +
                   std::to_string(stations_.size()) + " ports (" + std::string(port.name()) + ")";
        });
        for (const std::unique_ptr<Service>& service : services_) {
            log_->compose(base::LogLevel::info, service->listener->name, 0,
                          [&] { return "plugin " + service->instance->description(); });
        }
        begin_work();
        {
            const std::scoped_lock lock(mutex_);
            serving_ = true;
        }
        for (const std::unique_ptr<Service>& service : services_) {
            service->acceptor->start([this] { something_changed(); });
        }
        for (const Endpoint& endpoint : endpoints_) {
            log_->compose(base::LogLevel::always, endpoint.listener, 0,
                          [&] { return "listening on " + endpoint.address; });
        }
        log_->write(base::LogLevel::always, {}, 0, "ready");
    }

    // ---- stopping, step by step

    [[nodiscard]] std::uint64_t open_connections() const noexcept {
        std::uint64_t open = 0;
        for (const std::unique_ptr<Service>& service : services_) {
            open += service->acceptor->open_connections();
        }
        return open;
    }

    // An acceptor has stopped, or a last connection is gone: on any thread.
    void something_changed() noexcept {
        const std::scoped_lock lock(mutex_);
        news_ = true;
        changed_.notify_all();
    }

    [[nodiscard]] std::uint32_t drain_ms() noexcept {
        const std::scoped_lock lock(mutex_);
        return std::min(config_.drain_ms, drain_limit_ms_);
    }

    StopResult drain() noexcept {
        const auto begun = std::chrono::steady_clock::now();
        const std::uint32_t for_ms = drain_ms();
        drain_->begin(for_ms);
        auto next_look = begun;  // for a callback that does not return
        std::unique_lock lock(mutex_);
        for (;;) {
            news_ = false;
            // The limit may shrink while we wait (a console that is being closed after a Ctrl-C).
            const auto deadline = begun +
                                  std::chrono::milliseconds(std::min(for_ms, drain_limit_ms_));
            lock.unlock();
            const auto now = std::chrono::steady_clock::now();
            const bool late = now >= deadline;
            if (drain_->step(late)) {
                return {drain_->connections_cut()};
            }
            if (late && now >= next_look) {
                next_look = now + look_every;
                if (find_stuck()) {
                    return {drain_->connections_cut(), true};
                }
            }
            lock.lock();
            const auto soon = now + tell_again_after;
            changed_.wait_until(lock,
                                late                      ? soon
                                : drain_->is_incomplete() ? std::min(soon, deadline)
                                                          : deadline,
                                [&] { return news_; });
        }
    }

    // A look at every worker. True: one of them is in a callback that does not return, and
    // stuck_callback_ names it.
    [[nodiscard]] bool find_stuck() noexcept {
        bool found = false;
        for (net::CallWatch& watch : watches_) {
            if (watch.has_run_for(looks_max) && !found) {
                found = true;
                const net::CurrentCall& call = watch.call();
                name_stuck(call.protocol(), call.name(), call.connection());
            }
        }
        return found;
    }

    void name_stuck(const net::Protocol* protocol, const char* callback,
                    std::uint64_t connection) noexcept {
        try {
            stuck_callback_ = "the host no longer waits for ";
            for (const std::unique_ptr<Service>& service : services_) {
                if (service->context.protocol == protocol) {
                    stuck_callback_ += "plugin \"" + service->listener->plugin + "\", listener \"" +
                                       service->listener->name + "\": ";
                }
            }
            stuck_callback_ += callback;
            if (connection != 0) {
                char number[40];
                std::snprintf(number, sizeof number, " of connection %llx",
                              static_cast<unsigned long long>(connection));
                stuck_callback_ += number;
            }
            stuck_callback_ += " has not returned";
        } catch (const std::bad_alloc&) {
            stuck_callback_.clear();
        }
    }

    // Functions that were posted to the instances have run. False: find_stuck(), since
    // `may_give_up` says so.
    template <class MayGiveUp>
    [[nodiscard]] bool finish_instances(MayGiveUp&& may_give_up) noexcept {
        for (const std::unique_ptr<Service>& service : services_) {
            while (!service->instance->finish_within(look_every)) {
                if (may_give_up() && find_stuck()) {
                    return false;
                }
            }
        }
        return true;
    }

    template <class MayGiveUp>
    [[nodiscard]] bool destroy_instances(MayGiveUp&& may_give_up) noexcept {
        return call_plugins(
            "destroy", [](Service& service, net::WorkerGroup&) { service.instance.reset(); },
            may_give_up);
    }

    // `call` with each service and its home, on a thread of its own, since a plugin may not return
    // from it. Then false: where `may_give_up`, which is asked under the mutex, says so for a
    // second in which no call has ended. What a call throws ends the calls and is kept.
    template <class Call, class MayGiveUp>
    [[nodiscard]] bool call_plugins(const char* name, Call call, MayGiveUp&& may_give_up) noexcept {
        const auto all = [this, call] {
            try {
                for (std::size_t i = 0; i < services_.size(); ++i) {
                    call(*services_[i], *service_homes_[i]);
                    const std::scoped_lock lock(mutex_);
                    ++calls_returned_;
                    changed_.notify_all();
                }
            } catch (...) {
                thrown_by_call_ = std::current_exception();
            }
            const std::scoped_lock lock(mutex_);
            calls_over_ = true;
            changed_.notify_all();
        };
        calls_returned_ = 0;
        calls_over_ = false;
        std::thread thread;
        try {
            thread = std::thread(all);
        } catch (const std::exception&) {
            all();  // no thread is to be had
            return true;
        }
        std::size_t seen = 0;
        std::uint32_t looks = 0;
        std::unique_lock lock(mutex_);
        while (!calls_over_) {
            const bool has_news = changed_.wait_for(
                lock, look_every, [&] { return calls_over_ || calls_returned_ != seen; });
            seen = calls_returned_;
            looks = has_news || !may_give_up() ? 0 : looks + 1;
            if (looks > looks_max) {
                name_stuck(services_[seen]->context.protocol, name, 0);
                thread.detach();
                return false;
            }
        }
        lock.unlock();
        thread.join();
        return true;
    }

    // The end of a stop that something holds up: nothing is freed, since it may still be used.
    StopResult give_up(const StopResult& result) noexcept {
        stuck_ = true;
        {
            const std::scoped_lock lock(mutex_);
            serving_ = false;
        }
        log_->write(base::LogLevel::error, {}, 0, stuck_callback_);
        log_->flush(flush_at_most);
        errors_.clear();
        try {
            errors_.push_back(stuck_callback_);
        } catch (const std::bad_alloc&) {
            memory_ran_out_ = true;
        }
        return result;
    }

    void say_goodbye(const Statistics& last, const StopResult& result) noexcept {
        const auto number = [](std::uint64_t value) { return std::to_string(value); };
        log_->compose(base::LogLevel::info, {}, 0, [&] {
            return "served " + number(last.connections_accepted) +
                   " connections; calls: " + number(last.waits) + " waits, " +
                   number(last.receives) + " receives, " + number(last.sends) + " sends, " +
                   number(last.accepts) + " accepts, " + number(last.wakes) + " wakes, " +
                   number(last.cancels) + " cancels; " + number(last.completions) + " completions";
        });
        if (result.connections_cut != 0) {
            log_->compose(base::LogLevel::warn, {}, 0, [&] {
                return "the drain's deadline cut " + number(result.connections_cut) +
                       " connections";
            });
        }
    }

    // Lets go of everything, in an order in which nothing is used after its end.
    void close_all() noexcept {
        if (stuck_) {
            return;
        }
        stop_workers();  // those that a start left waiting for their work
        for (const std::unique_ptr<Service>& service : services_) {
            service->acceptor.reset();
        }
        services_.clear();
        copies_.reset();
        service_homes_.clear();
        drain_.reset();
        accepting_.reset();
        stations_.clear();
        table_.reset();
        endpoints_.clear();
        log_.reset();
    }

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

// ---- the embedding API

Server::Server() : implementation_(std::make_unique<Implementation>()) {}

Server::~Server() {
    if (!implementation_->end()) {
        implementation_.release()->stay();
    }
}

bool Server::configure_file(const std::string& file) noexcept {
    return implementation_->configure([&] { return config::load_file(file); });
}

bool Server::configure_text(std::string_view json, const std::string& directory) noexcept {
    return implementation_->configure([&] {
        return config::load_text(
            json, base::utf8_from_path(base::path_from_utf8(directory) / "configuration"));
    });
}

void Server::set_default_plugin_directory(std::string directory) noexcept {
    implementation_->set_default_plugin_directory(std::move(directory));
}

bool Server::check(bool ports) noexcept {
    return implementation_->check(ports);
}

bool Server::start() noexcept {
    return implementation_->start();
}

const std::vector<std::string>& Server::errors() const noexcept {
    return implementation_->errors();
}

const std::vector<Endpoint>& Server::endpoints() const noexcept {
    return implementation_->endpoints();
}

void Server::stop() noexcept {
    implementation_->stop();
}

StopResult Server::wait() noexcept {
    return implementation_->wait();
}

void Server::limit_drain(std::uint32_t drain_ms) noexcept {
    implementation_->limit_drain(drain_ms);
}

void Server::reopen_log() noexcept {
    implementation_->reopen_log();
}

Statistics Server::statistics() const noexcept {
    return implementation_->statistics();
}

const char* Server::version() noexcept {
    return PORTICO_VERSION;
}

std::string Server::program_directory() {
    return io::program_directory();
}

}  // namespace portico
