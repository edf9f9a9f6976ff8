// The embedding API, and the calls that neither start nor stop a server.
#include "portico/server.hpp"

#include <atomic>
#include <filesystem>

#include "base/path_text.hpp"
#include "config/load.hpp"
#include "io/process_limits.hpp"
#include "server/implementation.hpp"

namespace portico {

bool Server::Implementation::finish() noexcept {
    if (serving()) {
        stop();
        static_cast<void>(wait());
    }
    return !stuck_;
}

void Server::Implementation::keep_reachable() noexcept {
    static std::atomic<Implementation*> first{nullptr};
    next_stuck_ = first.exchange(this);
}

template <class Load>
bool Server::Implementation::configure(Load&& load) noexcept {
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

void Server::Implementation::set_default_plugin_directory(std::string directory) noexcept {
    default_plugin_directory_ = std::move(directory);
    if (default_plugin_directory_.empty()) {
        return;
    }
    try {
        default_plugin_directory_ = base::utf8_from_path(
            std::filesystem::absolute(base::path_from_utf8(default_plugin_directory_)));
    } catch (...) {
        // It stays relative. If a plugin is not found in it, the start reports that.
    }
}

void Server::Implementation::reopen_log() noexcept {
    const std::scoped_lock lock(mutex_);
    if (serving_) {
        log_->reopen();
    }
}

Statistics Server::Implementation::statistics() noexcept {
    const std::scoped_lock lock(mutex_);
    Statistics result;
    if (!serving_) {
        return result;
    }
    io::Counters counters;
    for_each_group([&](net::WorkerGroup& group) { counters += group.port().counters(); });
    for (const std::unique_ptr<Port>& port : ports_) {
        result.worker_threads += port->group->thread_count();
        result.receive_buffers_in_use += port->receive_buffers.in_use();
        result.send_chunks_in_use += port->send_chunks.in_use();
    }
    for (const std::unique_ptr<Service>& service : services_) {
        result.connections_accepted += service->acceptor->accepted_connections();
        result.connections_open += service->acceptor->open_connections();
        result.outbound_begun += service->connector->connects();
        result.outbound_open += service->connector->open_connections();
    }
    result.waits = counters.waits;
    result.receives = counters.receives;
    result.sends = counters.sends;
    result.accepts = counters.accepts;
    result.wakes = counters.wakes;
    result.cancels = counters.cancels;
    result.completions = counters.completions;
    result.processors = processors_;
    result.backend = ports_.front()->group->port().name();
    return result;
}

bool Server::Implementation::serving() noexcept {
    const std::scoped_lock lock(mutex_);
    return serving_;
}

void Server::Implementation::add_errors(std::vector<std::string> more) {
    errors_.insert(errors_.end(), more.begin(), more.end());
}

std::string Server::Implementation::place_of(const std::string& key) const {
    if (config_.file.empty()) {
        return {};
    }
    auto line = config_.lines.find(key);
    if (line == config_.lines.end()) {
        line = config_.lines.find(key.substr(0, key.find('.')));
    }
    return config_.file + (line != config_.lines.end() ? ":" + std::to_string(line->second) : "") +
           ": ";
}

// ---- the embedding API

Server::Server() : implementation_(std::make_unique<Implementation>()) {}

Server::~Server() {
    if (!implementation_->finish()) {
        implementation_.release()->keep_reachable();
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

std::vector<Metric> Server::metrics() const {
    return implementation_->metrics();
}

const char* Server::version() noexcept {
    return PORTICO_VERSION;
}

std::string Server::program_directory() {
    return io::program_directory();
}

}  // namespace portico
