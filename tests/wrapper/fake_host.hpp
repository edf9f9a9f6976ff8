// A host with a send queue of a given room, which notes what the wrapper asks for, and runs posted
// functions and timers when the test says so. There is one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <portico/ext/settings.h>
#include <portico/ext/timer.h>
#include <portico/portico.h>

namespace fake {

struct Call {
    portico_post_function function = nullptr;
    portico_timer_function timer = nullptr;
    portico_connection connection = 0;
    void* argument = nullptr;
    std::uint64_t id = 0;
    bool is_periodic = false;
};

struct Host {
    Host();
    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    portico_host table{};
    bool has_timers = true;
    std::uint64_t max_send_bytes = 1'000;
    std::uint32_t framing = PORTICO_FRAMING_NONE;
    std::uint64_t room = UINT64_MAX;     // bytes that the queue takes; beyond: PORTICO_WOULD_BLOCK
    portico_status answer = PORTICO_OK;  // of send, post and start; else they do nothing
    bool writable_due = false;           // a send was refused since the last on_writable
    std::string sent;
    std::string logged;
    std::vector<std::string> closes;  // "graceful", "abort", "finish"
    std::vector<Call> posted;
    std::vector<Call> timers;
    std::vector<std::uint32_t> restarts;
    std::map<std::string, std::int64_t> integers;
    std::map<std::string, std::string> strings;
    std::string failed;  // what settings.fail was told
};

// An instance of a module's plugin with one connection, number 1.
class Driver {
public:
    Driver(const portico_module* module, Host& host) : plugin(module->plugins[0]), host_(host) {}
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    portico_status validate();
    portico_status create();
    portico_status open(std::uint32_t listen_index = 0);
    portico_status data(std::string_view bytes, std::uint64_t offered_before = 0);
    portico_status writable();
    void close();
    // Runs the functions that were posted, and one timer, with this status.
    void run_posts(portico_status status);
    void fire(std::size_t timer, portico_status status);

    const portico_plugin* const plugin;
    std::string error;
    std::uint64_t consumed = 0;

private:
    template <class Function>
    portico_status set_up(Function function);

    Host& host_;
    void* self_ = nullptr;
    void* state_ = nullptr;
    bool is_created_ = false;
    bool is_open_ = false;
};

}  // namespace fake
