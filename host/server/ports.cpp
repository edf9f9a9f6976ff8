// The ports of a server with their threads, and where each listener lives.
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
        log_->write(
            base::LogLevel::info, {}, 0,
            (is_automatic ? "running on epoll, because io_uring here has " : "io_uring here has ") +
                *lacks);
    }
    return true;
}

bool Server::Implementation::shares_port() const noexcept {
    return config_.io.ports == config::Io::Ports::shared ||
           (config_.io.ports == config::Io::Ports::automatic && windows);
}

net::WorkerGroup* Server::Implementation::add_station(std::uint32_t threads,
                                                      std::uint32_t concurrency,
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

bool Server::Implementation::open_stations() {
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

net::WorkerGroup* Server::Implementation::accepting_group() {
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

}  // namespace portico
