// Opens the ports with their threads, and decides on which of them each listener lives.
#include <optional>

#include "io/processors.hpp"
#include "server/implementation.hpp"

namespace portico {

bool Server::Implementation::choose_backend() {
    const std::optional<io::Backend> wanted = io::backend_from_name(config_.io.backend);
    if (!wanted) {
        errors_.push_back(place_of("io.backend") + "io.backend: unknown backend \"" +
                          config_.io.backend + "\"");
        return false;
    }
    const io::BackendChoice choice = io::choose_backend(*wanted, shares_port());
    backend_ = choice.backend;
    if (!choice.reason.empty()) {
        log_->write(choice.is_second_best ? base::LogLevel::warn : base::LogLevel::info, {}, 0,
                    choice.reason);
    }
    return true;
}

bool Server::Implementation::shares_port() const noexcept {
    return config_.io.ports == config::Io::Ports::shared ||
           (config_.io.ports == config::Io::Ports::automatic && windows);
}

net::WorkerGroup* Server::Implementation::add_port(std::uint32_t threads, std::uint32_t concurrency,
                                                   std::uint32_t batch) {
    auto added = std::make_unique<Port>(
        config_.io, threads > 1 ? io::BufferPool::Use::shared : io::BufferPool::Use::single);
    io::PortOptions options;
    options.shared = threads > 1;
    options.concurrency = concurrency;
    // A ring belongs to one thread.
    const io::Backend backend = options.shared && backend_ == io::Backend::io_uring
                                    ? io::Backend::epoll
                                    : backend_;
    base::Result<std::unique_ptr<io::CompletionPort>> port = io::make_port(
        backend, added->receive_buffers, options);
    if (!port) {
        errors_.push_back(place_of("io.backend") + "io.backend: " + port.error());
        return nullptr;
    }
    net::WorkerOptions worker_options;
    worker_options.threads = threads;
    worker_options.first_index = worker_threads_;
    worker_options.batch = batch;
    worker_options.owner = this;
    added->group = std::make_unique<net::WorkerGroup>(std::move(*port), added->send_chunks,
                                                      worker_options);
    worker_threads_ += threads;
    ports_.push_back(std::move(added));
    return ports_.back()->group.get();
}

std::vector<net::WorkerGroup*> Server::Implementation::open_common_ports() {
    constexpr std::uint32_t batch = 64;
    std::vector<net::WorkerGroup*> common;
    if (shares_port()) {
        const std::uint32_t threads = config_.io.threads != 0 ? config_.io.threads
                                                              : 2 * processors_;
        common.push_back(add_port(threads, processors_, batch));
    } else {
        const std::uint32_t ports = config_.io.threads != 0 ? config_.io.threads : processors_;
        for (std::uint32_t i = 0; i < ports && errors_.empty(); ++i) {
            common.push_back(add_port(1, 1, batch));
        }
    }
    return common;
}

bool Server::Implementation::open_ports() {
    if (!choose_backend()) {
        return false;
    }
    worker_threads_ = 0;
    processors_ = io::usable_processors();
    const std::vector<net::WorkerGroup*> common = open_common_ports();
    std::vector<std::vector<net::WorkerGroup*>> homes;
    for (const std::unique_ptr<Service>& service : services_) {
        if (!errors_.empty()) {
            return false;
        }
        // An instance whose callbacks block gets a port of its own, which hands out one operation
        // at a time. A serial instance lives on one port.
        if (service->instance->is_blocking()) {
            const std::uint32_t threads = service->listener->blocking_threads;
            homes.push_back({add_port(threads, threads, 1)});
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
        service.connector = std::make_unique<net::Connector>(
            *table_, *service.acceptor, homes[i],
            instance.is_serial() ? &instance.strand() : nullptr, service.context);
        for (net::Connector::Upstream& upstream : service.upstreams) {
            service.connector->add(std::move(upstream));
        }
        service.upstreams.clear();
        instance.use_connector(*service.connector);
        service_homes_.push_back(homes[i].front());
    }
    return true;
}

net::WorkerGroup* Server::Implementation::accepting_group() {
    if (worker_threads_ == 1) {
        return ports_.front()->group.get();
    }
    config::Io small = config_.io;  // it receives nothing
    small.receive_buffers = 1;
    auto added = std::make_unique<Port>(small, io::BufferPool::Use::single);
    // On epoll, because one call for each connection does not justify a ring.
    base::Result<std::unique_ptr<io::CompletionPort>> port = io::make_port(
        io::standard_backend, added->receive_buffers, {});
    if (!port) {
        errors_.push_back(place_of("io.backend") + "io.backend: " + port.error());
        return nullptr;
    }
    net::WorkerOptions options;
    options.first_index = worker_threads_;
    options.thread_name = "portico-accept";
    options.owner = this;
    added->group = std::make_unique<net::WorkerGroup>(std::move(*port), added->send_chunks,
                                                      options);
    accepting_port_ = std::move(added);
    return accepting_port_->group.get();
}

}  // namespace portico
