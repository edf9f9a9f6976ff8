// A plugin that does anything that the ABI's types allow, as the fuzzer's bytes say, and asserts
// what the host promised: which callbacks may come now, with which bytes, what a host function may
// answer, and that what was sent arrives.
//
// About a call's answer it asserts what follows from calls and callbacks alone. If the host may
// have begun to close by itself meanwhile, PORTICO_GONE is always a right answer.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "fuzz/driven_port.hpp"
#include "fuzz/input.hpp"
#include "portico/portico.h"

namespace portico::fuzz {

class FuzzedPlugin {
public:
    // References are kept. Reads from `input` which functions the plugin has.
    FuzzedPlugin(Input& input, const config::Listener& listener);
    ~FuzzedPlugin();
    FuzzedPlugin(const FuzzedPlugin&) = delete;
    FuzzedPlugin& operator=(const FuzzedPlugin&) = delete;

    [[nodiscard]] const portico_plugin& table() const noexcept { return table_; }
    [[nodiscard]] bool created() const noexcept { return created_; }

    // From now on connections come from this port.
    void serve(DrivenPort& port) noexcept { port_ = &port; }
    // create did not make an instance that can serve: its end begins at once.
    void unwind() noexcept { unwinding_ = true; }
    // From a thread of the plugin's own: a few calls of host functions.
    void act_elsewhere();
    // The host has begun to stop; has cut what is left.
    void drain_begun() noexcept { draining_ = true; }
    void cut_begun() noexcept { cut_ = true; }
    // The worker has nothing to do: what the host owes may wait only for the peers.
    void check_idle();
    // Every connection is over and every posted function has run.
    void check_over();
    // The instance is about to be destroyed: nothing is accepted any more.
    void check_finished();
    void check_destroyed() const;

private:
    // A connection, by its handle.
    struct Known {
        portico_connection handle = 0;
        const Peer* peer = nullptr;  // null if info was refused from the first callback on
        void* state = nullptr;
        // a callback has named it; otherwise a guessed handle was accepted before its on_open
        bool told = false;
        bool refused = false;
        bool closed = false;
        bool failed = false;  // a callback answered an error, or consumed too much
        bool unconsumed = false;
        bool held = false;
        bool paused = false;
        bool in_data = false;
        bool resumed_in_data = false;
        bool closing = false;
        bool aborting = false;
        bool finished = false;
        bool blocked = false;
        bool end_told = false;
        bool drain_told = false;
        std::size_t accepted = 0;
        std::size_t consumed = 0;
        std::size_t posts = 0;

        // The plugin has begun to close it, by a call or an answer.
        [[nodiscard]] bool ends() const noexcept { return refused || failed || closing; }
    };
    struct Token;
    // Begins and ends a callback.
    struct Callback;

    [[nodiscard]] Known* find(portico_connection handle);
    // Includes those that the plugin does not know of.
    Known& know(portico_connection handle);
    [[nodiscard]] portico_connection draw_handle();
    [[nodiscard]] portico_status draw_answer();
    [[nodiscard]] std::uint64_t draw_consumed(std::uint64_t size);
    void learn_peer(Known& known);

    // Host functions with anything; each asserts what may be answered.
    void act();
    void send(portico_connection handle);
    void finish_sending(portico_connection handle);
    void close(portico_connection handle);
    void pause(portico_connection handle);
    void resume(portico_connection handle);
    void post(portico_connection handle);
    void post_instance();
    void info(portico_connection handle);
    void log();
    void extensions();
    // The connection that an accepted call was for.
    Known& accepted(portico_connection handle);

    void check_sent(const Known& known) const;
    void check_message(const Known& known, const std::uint8_t* data, std::uint64_t size,
                       const portico_frame& frame) const;
    void check_reason(const Known& known, std::uint32_t reason) const;

    // The callbacks.
    portico_status control(const portico_host* host, portico_instance* instance,
                           const char* settings, std::uint64_t settings_size, char* error,
                           std::uint64_t error_capacity);
    portico_status on_open(portico_connection handle, void** state);
    portico_status on_data(portico_connection handle, void* state, const std::uint8_t* data,
                           std::uint64_t size, const portico_frame& frame, std::uint64_t& consumed);
    portico_status on_writable(portico_connection handle, void* state);
    portico_status on_end(portico_connection handle, void* state, std::uint64_t remaining);
    portico_status on_drain(portico_connection handle, void* state, std::uint32_t deadline_ms);
    void on_close(portico_connection handle, void* state, std::uint32_t reason);
    void on_posted(portico_connection handle, void* state, Token& token, portico_status status);

    Input& input_;
    const config::Listener& listener_;
    DrivenPort* port_ = nullptr;
    portico_plugin table_{};
    const portico_host* host_ = nullptr;
    portico_instance* instance_ = nullptr;
    bool self_is_null_ = false;
    bool created_ = false;
    bool destroyed_ = false;
    bool in_callback_ = false;
    bool in_control_ = false;
    bool unwinding_ = false;
    bool draining_ = false;
    bool cut_ = false;
    std::map<portico_connection, Known> connections_;
    std::vector<portico_connection> handles_;  // as they became known
    std::size_t instance_posts_ = 0;
};

}  // namespace portico::fuzz
