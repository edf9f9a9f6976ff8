// Stops a server, step by step: no new clients, drain, end the plugins and the threads.
#include <algorithm>

#include "base/clock.hpp"
#include "server/implementation.hpp"

namespace portico {

namespace {

// Draining or cutting a connection takes memory. If there was none, it is tried again after this
// time.
constexpr auto drain_retry_interval = std::chrono::milliseconds(100);

constexpr auto flush_timeout = std::chrono::seconds(1);

}  // namespace

void Server::Implementation::stop() noexcept {
    const std::scoped_lock lock(mutex_);
    stop_wanted_ = true;
    changed_.notify_all();
}

StopResult Server::Implementation::wait() noexcept {
    if (!serving()) {
        return {0, stuck_};
    }
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stop_wanted_; });
    }
    {
        const std::scoped_lock lock(operator_mutex_);
        takes_operators_ = false;
    }
    log_->compose(base::LogLevel::info, {}, 0, [&] {
        return "stopping: no new clients, draining " + std::to_string(open_connections()) +
               " connections for at most " + std::to_string(drain_ms()) + " ms";
    });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(drain_ms());
    const auto is_late = [deadline] { return std::chrono::steady_clock::now() >= deadline; };
    StopResult result = drain();
    result.stuck = result.stuck || !finish_instances(is_late);
    if (result.stuck) {
        return give_up(result);
    }
    admin_.reset();
    const Statistics last = statistics();
    {
        const std::scoped_lock lock(mutex_);
        serving_ = false;
        stop_wanted_ = false;
        drain_limit_ms_ = UINT32_MAX;
    }
    { const std::scoped_lock last_reader(reading_); }
    stop_workers();
    watchdog_.reset();
    log_totals(last, result);
    // After the last callback of every plugin, "stopped" is the last line.
    if (!destroy_instances(is_late)) {
        result.stuck = true;
        return give_up(result);
    }
    log_->write(base::LogLevel::always, {}, 0, "stopped");
    close_all();
    return result;
}

void Server::Implementation::limit_drain(std::uint32_t drain_ms) noexcept {
    const std::scoped_lock lock(mutex_);
    drain_limit_ms_ = std::min(drain_limit_ms_, drain_ms);
    has_changed_ = true;
    changed_.notify_all();
}

std::uint64_t Server::Implementation::open_connections() const noexcept {
    std::uint64_t open = 0;
    for (const std::unique_ptr<Service>& service : services_) {
        open += service->acceptor->open_connections() + service->connector->open_connections();
    }
    return open;
}

void Server::Implementation::notify_changed() noexcept {
    const std::scoped_lock lock(mutex_);
    has_changed_ = true;
    changed_.notify_all();
}

std::uint32_t Server::Implementation::drain_ms() noexcept {
    const std::scoped_lock lock(mutex_);
    return std::min(config_.drain_ms, drain_limit_ms_);
}

StopResult Server::Implementation::drain() noexcept {
    const auto begun = std::chrono::steady_clock::now();
    const std::uint32_t for_ms = drain_ms();
    drain_->begin(
        {net::DrainReason::stop, base::now_ns() + for_ms * base::nanoseconds_per_millisecond});
    auto next_check = begun;  // for a callback that does not return
    std::unique_lock lock(mutex_);
    for (;;) {
        has_changed_ = false;
        // The limit may shrink while we wait (a console that is being closed after a Ctrl-C).
        const auto deadline = begun + std::chrono::milliseconds(std::min(for_ms, drain_limit_ms_));
        lock.unlock();
        const auto now = std::chrono::steady_clock::now();
        const bool is_late = now >= deadline;
        if (drain_->step(is_late)) {
            return {drain_->connections_cut()};
        }
        if (is_late && now >= next_check) {
            next_check = now + stuck_check_interval;
            if (find_stuck()) {
                return {drain_->connections_cut(), true};
            }
        }
        lock.lock();
        const auto soon = now + drain_retry_interval;
        changed_.wait_until(lock,
                            is_late                   ? soon
                            : drain_->is_incomplete() ? std::min(soon, deadline)
                                                      : deadline,
                            [&] { return has_changed_; });
    }
}

void Server::Implementation::stop_workers() noexcept {
    for_each_group([](net::WorkerGroup& group) { group.stop(); });
}

StopResult Server::Implementation::give_up(const StopResult& result) noexcept {
    stuck_ = true;
    admin_.reset();
    {
        const std::scoped_lock lock(mutex_);
        serving_ = false;
    }
    watchdog_.reset();
    log_->write(base::LogLevel::error, {}, 0, stuck_callback_);
    log_->flush(flush_timeout);
    log_->end_function();
    errors_.clear();
    try {
        errors_.push_back(stuck_callback_);
    } catch (const std::bad_alloc&) {
        memory_ran_out_ = true;
    }
    return result;
}

void Server::Implementation::log_totals(const Statistics& last, const StopResult& result) noexcept {
    const auto number = [](std::uint64_t value) { return std::to_string(value); };
    log_->compose(base::LogLevel::info, {}, 0, [&] {
        return "served " + number(last.connections_accepted) + " connections" +
               (last.outbound_begun != 0 ? ", made " + number(last.outbound_begun) : "") +
               "; calls: " + number(last.waits) + " waits, " + number(last.receives) +
               " receives, " + number(last.sends) + " sends, " + number(last.accepts) +
               " accepts, " + number(last.wakes) + " wakes, " + number(last.cancels) +
               " cancels; " + number(last.completions) + " completions";
    });
    if (result.connections_cut != 0) {
        log_->compose(base::LogLevel::warn, {}, 0, [&] {
            return "the drain's deadline cut " + number(result.connections_cut) + " connections";
        });
    }
}

void Server::Implementation::close_all() noexcept {
    if (stuck_) {
        return;
    }
    admin_.reset();
    operator_view_.reset();
    stop_workers();  // a start that failed has left them waiting for work
    watchdog_.reset();
    for (const std::unique_ptr<Service>& service : services_) {
        service->acceptor.reset();
    }
    services_.clear();
    metrics_.reset();
    copies_.reset();
    service_homes_.clear();
    drain_.reset();
    accepting_port_.reset();
    ports_.clear();
    table_.reset();
    endpoints_.clear();
    const std::scoped_lock lock(log_mutex_);
    log_.reset();
}

}  // namespace portico
