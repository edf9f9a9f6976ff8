// Callbacks of plugins, and the work that they give away, may never return. This limits how long a
// stop waits for them, and names what does not return.
#include <thread>

#include "base/fault_stack.hpp"
#include "server/call_text.hpp"
#include "server/implementation.hpp"

namespace portico {

bool Server::Implementation::find_stuck() noexcept {
    bool found = false;
    for (net::CallWatch& watch : watches_) {
        if (watch.has_run_for(stuck_checks_max) && !found) {
            found = true;
            const net::CurrentCall& call = watch.call();
            name_stuck(call.protocol(), call.name(), call.connection());
        }
    }
    return found;
}

void Server::Implementation::name_stuck(const net::Protocol* protocol, const char* callback,
                                        std::uint64_t connection) noexcept {
    try {
        give_reason(protocol, callback_text(callback, connection) + " has not returned");
    } catch (const std::bad_alloc&) {
        stuck_callback_.clear();
    }
}

void Server::Implementation::name_stuck_work(const Service& service) noexcept {
    try {
        const plugin::Executor::Left left = service.instance->work_left();
        give_reason(service.context.protocol, "blocking work has not returned (" +
                                                  std::to_string(left.running) + " under way, " +
                                                  std::to_string(left.waiting) + " waiting)");
    } catch (const std::bad_alloc&) {
        stuck_callback_.clear();
    }
}

void Server::Implementation::give_reason(const net::Protocol* protocol, const std::string& what) {
    stuck_callback_ = "the host no longer waits for ";
    for (const std::unique_ptr<Service>& service : services_) {
        if (service->context.protocol == protocol) {
            stuck_callback_ += plugin_text(service->listener->plugin, service->listener->name);
        }
    }
    stuck_callback_ += what;
}

bool Server::Implementation::finish_instances(const MayGiveUp& may_give_up) noexcept {
    // Work is not waited for longer than a callback, even if it makes progress: there may be much.
    std::uint32_t checks = 0;
    for (const std::unique_ptr<Service>& service : services_) {
        while (!service->instance->finish_within(stuck_check_interval)) {
            if (!may_give_up()) {
                continue;
            }
            if (find_stuck()) {
                return false;
            }
            ++checks;
            if (checks > stuck_checks_max && service->instance->work_left().all() != 0) {
                name_stuck_work(*service);
                return false;
            }
        }
    }
    return true;
}

bool Server::Implementation::destroy_instances(const MayGiveUp& may_give_up) noexcept {
    return call_plugins(
        "destroy", [](Service& service, net::WorkerGroup&) { service.instance.reset(); },
        may_give_up);
}

bool Server::Implementation::call_plugins(
    const char* name, const std::function<void(Service&, net::WorkerGroup&)>& call,
    const MayGiveUp& may_give_up) noexcept {
    const auto all = [this, call] {
        const base::FaultStack fault_stack;
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
        all();  // no thread can be had
        return true;
    }
    std::size_t seen = 0;
    std::uint32_t checks = 0;
    std::unique_lock lock(mutex_);
    while (!calls_over_) {
        const bool has_returned = changed_.wait_for(
            lock, stuck_check_interval, [&] { return calls_over_ || calls_returned_ != seen; });
        seen = calls_returned_;
        checks = has_returned || !may_give_up() ? 0 : checks + 1;
        if (checks > stuck_checks_max) {
            name_stuck(services_[seen]->context.protocol, name, 0);
            thread.detach();
            return false;
        }
    }
    lock.unlock();
    thread.join();
    return true;
}

}  // namespace portico
