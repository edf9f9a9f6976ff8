// Starts a server, step by step. A check takes the same steps as far as it can.
#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/clock.hpp"
#include "base/path_text.hpp"
#include "io/process_limits.hpp"
#include "server/implementation.hpp"

namespace portico {

namespace {

// Descriptors for everything but connections and listening sockets: ports, events, log, standard
// streams, libraries.
constexpr std::uint64_t descriptors_reserved = 64;

// On Windows a start waits this long, in all, for addresses that are in use.
constexpr auto listen_retry_time = std::chrono::milliseconds(2'000);

}  // namespace

bool Server::Implementation::check(bool ports) noexcept {
    const bool fine = attempt([&] {
        if (!open_log(Purpose::check) || !load_plugins() || !make_table() || !open_ports()) {
            return false;
        }
        for (const std::unique_ptr<Service>& service : services_) {
            add_errors(service->instance->validate(worker_threads_));
        }
        if (ports) {
            // all together, as a start does: two listeners may want the same address
            static_cast<void>(listen());
        }
        static_cast<void>(check_admin(ports));
        return errors_.empty();
    });
    close_all();
    return fine;
}

bool Server::Implementation::start() noexcept {
    PORTICO_ASSERT(!serving());
    started_ns_ = base::now_ns();
    started_ = std::chrono::system_clock::now();
    if (!attempt([&] {
            return open_log(Purpose::serve) && load_plugins() && make_table() && open_ports() &&
                   listen(listen_retry_time) && prepare_stop() && start_workers() &&
                   start_watchdog() && start_admin();
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

bool Server::Implementation::open_log(Purpose purpose) {
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
    base::Result<std::unique_ptr<log::StreamLog>> log = log::StreamLog::open(options,
                                                                             line_function());
    if (!log) {
        return failed(log.error());
    }
    const std::scoped_lock lock(log_mutex_);
    log_ = std::move(*log);
    return true;
}

bool Server::Implementation::load_plugins() {
    copies_ = std::make_unique<plugin::PrivateCopies>();
    for (const config::Listener& listener : config_.listeners) {
        auto service = std::make_unique<Service>();
        service->listener = &listener;
        resolve(*service);
        if (base::Result<plugin::Loaded> loaded = plugin::load(plugin_directory(), listener.plugin,
                                                               *copies_, linked_modules_);
            !loaded) {
            errors_.push_back(listener_place(listener) + loaded.error());
        } else if (const std::string fault = plugin::framing_fault(*loaded->table,
                                                                   listener.framing);
                   !fault.empty()) {
            errors_.push_back(listener_place(listener) + fault);
        } else {
            service->instance = std::make_unique<plugin::Instance>(std::move(*loaded), listener,
                                                                   *log_);
        }
        resolve_upstreams(*service);
        service->context.listener_name = listener.name;
        service->context.plugin_name = listener.plugin;
        service->context.limits = listener.limits;
        service->context.framing = listener.framing;
        service->context.protocol = service->instance.get();
        service->context.log = log_.get();
        service->context.logs_local_address = listener.listen.size() > 1;
        services_.push_back(std::move(service));
    }
    for (const std::string& note : copies_->notes()) {
        log_->write(base::LogLevel::warn, {}, 0, note);
    }
    if (!copies_->folder().empty()) {
        log_->compose(base::LogLevel::debug, {}, 0,
                      [&] { return "the plugins' private copies are in " + copies_->folder(); });
    }
    return errors_.empty();
}

bool Server::Implementation::make_table() {
    std::uint64_t connections = 0;
    for (const config::Listener& listener : config_.listeners) {
        connections += listener.limits.connections;
        for (const config::Upstream& upstream : listener.upstreams) {
            connections += upstream.limits.connections;
        }
    }
    if (connections > net::ConnectionTable::connections_limit) {
        errors_.push_back((config_.file.empty() ? "" : config_.file + ": ") +
                          "limits.connections: the sum over listeners and upstreams is " +
                          std::to_string(connections) + ", at most " +
                          std::to_string(net::ConnectionTable::connections_limit) +
                          " are possible");
        return false;
    }
    table_ = std::make_unique<net::ConnectionTable>(static_cast<std::uint32_t>(connections));
    std::uint64_t listening = 0;
    for (const std::unique_ptr<Service>& service : services_) {
        for (const std::vector<io::Address>& addresses : service->addresses) {
            listening += addresses.size();
        }
    }
    const std::uint64_t descriptors = io::raise_descriptor_limit();
    if (descriptors < connections + listening + descriptors_reserved) {
        log_->compose(base::LogLevel::warn, {}, 0, [&] {
            return "the limits of listeners and upstreams allow " + std::to_string(connections) +
                   " connections, but this process may have only " + std::to_string(descriptors) +
                   " descriptors (ulimit -n): new clients will wait when they run out";
        });
    }
    return true;
}

std::string Server::Implementation::plugin_directory() const {
    if (!config_.plugin_directory.empty()) {
        return config_.plugin_directory;
    }
    if (!default_plugin_directory_.empty()) {
        return default_plugin_directory_;
    }
    return base::utf8_from_path(base::path_from_utf8(io::program_directory()) / "plugins");
}

bool Server::Implementation::prepare_stop() {
    std::vector<net::Acceptor*> acceptors;
    std::vector<net::Connector*> connectors;
    for (const std::unique_ptr<Service>& service : services_) {
        acceptors.push_back(service->acceptor.get());
        connectors.push_back(service->connector.get());
    }
    drain_ = std::make_unique<net::Drain>(
        *table_, std::move(acceptors), [this] { notify_changed(); }, std::move(connectors));
    watches_.clear();
    for (const std::unique_ptr<Port>& port : ports_) {
        for (const std::unique_ptr<net::Worker>& worker : port->group->workers()) {
            watches_.emplace_back(worker->current_call());
        }
    }
    return true;
}

bool Server::Implementation::create_instances() {
    metrics_ = std::make_unique<plugin::Metrics>(worker_threads_, this);
    prepare_host_metrics();
    for (const std::unique_ptr<Service>& service : services_) {
        service->instance->use_metrics(*metrics_);
    }
    const bool returned = call_plugins(
        "create",
        [this](Service& service, net::WorkerGroup& home) {
            for (std::string& mistake :
                 service.instance->create(*table_, service.context, home, worker_threads_)) {
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

bool Server::Implementation::unwind_instances() noexcept {
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

bool Server::Implementation::start_workers() {
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

bool Server::Implementation::start_watchdog() {
    std::vector<Watchdog::Listener> listeners;
    for (const std::unique_ptr<Service>& service : services_) {
        service->watchdog_ms = service->listener->watchdog_ms.value_or(
            service->instance->is_blocking() ? 0 : config::watchdog_ms_default);
        if (service->watchdog_ms != 0) {
            listeners.push_back({service->instance.get(), service->listener->name,
                                 service->listener->plugin,
                                 std::chrono::milliseconds(service->watchdog_ms), &service->stuck});
        }
    }
    if (listeners.empty()) {
        return true;
    }
    watchdog_ = std::make_unique<Watchdog>(std::move(listeners), *log_);
    for (const std::unique_ptr<Port>& port : ports_) {
        watchdog_->watch(*port->group);
    }
    if (const base::Result<void> started = watchdog_->start(); !started) {
        errors_.push_back(started.error());
        return false;
    }
    return true;
}

void Server::Implementation::begin_work() noexcept {
    for_each_group([](net::WorkerGroup& group) { group.begin(); });
}

void Server::Implementation::run() noexcept {
    const io::CompletionPort& port = ports_.front()->group->port();
    log_->compose(base::LogLevel::info, {}, 0, [&] {
        const std::uint32_t all = std::max(processors_, std::thread::hardware_concurrency());
        return std::string("portico ") + version() + ": " + std::to_string(processors_) +
               (processors_ != all ? " of " + std::to_string(all) : "") + " processors, " +
               std::to_string(worker_threads_) + " worker threads, " +
               std::to_string(ports_.size()) + " ports (" + std::string(port.name()) + ")";
    });
    for (const std::unique_ptr<Service>& service : services_) {
        log_->compose(base::LogLevel::info, service->listener->name, 0,
                      [&] { return "plugin " + service->instance->description(); });
    }
    // Functions that were posted in create may connect.
    for (const std::unique_ptr<Service>& service : services_) {
        service->connector->start([this] { notify_changed(); });
    }
    begin_work();
    {
        const std::scoped_lock lock(mutex_);
        serving_ = true;
    }
    for (const std::unique_ptr<Service>& service : services_) {
        service->acceptor->start([this] { notify_changed(); });
    }
    {
        const std::scoped_lock lock(operator_mutex_);
        takes_operators_ = true;
    }
    for (const Endpoint& endpoint : endpoints_) {
        log_->compose(base::LogLevel::always, endpoint.listener, 0,
                      [&] { return "listening on " + endpoint.address; });
    }
    if (admin_ != nullptr) {
        for (const std::string& address : admin_->addresses()) {
            log_->compose(base::LogLevel::always, admin::Endpoint::name, 0,
                          [&] { return "listening on " + address; });
        }
    }
    log_->write(base::LogLevel::always, {}, 0, "ready");
}

}  // namespace portico
