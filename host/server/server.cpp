// The calls that neither start nor stop a server.
#include <atomic>
#include <filesystem>
#include <system_error>

#include "base/path_text.hpp"
#include "config/load.hpp"
#include "server/implementation.hpp"

namespace portico {

namespace {

LogLine::Level level_of(base::LogLevel level) noexcept {
    switch (level) {
        case base::LogLevel::trace: return LogLine::Level::trace;
        case base::LogLevel::debug: return LogLine::Level::debug;
        case base::LogLevel::warn: return LogLine::Level::warn;
        case base::LogLevel::error: return LogLine::Level::error;
        case base::LogLevel::info:
        case base::LogLevel::always:
        case base::LogLevel::off: break;
    }
    return LogLine::Level::info;
}

base::LogLevel level_of(LogLine::Level level) noexcept {
    switch (level) {
        case LogLine::Level::trace: return base::LogLevel::trace;
        case LogLine::Level::debug: return base::LogLevel::debug;
        case LogLine::Level::info: break;
        case LogLine::Level::warn: return base::LogLevel::warn;
        case LogLine::Level::error: return base::LogLevel::error;
    }
    return base::LogLevel::info;
}

}  // namespace

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

bool Server::Implementation::configure_file(const std::string& file) noexcept {
    return configure([&] { return config::load_file(file); });
}

bool Server::Implementation::configure_text(std::string_view json,
                                            const std::string& directory) noexcept {
    return configure([&] {
        std::string file;
        try {
            file = base::utf8_from_path(base::path_from_utf8(directory) / "configuration");
        } catch (const std::system_error& error) {
            config::Loaded refused;
            refused.mistakes.push_back("the directory \"" + directory +
                                       "\": " + error.code().message());
            return refused;
        }
        return config::load_text(json, file);
    });
}

bool Server::Implementation::register_plugin(const std::string& name,
                                             const portico_module* module) noexcept {
    PORTICO_ASSERT(!serving());
    return attempt([&] {
        if (!plugin::is_module_name(name)) {
            errors_.push_back("\"" + name +
                              "\" cannot name a plugin: expected 1 to 64 printable ASCII "
                              "characters without spaces, quotes, \"#\", \"/\", \"\\\", \":\" and "
                              "\"..\", and without a library's suffix");
        } else if (!linked_modules_.emplace(name, module).second) {
            errors_.push_back("a plugin is already registered as \"" + name + "\"");
        }
        return errors_.empty();
    });
}

log::FunctionSink::Function Server::Implementation::line_function() const {
    if (!log_function_) {
        return {};
    }
    return [function = log_function_](const log::Line& line) {
        LogLine passed;
        passed.level = level_of(line.level);
        passed.time_ns = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(line.time.time_since_epoch())
                .count());
        passed.listener = line.listener;
        passed.connection = line.connection;
        passed.text = line.text;
        function(passed);
    };
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

bool Server::Implementation::write_log(LogLine::Level level, std::string_view listener,
                                       std::uint64_t connection, std::string_view text) noexcept {
    const std::scoped_lock lock(log_mutex_);
    if (log_ == nullptr || !log_->enabled(level_of(level))) {
        return false;
    }
    log_->write(level_of(level), listener, connection, text);
    return true;
}

bool Server::Implementation::flush_log(std::uint32_t at_most_ms) noexcept {
    const auto at_most = std::chrono::milliseconds(at_most_ms);
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    const std::scoped_lock lock(log_mutex_);
    if (log_ != nullptr) {
        log_->flush(at_most);
    }
    return std::chrono::steady_clock::now() < deadline;
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
    result.log_lines_missing = log_->lines_missing();
    result.processors = processors_;
    result.backend = ports_.front()->group->port().name();
    return result;
}

std::vector<ListenerStatistics> Server::Implementation::listeners() {
    const std::scoped_lock lock(mutex_);
    std::vector<ListenerStatistics> result;
    if (!serving_) {
        return result;
    }
    for (const std::unique_ptr<Service>& service : services_) {
        result.push_back({service->listener->name, service->listener->plugin,
                          service->acceptor->accepted_connections(),
                          service->acceptor->open_connections()});
    }
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

}  // namespace portico
