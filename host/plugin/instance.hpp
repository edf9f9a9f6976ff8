// One instance of a plugin: the bridge between the C ABI and the connections of one listener.
//
// To net it is a Protocol that calls the plugin's callbacks (callbacks.cpp). To the plugin it is
// the portico_instance whose handle it passes to the host's functions (host_functions.cpp).
//
// Concurrency: callbacks run on strands, and blocking work on the threads of executor_. The host's
// functions are called from any thread. They reach the connection through its slot's word; in this
// object they use posts_, executor_ and what is constant after create().
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "config/config.hpp"
#include "net/connection_table.hpp"
#include "net/connector.hpp"
#include "net/groups.hpp"
#include "net/instance_timers.hpp"
#include "net/protocol.hpp"
#include "net/strand.hpp"
#include "plugin/callback_counts.hpp"
#include "plugin/executor.hpp"
#include "plugin/instance_handle.hpp"
#include "plugin/instance_metrics.hpp"
#include "plugin/loader.hpp"
#include "plugin/outbound_callbacks.hpp"
#include "plugin/resolver.hpp"
#include "plugin/settings_reader.hpp"
#include "portico/ext/metrics.h"

namespace portico::plugin {

class Instance final : public net::Protocol {
public:
    // `listener` gives the name, the settings, the framing and the limits. All arguments outlive
    // the instance.
    Instance(Loaded plugin, const config::Listener& listener, base::Log& log);
    // Calls destroy if create() succeeded; then finish() must have been called before.
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
    [[nodiscard]] const config::Listener& listener() const noexcept { return listener_; }
    // The plugin's table; members that its version does not have are null. And its file.
    [[nodiscard]] const portico_plugin& table() const noexcept { return table_; }
    [[nodiscard]] const std::string& file() const noexcept { return loaded_.path; }

    // [control] Calls validate, if there is one. `worker_count`: of the server. Returns the
    // mistakes, ready for a person.
    [[nodiscard]] std::vector<std::string> validate(std::uint32_t worker_count);

    // [control] Calls create. Returns the mistakes; if there are none, the instance is ready, and
    // connections of `context` may come. Functions that are posted to the instance run in `home`.
    [[nodiscard]] std::vector<std::string> create(net::ConnectionTable& table,
                                                  const net::ConnectionContext& context,
                                                  net::WorkerGroup& home,
                                                  std::uint32_t worker_count);

    // Before create(): the store of the server, for what the host counts about the callbacks, and
    // for metrics that create defines. Without it these are refused. Throws std::bad_alloc.
    void use_metrics(Metrics& store);

    // The plugin's own name, which is the label "plugin" of metrics.
    [[nodiscard]] std::string plugin_name() const { return {table_.name, table_.name_size}; }

    // Opens the connections that the plugin makes. Without it they are refused.
    void use_connector(net::Connector& connector) noexcept { connector_ = &connector; }

    // Before create(): how names are looked up. Otherwise the system does it.
    void use_lookups(const Resolver::Lookups& lookups) noexcept { resolver_.use(lookups); }

    // The strand that runs everything that is posted to the instance. With SERIAL it is also the
    // strand of all its connections.
    [[nodiscard]] net::Strand& strand() noexcept { return strand_; }

    // After the last connection is released: refuses new posts, ends the instance's timers, and
    // waits until all posts and all work that were accepted and the timers' last calls have run.
    // The workers must still run.
    void finish();
    // The same for a limited time. Returns true if they have run. May be called again.
    [[nodiscard]] bool finish_within(std::chrono::milliseconds at_most);
    // [any thread] Blocking work that has not returned.
    [[nodiscard]] Executor::Left work_left() const noexcept { return executor_.left(); }

    // ---- net::Protocol
    [[nodiscard]] bool on_open(net::Connection& connection,
                               std::uint32_t listen_index) noexcept override;
    [[nodiscard]] Answer on_data(net::Connection& connection, const Message& message,
                                 std::size_t& consumed) noexcept override;
    [[nodiscard]] Answer on_writable(net::Connection& connection) noexcept override;
    [[nodiscard]] Ending on_end(net::Connection& connection, const Ended& ended) noexcept override;
    [[nodiscard]] Ending on_drain(net::Connection& connection,
                                  const net::Draining& draining) noexcept override;
    void on_close(net::Connection& connection, const Closed& closed) noexcept override;
    void on_posted(net::Connection& connection, net::AnyFunction function, void* argument,
                   bool closing) noexcept override;
    void on_timer(net::Connection* connection, const net::TimerCall& call) noexcept override;
    void on_released(net::Connection& connection, net::AnyFunction release, void* argument,
                     bool is_sent) noexcept override;
    void ended(const net::Connection& connection) noexcept override { groups_.forget(connection); }
    void begin_stop(const net::Draining& draining,
                    std::function<void()>&& changed) noexcept override;
    [[nodiscard]] bool may_drain() const noexcept override {
        return table_.on_stop == nullptr || stopped_.load(std::memory_order_acquire);
    }

    // The host's table, the same for all instances.
    [[nodiscard]] static const portico_host& host_table() noexcept;

private:
    friend void count_sample(net::Worker& worker) noexcept;
    friend class InstanceUse;
    friend class OutboundCallbacks;
    friend struct ConnectFunctions;
    friend struct ConnectionsFunctions;
    friend struct ExecutorFunctions;
    friend struct HostFunctions;
    friend struct MetricsFunctions;
    friend struct ResolveFunctions;
    friend struct SendOwnedFunctions;
    friend struct SettingsFunctions;
    friend struct TimerFunctions;
    struct InstancePost;
    // Carries on_stop to the strand. It is a member, so that a stop needs no memory.
    struct StopMail : net::Mail {
        Instance* instance = nullptr;
        net::Draining draining;
        std::function<void()> changed;
    };
    struct Setup;

    static constexpr std::uint32_t posts_max = 65'536;
    static constexpr std::size_t outbound_callbacks_max = 256;
    static constexpr std::uint32_t finishing = 1U << 31;  // in posts_

    [[nodiscard]] portico_instance* handle() noexcept {
        return reinterpret_cast<portico_instance*>(&handle_);
    }
    [[nodiscard]] portico_setup make_setup(std::uint32_t mode, std::uint32_t worker_count,
                                           std::vector<char>& error) noexcept;
    // Null, except on the thread that runs create or validate of this very instance.
    [[nodiscard]] SettingsReader* settings_now() noexcept;
    [[nodiscard]] std::vector<std::string> mistakes_of(const char* what, portico_status status,
                                                       const std::string& error);
    // Of the extension for metrics. Throws std::bad_alloc.
    [[nodiscard]] portico_status define_metric(const portico_metric_definition& definition,
                                               portico_metric& metric);
    // The protocol for these callbacks of outbound connections; null if there are too many. Throws
    // std::bad_alloc. From any thread.
    [[nodiscard]] OutboundCallbacks* outbound_callbacks(const portico_callbacks& given);
    // The callbacks of all connections: accepted ones have the plugin's table, outbound ones their
    // own.
    [[nodiscard]] Answer call_on_data(const portico_callbacks& callbacks,
                                      net::Connection& connection, const Message& message,
                                      std::size_t& consumed) noexcept;
    [[nodiscard]] Answer call_on_writable(const portico_callbacks& callbacks,
                                          net::Connection& connection) noexcept;
    [[nodiscard]] Ending call_on_end(const portico_callbacks& callbacks,
                                     net::Connection& connection, const Ended& ended) noexcept;
    void call_on_close(const portico_callbacks& callbacks, net::Connection& connection,
                       const Closed& closed) noexcept;
    // True if `status`, which `callback` returned, aborts the connection. Then it is logged,
    // because it may be a mistake of the plugin's author. A flood of errors becomes one line and a
    // count.
    [[nodiscard]] bool has_failed(net::Connection& connection, portico_status status,
                                  const char* callback) noexcept;
    [[nodiscard]] bool has_failed_slow_path(net::Connection& connection, portico_status status,
                                            const char* callback) noexcept;
    void count_failure(const char* callback, portico_status status) noexcept;
    void call_on_stop() noexcept;
    void close_handle() noexcept;
    // `what` makes a std::string. It is called only if the line is written.
    template <class What>
    void log_failure(base::LogLevel level, std::uint64_t connection, What&& what) noexcept;
    void overconsumed(net::Connection& connection, const Message& message,
                      std::uint64_t taken) noexcept;
    // Counts one more post. PORTICO_LIMIT: too many wait. PORTICO_GONE: finish() has begun.
    [[nodiscard]] portico_status begin_post() noexcept;
    void end_post() noexcept;
    // Refuses new posts and timers, and ends the instance's timers. Later calls do nothing.
    void begin_finish() noexcept;
    [[nodiscard]] bool is_finishing() const noexcept {
        return (posts_.load(std::memory_order_acquire) & finishing) != 0;
    }
    [[nodiscard]] bool has_finished() const noexcept {
        return posts_.load(std::memory_order_acquire) == finishing;
    }
    void end_finish() noexcept;
    [[nodiscard]] portico_status post_instance(portico_post_function function,
                                               void* argument) noexcept;
    // From any thread, after create was called. False: there are no threads for blocking work.
    [[nodiscard]] bool start_executor() noexcept;

    const Loaded loaded_;
    // copies: members that the plugin's version does not have are null
    portico_plugin table_{};
    portico_callbacks callbacks_{};
    InstanceHandle& handle_;
    const config::Listener& listener_;
    base::Log& log_;

    // Set by create(), before any callback.
    net::ConnectionTable* connections_ = nullptr;
    const net::ConnectionContext* context_ = nullptr;
    void* self_ = nullptr;
    bool created_ = false;

    // Exists while create or validate runs, for the thread that runs it ([control]).
    std::unique_ptr<SettingsReader> settings_;

    net::Connector* connector_ = nullptr;
    std::mutex outbound_mutex_;
    std::vector<std::unique_ptr<OutboundCallbacks>> outbound_;  // under outbound_mutex_

    Metrics* metrics_store_ = nullptr;
    CallbackCounts counts_;
    // Made by the first definition, in create. The release there pairs with the acquire of the
    // metrics' functions.
    std::atomic<InstanceMetrics*> metrics_{nullptr};
    std::string metric_mistake_;  // of the last definition that was refused; [control]

    net::Groups groups_;
    net::Strand strand_;
    net::InstanceTimers timers_{
        strand_, [](void* owner) { static_cast<Instance*>(owner)->end_post(); }, this};
    StopMail stop_mail_;
    Executor executor_;
    Resolver resolver_;
    // on_stop has returned. The release pairs with the acquire of may_drain(): an on_drain sees
    // what on_stop did.
    std::atomic<bool> stopped_{false};
    // Failures of callbacks: when one was last logged (0: never), and how many came since. Relaxed:
    // a count, and a time that only one thread moves forward.
    std::atomic<std::uint64_t> failure_logged_ns_{0};
    std::atomic<std::uint64_t> failures_unlogged_{0};
    // The number of posts that were accepted and have not returned (work counts until its `done`
    // has returned, and a finish() counts as one until the timers have ended), and the top bit once
    // finish() has begun. All changes are acq_rel: the thread that sees the last end_post() in
    // finish() also sees what the posted functions did.
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
        if (posts >= posts_max) {
            return PORTICO_LIMIT;
        }
    } while (!posts_.compare_exchange_weak(posts, posts + 1, std::memory_order_acq_rel,
                                           std::memory_order_relaxed));
    return PORTICO_OK;
}

inline void Instance::end_post() noexcept {
    // Everything is done under the lock: as soon as finish() sees that the last post is gone, this
    // instance may be destroyed, so nothing of it is touched after the unlock.
    const std::scoped_lock lock(finish_mutex_);
    if (posts_.fetch_sub(1, std::memory_order_acq_rel) == (finishing | 1)) {
        finish_changed_.notify_all();
    }
}

}  // namespace portico::plugin
