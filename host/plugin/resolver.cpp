#include "plugin/resolver.hpp"

#include <exception>
#include <new>
#include <utility>

#include "base/thread_name.hpp"

namespace portico::plugin {

namespace {

// What a lookup found, in a request that nobody else sees.
void look_up(const Resolver::Lookups& lookups, Resolver::Request& into) noexcept {
    try {
        base::Result<std::vector<io::Address>> addresses = lookups.look_up(into.host, into.port);
        if (addresses) {
            into.addresses = std::move(*addresses);
            into.outcome = Resolver::Outcome::found;
        } else {
            into.outcome = addresses.kind() == io::name_unknown ? Resolver::Outcome::unknown
                                                                : Resolver::Outcome::failed;
        }
    } catch (const std::bad_alloc&) {
        into.outcome = Resolver::Outcome::no_memory;
    }
}

}  // namespace

Resolver::~Resolver() {
    end();
    stop();
}

void Resolver::open() noexcept {
    const std::scoped_lock lock(core_->mutex);
    core_->is_open = true;
}

Resolver::Added Resolver::add(Request& request) noexcept {
    Core& core = *core_;
    const std::scoped_lock lock(core.mutex);
    if (!core.is_open || core.is_ending) {
        return Added::unavailable;
    }
    if (core.waiting == queue_max) {
        return Added::full;
    }
    if (core.idle <= core.waiting && core.started < threads_max) {
        try {
            core.threads[core.started] = std::thread(
                [its = core_, number = core.started] { serve(its, number); });
            ++core.started;
        } catch (const std::exception&) {
            if (core.started == 0) {
                return Added::unavailable;
            }
        }
    }
    if (!request.begin(request)) {
        return Added::refused;
    }
    core.queue.push_back(request);
    ++core.waiting;
    core.changed.notify_one();
    return Added::added;
}

void Resolver::unwant(Request& request) noexcept {
    const std::scoped_lock lock(core_->mutex);
    request.is_wanted = false;
}

void Resolver::end() noexcept {
    base::Fifo<Request> left;
    {
        const std::scoped_lock lock(core_->mutex);
        core_->is_ending = true;
        while (Request* request = core_->queue.pop_front()) {
            left.push_back(*request);
        }
        core_->waiting = 0;
        for (Request*& request : core_->looked_up) {
            if (request != nullptr) {
                left.push_back(*std::exchange(request, nullptr));
            }
        }
        core_->changed.notify_all();
    }
    while (Request* request = left.pop_front()) {
        request->dropped(*request);
    }
}

void Resolver::stop() noexcept {
    std::array<std::thread, threads_max> threads;
    std::array<bool, threads_max> is_left{};
    {
        const std::scoped_lock lock(core_->mutex);
        threads.swap(core_->threads);
        for (std::size_t i = 0; i < threads_max; ++i) {
            is_left[i] = core_->is_busy[i] && core_->lookups.may_be_left;
        }
    }
    for (std::size_t i = 0; i < threads_max; ++i) {
        if (threads[i].joinable()) {
            if (is_left[i]) {
                threads[i].detach();
            } else {
                threads[i].join();
            }
        }
    }
}

void Resolver::serve(const std::shared_ptr<Core>& core, std::size_t number) noexcept {
    base::name_this_thread("portico-names", static_cast<std::uint32_t>(number));
    std::unique_lock lock(core->mutex);
    for (;;) {
        ++core->idle;
        core->changed.wait(lock, [&] { return core->is_ending || !core->queue.empty(); });
        --core->idle;
        if (core->is_ending) {
            return;
        }
        serve_one(*core, number, lock);
    }
}

void Resolver::serve_one(Core& core, std::size_t number, std::unique_lock<std::mutex>& lock) {
    Request& request = *core.queue.pop_front();
    --core.waiting;
    if (!request.is_wanted) {
        lock.unlock();
        request.dropped(request);
        lock.lock();
        return;
    }
    // While it is looked up, end() may give it back to its owner.
    Request own;
    own.host = std::move(request.host);
    own.port = request.port;
    core.looked_up[number] = &request;
    core.is_busy[number] = true;
    lock.unlock();
    look_up(core.lookups, own);
    lock.lock();
    core.is_busy[number] = false;
    if (core.looked_up[number] == nullptr) {
        return;  // end() was called
    }
    core.looked_up[number] = nullptr;
    request.outcome = own.outcome;
    request.addresses = std::move(own.addresses);
    request.found(request);
}

}  // namespace portico::plugin
