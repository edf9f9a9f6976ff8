// One instance of a plugin: the bridge between the C ABI and the connections of one listener.
//
// Downwards it is a net::Protocol that calls the plugin's callbacks; upwards it is the
// portico_instance whose handle the plugin passes to the host's functions.
//
// Concurrency: callbacks come on strands. The host's functions come from any thread: they touch the
// connection through its slot's word, and of this object only posts_ and what is constant after
// create().
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "config/config.hpp"
#include "net/connection_table.hpp"
#include "net/protocol.hpp"
#include "net/strand.hpp"
#include "plugin/loader.hpp"
#include "plugin/settings_reader.hpp"

namespace portico::plugin {

class Instance final : public net::Protocol {
public:
    // Before create: `plugin` as loaded, `listener` for its name and settings. All outlive the
    // instance.
    Instance(Loaded plugin, const config::Listener& listener, base::Log& log);
    // Calls destroy if create() succeeded. finish() must have been called then.
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    [[nodiscard]] bool is_serial() const noexcept {
        return (table_.flags & PORTICO_PLUGIN_SERIAL) != 0;
    }
    [[nodiscard]] bool is_blocking() const noexcept {
        return (table_.flags & PORTICO_PLUGIN_BLOCKING) != 0;
    }
    [[nodiscard]] std::string description() const;

    // [control] Calls validate, if there is one. The mistakes, ready for a person; none: fine.
    [[nodiscard]] std::vector<std::string> validate();

    // [control] Calls create. The mistakes; none: the instance lives, and connections of `context`
    // may come. `home`: where functions posted to the instance run.
    [[nodiscard]] std::vector<std::string> create(net::ConnectionTable& table,
                                                  const net::ConnectionContext& context,
                                                  net::WorkerGroup& home);

    // Serial with everything posted to the instance; with SERIAL also the strand of all its
    // connections.
    [[nodiscard]] net::Strand& strand() noexcept { return strand_; }

    // After the last connection is released: refuses new posts and waits until those that were
    // accepted have run. The workers must still run.
    void finish();
    // The same for at most so long: whether they have run. May be called again.
    [[nodiscard]] bool finish_within(std::chrono::milliseconds at_most);

    // ---- net::Protocol
    [[nodiscard]] bool on_open(net::Connection& connection) noexcept override;
    [[nodiscard]] Answer on_data(net::Connection& connection, const Message& message,
                                 std::size_t& consumed) noexcept override;
    [[nodiscard]] Answer on_writable(net::Connection& connection) noexcept override;
    [[nodiscard]] Ending on_end(net::Connection& connection,
                                std::size_t remaining) noexcept override;
    [[nodiscard]] Ending on_drain(net::Connection& connection,
                                  std::uint32_t deadline_ms) noexcept override;
    void on_close(net::Connection& connection, net::CloseReason reason) noexcept override;
    void on_posted(net::Connection& connection, net::AnyFunction function, void* argument,
                   bool closing) noexcept override;

    // The host's table, the same for all instances.
    [[nodiscard]] static const portico_host& host_table() noexcept;

private:
    friend struct HostFunctions;
    friend struct SettingsFunctions;
    struct InstancePost;

    static constexpr std::uint32_t posts_max = 65'536;
    static constexpr std::uint32_t finishing = 1U << 31;  // in posts_

    [[nodiscard]] portico_instance* handle() noexcept {
        return reinterpret_cast<portico_instance*>(this);
    }
    [[nodiscard]] static Instance& of(portico_instance* handle) noexcept {
        return *reinterpret_cast<Instance*>(handle);
    }
    // Null but on the thread on which create or validate of this very instance runs.
    [[nodiscard]] SettingsReader* settings_now() noexcept;
    [[nodiscard]] std::vector<std::string> mistakes_of(const char* what, portico_status status,
                                                       const std::string& error);
    // Whether the answer of `callback` is an error. It is told, since to the plugin's author it may
    // be a mistake; a flood of them is a line and a count.
    [[nodiscard]] bool has_failed(const net::Connection& connection, portico_status status,
                                  const char* callback) noexcept;
    // `what`: a std::string, made only where the line is written.
    template <class What>
    void tell_failure(base::LogLevel level, std::uint64_t connection, What&& what) noexcept;
    void consumed_too_much(const net::Connection& connection, const Message& message,
                           std::uint64_t taken) noexcept;
    // Counts one more post that waits: PORTICO_OK, PORTICO_LIMIT, or PORTICO_GONE after finish()
    // began.
    [[nodiscard]] portico_status begin_post() noexcept;
    void end_post() noexcept;
    [[nodiscard]] portico_status post_instance(portico_post_function function,
                                               void* argument) noexcept;

    const Loaded loaded_;
    portico_plugin table_{};  // a copy: members that the plugin's version does not have are null
    const config::Listener& listener_;
    base::Log& log_;

    // Set by create(), before any callback.
    net::ConnectionTable* connections_ = nullptr;
    const net::ConnectionContext* context_ = nullptr;
    void* self_ = nullptr;
    bool created_ = false;

    // While create or validate runs, on that thread (its callbacks are [control]).
    std::unique_ptr<SettingsReader> settings_;

    net::Strand strand_;
    // Failures of callbacks: when a line was last written of one (0: never), and how many have been
    // met since. Relaxed: a count, and a time that one thread alone sets forward.
    std::atomic<std::uint64_t> failure_told_ns_{0};
    std::atomic<std::uint64_t> failures_untold_{0};
    // Posts that were accepted and have not returned, and the top bit once finish() has begun. All
    // changes are acq_rel: the last end_post() is seen by finish() together with what the posted
    // functions did.
    std::atomic<std::uint32_t> posts_{0};
    std::mutex finish_mutex_;
    std::condition_variable finish_changed_;
};

inline portico_status Instance::begin_post() noexcept {
    std::uint32_t posts = posts_.load(std::memory_order_relaxed);
    do {
        if ((posts & finishing) != 0) {
            return PORTICO_GONE;
        }
        if (posts == posts_max) {
            return PORTICO_LIMIT;
        }
    } while (!posts_.compare_exchange_weak(posts, posts + 1, std::memory_order_acq_rel,
                                           std::memory_order_relaxed));
    return PORTICO_OK;
}

inline void Instance::end_post() noexcept {
    // All under the lock: once finish() can see the last post gone, this instance may end, so
    // nothing of it is touched after the unlock.
    const std::scoped_lock lock(finish_mutex_);
    if (posts_.fetch_sub(1, std::memory_order_acq_rel) == (finishing | 1)) {
        finish_changed_.notify_all();
    }
}

}  // namespace portico::plugin
