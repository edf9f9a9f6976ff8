// The inside of the watch, for its own files: who holds the gate, and what a call passes through.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "verify/watch.hpp"

namespace portico::verify {

// Shared by all watches that follow each other in a process, since a thread of a plugin may call
// after the watch has gone.
struct Gate {
    static inline std::mutex mutex;
    static inline Watch* current = nullptr;                    // under the mutex
    static inline thread_local Watch* driven_here = nullptr;   // by this thread
    static inline std::atomic<const char*> callback{nullptr};  // that runs now
    static inline std::atomic<const GuardedBytes*> guarded{nullptr};
};

// As long as this lives, the plugin's code runs on the driving thread, and the gate is open.
class Watch::Outside {
public:
    Outside(Watch& watch, const char* callback) noexcept
        : watch_(watch), before_(Gate::callback.exchange(callback)) {
        watch_.start_memory();
        watch_.gate_.unlock();
    }
    ~Outside() {
        watch_.gate_.lock();
        watch_.stop_memory();
        Gate::callback = before_;
    }
    Outside(const Outside&) = delete;
    Outside& operator=(const Outside&) = delete;

private:
    Watch& watch_;
    const char* const before_;
};

// As long as this lives, a host function runs, on any thread, and the gate is held.
class Watch::Inside {
public:
    Inside() {
        if (Gate::driven_here != nullptr) {
            watch_ = Gate::driven_here;
            if (!watch_->gate_.owns_lock()) {
                watch_->gate_.lock();
                watch_->stop_memory();
                comes_from_plugin_ = true;
            }
            return;
        }
        lock_ = std::unique_lock(Gate::mutex);
        watch_ = Gate::current;
        if (watch_ != nullptr) {
            ++watch_->foreign_calls_;
            visit_.emplace(watch_->scheduler_);
        }
    }
    ~Inside() {
        if (comes_from_plugin_) {
            watch_->start_memory();
            watch_->gate_.unlock();
        }
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

    // Null: there is none, and so no host.
    [[nodiscard]] Watch* watch() const noexcept { return watch_; }

private:
    Watch* watch_ = nullptr;
    bool comes_from_plugin_ = false;
    std::unique_lock<std::mutex> lock_;
    std::optional<sim::Scheduler::Visit> visit_;
};

// What goes to the host as the argument of a function that it will call.
struct Watch::Job {
    portico_post_function posted = nullptr;
    portico_timer_function timer = nullptr;
    portico_release_function release = nullptr;
    portico_resolved_function resolved = nullptr;
    void* argument = nullptr;
    portico_status overriding = PORTICO_OK;  // of blocking work whose connection has gone
    portico_connection connection = 0;       // likewise
    portico_status answer = PORTICO_OK;      // of a lookup
    io::Address address;                     // likewise
};

// The functions that the host calls in the place of the plugin's.
struct PostedSide {
    static void PORTICO_CALL posted(void* self, portico_connection connection, void* state,
                                    void* argument, portico_status status);
    static void PORTICO_CALL timer(void* self, portico_connection connection, void* state,
                                   void* argument, const portico_timer_event* event);
    static void PORTICO_CALL released(void* self, portico_connection connection, void* state,
                                      void* argument, portico_status status);
    static void PORTICO_CALL looked_up(void* self, portico_connection connection, void* state,
                                       void* argument, const portico_timer_event* event);
};

// Its tables stand for those that plugins give for outbound connections.
struct OutboundSide {
    [[nodiscard]] static const portico_callbacks& table(const portico_callbacks& given) noexcept;
};

struct HostSide {
    [[nodiscard]] static const portico_host& table() noexcept;

    // Passes a call of a host function on. `pass` gets the real host's table.
    template <class Pass>
    static portico_status call(Function function, portico_connection connection, Pass&& pass) {
        const Watch::Inside inside;
        Watch* watch = inside.watch();
        if (watch == nullptr || watch->host_ == nullptr) {
            return PORTICO_GONE;
        }
        const portico_status status = watch->count_call(function, connection)
                                          ? watch->options_.refusal
                                          : pass(*watch->host_, *watch);
        watch->answers_[static_cast<std::size_t>(function)].insert(status);
        watch->note(static_cast<std::uint64_t>(function) << 32 ^
                    static_cast<std::uint32_t>(status));
        return status;
    }
};

// The extensions' tables for the plugin; null: pass on the host's own.
struct ExtensionSide {
    [[nodiscard]] static const void* table(std::string_view id, const void* real) noexcept;
};
struct OtherServersSide {
    [[nodiscard]] static const void* table(std::string_view id, const void* real) noexcept;
};
struct SettingsSide {
    [[nodiscard]] static const portico_settings& table(const void* real) noexcept;
};

}  // namespace portico::verify
