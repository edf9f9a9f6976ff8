// Stands between the host and a plugin. The host gets the watch's table in the place of the
// plugin's, and the plugin the watch's table in the place of the host's. Each call is passed on,
// and noted:
//
//     host -> Watch's callbacks -> the plugin
//     the plugin -> Watch's host functions -> host
//
// On the way the watch finds mistakes that show in one call (too much consumed, work for a
// connection that is closed), answers in the host's place where a check asks for it, and does what
// the host has threads for: blocking work, when its time has come, and lookups of names, which it
// answers itself. So a run needs no threads and no name server.
//
// Threads. One lock, the gate, stands for all of the host. The thread that drives the run holds it,
// except while the plugin's code runs and where it says so (open_gate). A host function takes it.
// So threads of a plugin's own get in, one at a time.
//
// A process has one watch at a time. Without one, host functions answer PORTICO_GONE.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/address.hpp"
#include "portico/ext/connect.h"
#include "portico/ext/connections.h"
#include "portico/ext/executor.h"
#include "portico/ext/resolve.h"
#include "portico/ext/send_owned.h"
#include "portico/ext/settings.h"
#include "portico/ext/timer.h"
#include "portico/portico.h"
#include "sim/scheduler.hpp"
#include "verify/finding.hpp"
#include "verify/system.hpp"

namespace portico::verify {

// The host functions that the watch counts. A check can let those before `cancel_timer` fail. The
// last two are no functions: what a connect and a lookup came to.
enum class Function : std::uint8_t {
    send,
    send_parts,
    finish_sending,
    close,
    pause_reading,
    resume_reading,
    post,
    post_instance,
    info,
    start_timer,
    restart_timer,
    send_owned,
    reserve,
    join,
    broadcast,
    run,
    connect,
    resolve,
    cancel_timer,
    commit,
    drop,
    list,
    leave,
    find,
    cancel_lookup,
    connected,
    resolved,
    none,
};
inline constexpr std::size_t function_count = static_cast<std::size_t>(Function::none);
[[nodiscard]] const char* to_string(Function function) noexcept;
// "PORTICO_GONE"; its number, if it is unknown.
[[nodiscard]] std::string status_name(portico_status status);

// What each function has answered.
using Answers = std::array<std::set<portico_status>, function_count>;

// A setting that the plugin has asked for, and how.
struct SettingRead {
    enum class Kind : std::uint8_t { boolean, integer, number, string, other };
    Kind kind = Kind::other;
    std::int64_t least = 0;  // an integer's range
    std::int64_t most = 0;
};

class Watch {
public:
    struct Options {
        // Every offer ends where nothing can be read, and is gone after the callback.
        bool guards_offers = false;
        bool counts_memory = false;
        // That call of the function, from 1, is not passed on, and has this answer.
        Function refused = Function::none;
        std::uint32_t refused_call = 0;
        portico_status refusal = PORTICO_NO_MEMORY;
        // What each lookup of a name comes to; PORTICO_OK: an address, unless it ends in .invalid.
        portico_status lookups = PORTICO_OK;
        // Before that callback of a connection, from 1, the connection is closed; 0: never.
        std::uint32_t closes_before = 0;
        std::uint32_t closes_how = PORTICO_CLOSE_GRACEFUL;
    };

    // One connection, accepted or outbound, as the plugin sees it.
    struct Line {
        enum class Hold : std::uint8_t { none, hold, wait };
        std::uint32_t number = 0;  // from 1, in the order in which they opened
        portico_connection handle = 0;
        bool is_closed = false;
        bool is_in_close = false;
        bool is_in_data = false;
        bool was_resumed_inside = false;
        bool is_paused = false;
        bool was_drained = false;
        bool has_closed = false;  // the plugin has called close
        Hold hold = Hold::none;
        std::uint32_t reason = 0;  // of portico_closed
        portico_status status = PORTICO_OK;
        // of an outbound one, as long as it lives; null: the plugin's
        const portico_callbacks* callbacks = nullptr;
    };

    Watch(sim::Scheduler& scheduler, const portico_plugin& plugin, const Options& options);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    // The table for the host.
    [[nodiscard]] const portico_plugin& table() const noexcept { return table_; }
    // create() is told that an older instance still serves.
    void reloads(bool does) noexcept { reloads_ = does; }
    // Called with the address, before the host is asked to connect to it.
    void on_connect(std::function<void(const io::Address&)> called) {
        on_connect_ = std::move(called);
    }

    // ---- For the watch's own files: watch_internals.hpp.
    class Outside;
    class Inside;
    struct Job;  // what a posted function, a timer or a release needs
    void setting_read(const std::string& key, const SettingRead& read) { settings_[key] = read; }

    // ---- By the thread that drives the run.
    // Opens the gate for a moment. True if another thread has called the host meanwhile.
    bool open_gate(std::uint32_t for_us);
    // Other threads have called the host: the run is not deterministic.
    [[nodiscard]] bool has_threads() const noexcept { return foreign_calls_ != 0; }
    // Does the blocking work that is due. True if there was some.
    bool work_off();
    [[nodiscard]] bool has_work() const noexcept { return !work_.empty(); }
    [[nodiscard]] std::uint64_t next_work_ns() const noexcept;

    // Holds that nothing will end any more, and what else must not be left when all is quiet.
    void judge_quiet();
    // How the connections ended.
    void judge_ends();
    void found(std::string_view name, const std::string& text);

    [[nodiscard]] const std::set<Finding>& findings() const noexcept { return findings_; }
    [[nodiscard]] const Answers& answers() const noexcept { return answers_; }
    [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }
    [[nodiscard]] std::uint32_t calls(Function function) const noexcept {
        return calls_[static_cast<std::size_t>(function)];
    }
    // An outbound connection was not made, or was cut: answers that depend on it may be missing.
    [[nodiscard]] bool has_lost_a_server() const noexcept { return has_lost_a_server_; }
    // Callbacks of connections so far.
    [[nodiscard]] std::uint32_t callbacks() const noexcept { return callbacks_made_; }
    // The bytes that the plugin's own code has taken and not given back.
    [[nodiscard]] std::int64_t plugin_bytes() const noexcept { return plugin_bytes_; }
    [[nodiscard]] const std::map<std::string, SettingRead>& settings() const noexcept {
        return settings_;
    }
    // The first periods of the timers that it has started, in milliseconds.
    [[nodiscard]] const std::set<std::uint32_t>& timer_periods() const noexcept {
        return timer_periods_;
    }
    [[nodiscard]] const std::map<portico_connection, Line>& lines() const noexcept {
        return lines_;
    }

    // The callback that runs now, for the last words of a crash; null: none.
    [[nodiscard]] static const char* callback_now() noexcept;
    // True if the address is of an offer, or just after it.
    [[nodiscard]] static bool is_offered(const void* address) noexcept;

private:
    friend struct PluginSide;
    friend struct PostedSide;
    friend struct HostSide;
    friend struct HostFunctionsSide;
    friend struct ExtensionFunctionsSide;
    friend struct OtherServersFunctionsSide;

    struct Work {
        std::uint64_t due_ns = 0;
        portico_instance* instance = nullptr;
        portico_connection connection = 0;
        portico_work_function work = nullptr;
        portico_post_function done = nullptr;
        void* argument = nullptr;
        void* self = nullptr;
    };

    [[nodiscard]] Line& line_of(portico_connection connection);
    [[nodiscard]] const portico_callbacks& callbacks_of(const Line& line) const noexcept {
        return line.callbacks != nullptr ? *line.callbacks : callbacks_;
    }
    void came_to(Function outcome, portico_status status);
    // The same in a callback, which may be one to close before.
    Line& enter(const char* callback, portico_connection connection);
    // A call of the function. True if it shall not be passed on.
    [[nodiscard]] bool count_call(Function function, portico_connection connection);
    void note(std::uint64_t what) noexcept {
        digest_ = (digest_ ^ what) * 0x0000'0100'0000'01B3ULL;
    }
    void reading_paused(portico_connection connection, portico_status status) noexcept;
    void reading_resumed(portico_connection connection, portico_status status) noexcept;
    void note_bytes(const void* bytes, std::uint64_t count) noexcept;
    void start_memory() noexcept;
    void stop_memory() noexcept;

    sim::Scheduler& scheduler_;
    const portico_plugin& plugin_;
    const portico_callbacks& callbacks_;
    const Options options_;
    portico_plugin table_{};
    portico_callbacks callbacks_table_{};

    const portico_host* host_ = nullptr;  // the real one; the same for all instances
    std::map<portico_instance*, void*> instances_;
    bool reloads_ = false;
    std::function<void(const io::Address&)> on_connect_;

    std::map<portico_connection, Line> lines_;
    std::deque<Work> work_;
    std::set<Finding> findings_;
    std::array<std::uint32_t, function_count> calls_{};
    Answers answers_;
    std::map<std::string, SettingRead> settings_;
    std::set<std::uint32_t> timer_periods_;
    std::uint32_t callbacks_made_ = 0;
    bool has_lost_a_server_ = false;
    std::uint64_t foreign_calls_ = 0;
    std::uint64_t digest_ = 0xCBF2'9CE4'8422'2325ULL;
    std::int64_t plugin_bytes_ = 0;
    std::uint64_t memory_mark_ = 0;
    bool is_memory_counted_ = false;
    GuardedBytes guarded_;
    std::unique_lock<std::mutex> gate_;
};

}  // namespace portico::verify
