// A host without sockets and threads, for tests that call a plugin through its table. It answers as
// the test says, notes what the plugin asks for, and runs posted functions and timers when it is
// told to. So a test can bring about what no well-behaved network does.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <portico/ext/connect.h>
#include <portico/ext/executor.h>
#include <portico/ext/metrics.h>
#include <portico/ext/resolve.h>
#include <portico/ext/settings.h>
#include <portico/ext/timer.h>
#include <portico/portico.h>

namespace portico::test {

struct ScriptedHost {
    using Setting = std::variant<bool, std::int64_t, std::string>;

    // A function that the plugin has posted, has given to a timer, or wants to be called after
    // blocking work.
    struct Call {
        portico_post_function posted = nullptr;
        portico_timer_function timer = nullptr;
        portico_work_function work = nullptr;  // before `posted`
        portico_connection connection = 0;
        void* argument = nullptr;
        std::uint64_t id = 0;  // the timer's
        bool is_periodic = false;
    };

    ScriptedHost();
    ScriptedHost(const ScriptedHost&) = delete;
    ScriptedHost& operator=(const ScriptedHost&) = delete;

    // What it has and tells.
    bool has_settings = true;  // whether it offers the extension
    bool has_timers = true;    // likewise
    bool has_executor = true;  // likewise
    bool has_metrics = true;   // likewise
    bool has_connect = true;   // likewise
    bool has_resolve = true;   // likewise
    // its upstream "far"; other names do not exist
    portico_upstream upstream{sizeof upstream, PORTICO_FRAMING_NONE, 1 << 24, 0, 0, 0, 1, 5'000};
    std::map<std::string, Setting> settings;
    std::uint32_t framing = PORTICO_FRAMING_NONE;
    std::uint64_t max_send_bytes = 1 << 24;  // longer: PORTICO_TOO_LARGE
    std::uint32_t error_capacity = 256;

    // How it answers.
    // of each send, post, start, run, connect and resolve; else they do nothing
    portico_status answer = PORTICO_OK;
    // of the next sends that are not too large; if none is left, the room decides
    std::deque<portico_status> answers;
    std::uint64_t room = UINT64_MAX;  // bytes that the queue takes; beyond: PORTICO_WOULD_BLOCK
    bool is_closing = false;          // since `close`: send answers PORTICO_GONE

    // What it was asked for.
    std::string sent;
    bool was_refused = false;         // a send was, since the last callback of data began
    bool writable_due = false;        // a send was, since the last on_writable
    std::vector<std::string> closes;  // "graceful", "abort", "finish"
    std::string logged;               // lines
    std::vector<Call> posted;
    std::vector<Call> work;
    std::vector<Call> timers;
    std::vector<std::uint32_t> restarts;    // of timers, their first_ms
    std::string failed;                     // what settings->fail was told
    std::vector<std::string> metrics;       // names
    std::vector<std::string> series;        // "name" or "name{value,...}"
    std::map<std::string, double> counted;  // by series: what was added or recorded, in all
    // Where it has connected to: the connections from number 2 on.
    struct Connect {
        std::string to;  // upstream or address
        portico_connection beside = 0;
        std::uint32_t timeout_ms = 0;
        const portico_callbacks* callbacks = nullptr;
        void* state = nullptr;
    };
    std::vector<Connect> connects;
    struct Question {
        std::string name;
        portico_connection connection = 0;
        portico_resolved_function function = nullptr;
        void* argument = nullptr;
    };
    std::vector<Question> questions;

    portico_host table{};
};

// An instance of a module's first plugin on a scripted host, with one connection, number 1.
class Driver {
public:
    Driver(const portico_module* module, ScriptedHost& host)
        : plugin(module->plugins[0]), host_(host) {}
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    portico_status validate();
    portico_status create();
    portico_status open(std::uint32_t listen_index = 0);
    // Creates, and opens if that succeeds.
    portico_status start();
    // One on_data, unframed. Returns the host's reading of the plugin's answer: PORTICO_OK,
    // PORTICO_HOLD or an error. `consumed` is likewise what the host takes it for.
    portico_status data(std::string_view bytes);
    // One on_data with a whole message, of which the payload is a part.
    portico_status message(std::string_view bytes, std::uint64_t payload_offset,
                           std::uint64_t payload_size);
    portico_status writable();
    // The peer has finished sending; the host asks it to end.
    portico_status end();
    portico_status drain(std::uint32_t reason, std::uint64_t deadline_ns);
    void close();
    // Runs the functions that were posted, and one timer, with this status.
    void run_posts(portico_status status);
    void fire(std::size_t timer, portico_status status);
    // Answers a question; with PORTICO_OK there is one address with this text.
    void resolve(std::size_t question, portico_status status, std::string_view text = {});
    // What the callbacks get, for tests that call those of an outbound connection.
    [[nodiscard]] void* self() const { return self_; }
    // Does all work that was given, and calls the functions after it with this status.
    void do_work(portico_status status);

    const portico_plugin* const plugin;
    std::string error;                     // what validate or create has written
    portico_status answered = PORTICO_OK;  // what on_data itself has returned
    std::uint64_t consumed = 0;

private:
    // Calls validate or create with a whole setup.
    template <class Function>
    portico_status set_up(std::uint32_t mode, Function function);

    ScriptedHost& host_;
    void* self_ = nullptr;
    void* state_ = nullptr;
    std::uint64_t left_ = 0;  // of the previous offer
    bool is_created_ = false;
    bool is_open_ = false;
};

}  // namespace portico::test
