// What the admin endpoint sees of the server: snapshots of its listeners, connections and workers.
// Its functions run on the endpoint's own thread. What they read does not change as long as the
// endpoint lives, or may be read from any thread.
#include <algorithm>

#include "base/clock.hpp"
#include "io/process_limits.hpp"
#include "server/implementation.hpp"

namespace portico {

namespace {

std::vector<std::string> flags_of(const portico_plugin& table) {
    constexpr std::pair<std::uint32_t, const char*> known[] = {
        {PORTICO_PLUGIN_SERIAL, "serial"},
        {PORTICO_PLUGIN_BLOCKING, "blocking"},
        {PORTICO_PLUGIN_UNLOADABLE, "unloadable"}};
    std::vector<std::string> flags;
    for (const auto& [flag, flag_name] : known) {
        if ((table.flags & flag) != 0) {
            flags.emplace_back(flag_name);
        }
    }
    return flags;
}

std::chrono::milliseconds since(std::uint64_t begin_ns) {
    const std::uint64_t now = base::now_ns();
    return std::chrono::milliseconds((now - std::min(now, begin_ns)) /
                                     base::nanoseconds_per_millisecond);
}

// The listener whose connection it is, accepted or outbound.
const net::ConnectionContext& listener_of(const net::ConnectionContext& context) noexcept {
    return context.listener != nullptr ? *context.listener : context;
}

std::string text_of(const io::Address& address) {
    return address.family == io::Address::Family::none ? std::string() : io::to_string(address);
}

}  // namespace

struct Server::Implementation::OperatorView final : admin::HostControl {
    explicit OperatorView(Implementation& implementation) : its(implementation) {}

    admin::HostState state() override {
        const std::scoped_lock lock(its.mutex_);
        return its.stop_wanted_ ? admin::HostState::stopping
               : its.serving_   ? admin::HostState::ready
                                : admin::HostState::starting;
    }

    admin::Status status() override {
        admin::Status status;
        status.state = state();
        status.pid = io::process_id();
        status.configuration = its.config_.file;
        status.started = its.started_;
        status.uptime = since(its.started_ns_);
        status.log_level = its.log_->level();
        status.warnings = warnings();
        if (!its.serving()) {
            return status;
        }
        status.statistics = its.statistics();
        for (const std::unique_ptr<Service>& service : its.services_) {
            status.listeners.push_back(listener(*service, status.state));
            status.plugins.push_back(plugin_of(*service));
        }
        add_queues(status.listeners);
        status.workers = workers();
        return status;
    }

    std::vector<Metric> metrics() override { return its.metrics(); }

    std::vector<std::string> listeners() override {
        std::vector<std::string> names;
        for (const ListenerStatistics& listener : its.listeners()) {
            names.push_back(listener.listener);
        }
        return names;
    }

    admin::ConnectionPage connections(const std::string& listener, std::uint32_t after,
                                      std::size_t limit) override {
        admin::ConnectionPage page;
        if (!its.serving()) {
            return page;
        }
        const std::uint32_t made = its.table_->made();
        for (std::uint32_t index = after; index < made; ++index) {
            net::Connection::Look look;
            if (!its.table_->at(index)->look(look) ||
                (!listener.empty() && listener_of(*look.context).listener_name != listener)) {
                continue;
            }
            if (page.connections.size() == limit) {
                page.next = index;
                break;
            }
            page.connections.push_back(connection(index, look));
        }
        return page;
    }

    bool close_connection(std::uint64_t id, bool aborts) override {
        const net::ConnectionTable::Found found = its.serving() ? its.table_->find(id)
                                                                : net::ConnectionTable::Found{};
        if (found.connection == nullptr ||
            found.connection->close(found.generation,
                                    aborts ? net::CloseHow::abort : net::CloseHow::graceful) !=
                net::CallResult::accepted) {
            return false;
        }
        its.log_->write(base::LogLevel::info, {}, id,
                        aborts ? "reset by an operator" : "closed by an operator");
        return true;
    }

    std::string drain(const std::string& listener) override { return its.drain(listener); }
    std::string undo_drain(const std::string& listener) override {
        return its.undo_drain(listener);
    }

    void set_log_level(base::LogLevel level) override { its.log_->set_level(level); }

    void reopen_log() override { its.reopen_log(); }

private:
    std::vector<admin::Warning> warnings() const {
        std::vector<admin::Warning> warnings;
        for (log::Line& line : its.log_->warnings()) {
            warnings.push_back({line.time, line.level, std::move(line.listener), line.connection,
                                std::move(line.text)});
        }
        return warnings;
    }

    admin::ListenerStatus listener(Service& service, admin::HostState host) const {
        admin::ListenerStatus status;
        status.name = service.listener->name;
        status.plugin = service.listener->plugin;
        for (const Endpoint& endpoint : its.endpoints_) {
            if (endpoint.listener == status.name) {
                status.endpoints.push_back(endpoint);
            }
        }
        status.open = service.acceptor->open_connections();
        status.limit = service.context.limits.connections;
        status.accepted = service.acceptor->accepted_connections();
        status.outbound_open = service.connector->open_connections();
        status.outbound_begun = service.connector->connects();
        status.state = state_of(service, status.open, host);
        return status;
    }

    admin::ListenerState state_of(Service& service, std::uint64_t open,
                                  admin::HostState host) const {
        if (host == admin::HostState::stopping) {
            return admin::ListenerState::stopping;
        }
        const net::Acceptor::State state = service.acceptor->state();
        if (state == net::Acceptor::State::accepting) {
            return admin::ListenerState::listening;
        }
        return open == 0 && state == net::Acceptor::State::stopped
                   ? admin::ListenerState::drained
                   : admin::ListenerState::draining;
    }

    static admin::PluginStatus plugin_of(const Service& service) {
        const portico_plugin& table = service.instance->table();
        return {service.listener->name, std::string(table.name, table.name_size),
                std::string(table.version, table.version_size), service.instance->file(),
                flags_of(table)};
    }

    // `listeners`: in the order of the services.
    void add_queues(std::vector<admin::ListenerStatus>& listeners) const {
        const std::uint32_t made = its.table_->made();
        for (std::uint32_t index = 0; index < made; ++index) {
            net::Connection::Look look;
            if (!its.table_->at(index)->look(look) || look.queued_bytes == 0) {
                continue;
            }
            for (std::size_t i = 0; i < listeners.size(); ++i) {
                if (&its.services_[i]->context == &listener_of(*look.context)) {
                    listeners[i].queued_bytes += look.queued_bytes;
                    listeners[i].full_queues += look.is_queue_full ? 1 : 0;
                }
            }
        }
    }

    std::vector<admin::WorkerStatus> workers() const {
        std::vector<admin::WorkerStatus> all;
        for (const std::unique_ptr<Port>& port : its.ports_) {
            for (const std::unique_ptr<net::Worker>& worker : port->group->workers()) {
                all.push_back(worker_of(*worker));
            }
        }
        std::sort(all.begin(), all.end(),
                  [](const auto& a, const auto& b) { return a.index < b.index; });
        return all;
    }

    admin::WorkerStatus worker_of(net::Worker& worker) const {
        const net::CurrentCall& call = worker.current_call();
        admin::WorkerStatus status;
        status.index = worker.index();
        const std::uint64_t count = call.count();
        const char* const name = call.name();
        const net::Protocol* const protocol = call.protocol();
        const std::uint64_t id = call.connection();
        if ((count & 1) == 0 || call.count() != count) {
            return status;  // none runs, or these are parts of two
        }
        status.callback = name;
        status.connection = id;
        status.listener = listener_name(protocol, id);
        return status;
    }

    std::string listener_name(const net::Protocol* protocol, std::uint64_t id) const {
        for (const std::unique_ptr<Service>& service : its.services_) {
            if (service->context.protocol == protocol) {
                return service->listener->name;
            }
        }
        // An outbound connection has a protocol of its own.
        net::Connection::Look look;
        const net::ConnectionTable::Found found = its.table_->find(id);
        return found.connection != nullptr && found.connection->look(look)
                   ? listener_of(*look.context).listener_name
                   : std::string();
    }

    admin::ConnectionStatus connection(std::uint32_t index,
                                       const net::Connection::Look& look) const {
        admin::ConnectionStatus status;
        status.id = its.table_->handle_of(index, look.generation);
        status.listener = listener_of(*look.context).listener_name;
        status.is_outbound = look.context->connector != nullptr;
        status.peer = text_of(look.peer);
        status.local = text_of(look.local);
        status.state = look.is_closing       ? admin::ConnectionState::closing
                       : look.opened_ns != 0 ? admin::ConnectionState::open
                       : status.is_outbound  ? admin::ConnectionState::connecting
                                             : admin::ConnectionState::opening;
        if (look.opened_ns != 0) {
            status.age = since(look.opened_ns);
        }
        status.received_bytes = look.received_bytes;
        status.sent_bytes = look.sent_bytes;
        status.queued_bytes = look.queued_bytes;
        status.is_queue_full = look.is_queue_full;
        return status;
    }

    Implementation& its;
};

void Server::Implementation::OperatorViewDeleter::operator()(OperatorView* view) const noexcept {
    delete view;
}

std::unique_ptr<admin::Endpoint> Server::Implementation::make_admin() {
    if (operator_view_ == nullptr) {
        operator_view_.reset(new OperatorView(*this));
    }
    // Its warnings and errors; what it says of its own start and stop is not a host's.
    return std::make_unique<admin::Endpoint>(
        config_.admin, config_.io.backend, *operator_view_, [this](const LogLine& line) {
            if (line.level >= LogLine::Level::warn) {
                log_->write(line.level == LogLine::Level::warn ? base::LogLevel::warn
                                                               : base::LogLevel::error,
                            admin::Endpoint::name, line.connection, line.text);
            }
        });
}

bool Server::Implementation::start_admin() {
    if (config_.admin.listen.text.empty()) {
        return true;
    }
    admin_ = make_admin();
    return add_admin_errors(admin_->start());
}

bool Server::Implementation::check_admin(bool port) {
    return config_.admin.listen.text.empty() || add_admin_errors(make_admin()->check(port));
}

bool Server::Implementation::add_admin_errors(const std::vector<std::string>& mistakes) {
    for (const std::string& mistake : mistakes) {
        errors_.push_back(place_of(mistake.substr(0, mistake.find(':'))) + mistake);
    }
    return mistakes.empty();
}

}  // namespace portico
