// The embedding API: each function passes the call on. This file alone is compiled a second time,
// for the shared library, with the marks of what that exports.
#include "portico/server.hpp"

#include "base/thread_stack.hpp"
#include "io/process_limits.hpp"
#include "plugin/call_scope.hpp"
#include "server/implementation.hpp"

namespace portico {

Server::Server() : implementation_(std::make_unique<Implementation>()) {}

Server::~Server() {
    if (!implementation_->finish()) {
        implementation_.release()->keep_reachable();
    }
}

bool Server::configure_file(const std::string& file) noexcept {
    return implementation_->configure_file(file);
}

bool Server::configure_text(std::string_view json, const std::string& directory) noexcept {
    return implementation_->configure_text(json, directory);
}

bool Server::register_plugin(const std::string& name, const portico_module* module) noexcept {
    return implementation_->register_plugin(name, module);
}

void Server::set_log(LogFunction function) noexcept {
    implementation_->set_log(std::move(function));
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

bool Server::write_log(LogLine::Level level, std::string_view listener, std::uint64_t connection,
                       std::string_view text) noexcept {
    return implementation_->write_log(level, listener, connection, text);
}

bool Server::flush_log(std::uint32_t at_most_ms) noexcept {
    return implementation_->flush_log(at_most_ms);
}

const std::string& Server::log_file() const noexcept {
    return implementation_->log_file();
}

bool Server::set_log_level(std::string_view level) noexcept {
    return implementation_->set_log_level(level);
}

std::string Server::drain(const std::string& listener) {
    return implementation_->drain(listener);
}

std::string Server::undo_drain(const std::string& listener) {
    return implementation_->undo_drain(listener);
}

Statistics Server::statistics() const noexcept {
    return implementation_->statistics();
}

std::vector<ListenerStatistics> Server::listeners() const {
    return implementation_->listeners();
}

std::vector<Metric> Server::metrics() const {
    return implementation_->metrics();
}

bool Server::find_running_call(RunningCall& call) noexcept {
    plugin::RunningCall found;
    if (!plugin::find_running_call(found)) {
        return false;
    }
    call = {found.plugin, found.listener, found.callback, found.connection};
    return true;
}

bool Server::use_stack_signal(int number) noexcept {
    return base::use_stack_signal(number);
}

const char* Server::version() noexcept {
    return PORTICO_VERSION;
}

std::string Server::program_directory() {
    return io::program_directory();
}

}  // namespace portico
