// What an operator asks of a running server, through the admin endpoint or the embedding API: drain
// a listener and listen again, and change what is logged.
#include <condition_variable>
#include <memory>
#include <optional>

#include "server/implementation.hpp"

namespace portico {

namespace {

// How long undo_drain() waits for the thread that accepts. It may be the only worker, which a
// callback holds up.
constexpr auto resume_timeout = std::chrono::seconds(2);
constexpr auto stop_check_interval = std::chrono::milliseconds(20);

// What that thread answers. It may come later than the one who asked waits for it.
struct Resumption {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_over = false;
    std::vector<std::string> mistakes;
};

}  // namespace

bool Server::Implementation::set_log_level(std::string_view level) noexcept {
    const std::optional<base::LogLevel> wanted = log::level_from_name(level);
    if (!wanted) {
        return false;
    }
    const std::scoped_lock lock(mutex_);
    if (serving_) {
        log_->set_level(*wanted);
    }
    return serving_;
}

base::Result<Server::Implementation::Service*> Server::Implementation::find_service(
    const std::string& listener) {
    if (!takes_operators_) {
        return base::Failure{"the host is starting or stopping: it takes no orders now"};
    }
    for (const std::unique_ptr<Service>& service : services_) {
        if (service->listener->name == listener) {
            return service.get();
        }
    }
    return base::Failure{"there is no listener \"" + listener + "\""};
}

std::string Server::Implementation::drain(const std::string& listener) {
    const std::scoped_lock lock(operator_mutex_);
    base::Result<Service*> found = find_service(listener);
    if (!found) {
        return found.error();
    }
    Service* const service = *found;
    const bool was_late_undo = service->acceptor->cancel_resume();
    const bool accepts = service->acceptor->state() == net::Acceptor::State::accepting;
    if (was_late_undo || accepts) {
        log_->compose(base::LogLevel::info, listener, 0, [&] {
            return "drained by an operator: no new clients, " +
                   std::to_string(service->acceptor->open_connections()) +
                   " connections are asked to end";
        });
    }
    if (accepts) {
        // Those that are accepted while the port is being closed get their order after it.
        service->acceptor->stop([this, service] { order_drain(*service); });
    }
    order_drain(*service);
    return {};
}

void Server::Implementation::order_drain(const Service& service) noexcept {
    if (!net::drain_accepted(*table_, service.context)) {
        log_->write(base::LogLevel::warn, service.listener->name, 0,
                    "memory ran out: some connections were not asked to end; drain again");
    }
}

std::string Server::Implementation::undo_drain(const std::string& listener) {
    const std::scoped_lock lock(operator_mutex_);
    base::Result<Service*> found = find_service(listener);
    if (!found) {
        return found.error();
    }
    Service* const service = *found;
    if (service->acceptor->state() == net::Acceptor::State::accepting) {
        return "listener \"" + listener + "\" is not drained";
    }
    const auto resumption = std::make_shared<Resumption>();
    const bool is_begun = service->acceptor->resume(
        [this, resumption, service](const std::vector<std::string>& mistakes) {
            if (mistakes.empty()) {
                log_->write(base::LogLevel::info, service->listener->name, 0,
                            "listening again: an operator undid the drain");
            }
            // Nobody may wait for the answer any more.
            for (const std::string& mistake : mistakes) {
                log_->compose(base::LogLevel::warn, service->listener->name, 0,
                              [&] { return "does not listen again: " + mistake; });
            }
            const std::scoped_lock answer_lock(resumption->mutex);
            resumption->mistakes = mistakes;
            resumption->is_over = true;
            resumption->changed.notify_all();
        });
    if (!is_begun) {
        return "listener \"" + listener + "\" is still closing its port: try again";
    }
    // A stop waits for the operator's mutex, so it ends this wait.
    const auto deadline = std::chrono::steady_clock::now() + resume_timeout;
    std::unique_lock answer_lock(resumption->mutex);
    while (!resumption->is_over && std::chrono::steady_clock::now() < deadline && !stops()) {
        resumption->changed.wait_for(answer_lock, stop_check_interval);
    }
    if (!resumption->is_over) {
        return "listener \"" + listener +
               "\": the thread that accepts is busy and will listen later; look at the status";
    }
    if (!resumption->mistakes.empty()) {
        return "listener \"" + listener + "\": " + resumption->mistakes.front();
    }
    return {};
}

bool Server::Implementation::stops() noexcept {
    const std::scoped_lock lock(mutex_);
    return stop_wanted_;
}

}  // namespace portico
