#include "server/watchdog.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "base/assert.hpp"
#include "base/thread_name.hpp"
#include "base/thread_stack.hpp"
#include "server/call_text.hpp"

namespace portico {

namespace {

using std::chrono::milliseconds;

// A limit is looked at so often: a report comes at most two looks after the limit.
constexpr int looks_in_limit = 8;
constexpr auto interval_min = milliseconds(1);

// A look this much too late finds a process that stood still.
constexpr auto late_min = milliseconds(100);

constexpr auto stack_timeout = milliseconds(200);

std::int64_t in_ms(std::chrono::nanoseconds time) {
    return std::chrono::duration_cast<milliseconds>(time).count();
}

}  // namespace

Watchdog::Watchdog(std::vector<Listener> listeners, base::Log& log)
    : listeners_(std::move(listeners)), log_(log) {
    PORTICO_ASSERT(!listeners_.empty());
    const auto shortest = std::min_element(
        listeners_.begin(), listeners_.end(),
        [](const Listener& one, const Listener& other) { return one.limit < other.limit; });
    interval_ = std::max<std::chrono::nanoseconds>(
        std::chrono::nanoseconds(shortest->limit) / looks_in_limit, interval_min);
}

Watchdog::~Watchdog() {
    {
        const std::scoped_lock lock(mutex_);
        is_ending_ = true;
        changed_.notify_all();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Watchdog::watch(net::WorkerGroup& group) {
    for (const std::unique_ptr<net::Worker>& worker : group.workers()) {
        watched_.push_back({&group,
                            worker.get(),
                            net::CallWatch(worker->current_call()),
                            {},
                            {},
                            nullptr,
                            nullptr,
                            0});
    }
}

base::Result<void> Watchdog::start() {
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::exception& error) {
        return base::Failure{std::string("the watchdog's thread could not be started: ") +
                             error.what() +
                             "; allow this process more threads or memory, or turn the watchdog "
                             "off (watchdog_ms: 0)"};
    }
    return {};
}

void Watchdog::run() noexcept {
    base::name_this_thread("portico-watch");
    Clock::time_point looked = Clock::now();
    std::unique_lock lock(mutex_);
    for (bool goes_on = true; goes_on;) {
        // The last look is for a call that was reported and has returned.
        goes_on = !changed_.wait_for(lock, interval_, [this] { return is_ending_; });
        const Clock::time_point now = Clock::now();
        const std::chrono::nanoseconds passed = now - std::exchange(looked, now);
        lock.unlock();
        for (Watched& watched : watched_) {
            look(watched, passed);
        }
        lock.lock();
    }
}

void Watchdog::look(Watched& watched, std::chrono::nanoseconds passed) noexcept {
    if (watched.watch.look() == 0) {
        if (watched.reported != nullptr) {
            report_return(watched);
        }
        watched.counted = watched.seen = {};
        return;
    }
    const bool is_late = passed >=
                         std::max<std::chrono::nanoseconds>(2 * interval_, interval_ + late_min);
    watched.counted += is_late ? std::chrono::nanoseconds{} : std::min(passed, interval_);
    watched.seen += is_late ? interval_ : passed;
    if (watched.reported != nullptr) {
        return;
    }
    const Listener* listener = listener_of(watched.watch.call().protocol());
    if (listener != nullptr && watched.counted >= listener->limit) {
        report(watched, *listener);
    }
}

void Watchdog::report(Watched& watched, const Listener& listener) noexcept {
    const net::CurrentCall& call = watched.watch.call();
    watched.callback = call.name();
    watched.connection = call.connection();
    base::Stack stack;
    const bool has_stack = base::stack_of(watched.worker->thread_id(), stack_timeout, stack);
    if (watched.watch.look() == 0) {
        // It has just returned, so these may be parts of two calls.
        watched.counted = watched.seen = {};
        return;
    }
    watched.reported = &listener;
    watched.group->set_stuck(true);
    listener.counts->count(watched.callback);
    log(watched, " has not returned for ",
        has_stack ? "; its stack:" : "; its stack cannot be had");
    for (std::size_t i = 0; has_stack && i < stack.count; ++i) {
        std::array<char, 256> memory;
        base::FixedText text(memory);
        text.add("#").add_decimal(i).add(" ");
        base::add_place(text, stack.frames[i]);
        log_.write(base::LogLevel::warn, listener.name, watched.connection, text.text());
    }
}

void Watchdog::report_return(Watched& watched) noexcept {
    log(watched, " returned after about ", "");
    watched.reported = nullptr;
    watched.group->set_stuck(false);
}

void Watchdog::log(const Watched& watched, const char* done, const char* note) noexcept {
    const Listener& listener = *watched.reported;
    log_.compose(base::LogLevel::warn, listener.name, watched.connection, [&] {
        return plugin_text(listener.plugin, listener.name) +
               callback_text(watched.callback, watched.connection) + done +
               std::to_string(in_ms(watched.seen)) + " ms" + note;
    });
}

const Watchdog::Listener* Watchdog::listener_of(const net::Protocol* protocol) const noexcept {
    const auto found = std::find_if(
        listeners_.begin(), listeners_.end(),
        [&](const Listener& listener) { return listener.protocol == protocol; });
    return found != listeners_.end() ? &*found : nullptr;
}

}  // namespace portico
