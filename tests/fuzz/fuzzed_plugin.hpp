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
    // The host must call nothing any more, and every host function must answer that all is gone.
    void check_gone() const;
    // The host has begun to stop, with this deadline; has cut what is left.
    void drain_begun(std::uint64_t deadline_ns) noexcept {
        draining_ = true;
        deadline_ns_ = deadline_ns;
    }
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
        portico_status failed_with = PORTICO_OK;
        bool unconsumed = false;
        bool held = false;         // surely
        bool may_be_held = false;  // unless a resume that was on its way has ended it
        bool resume_on_its_way = false;
        bool waits = false;  // held until a resume
        bool paused = false;
        bool in_data = false;
        bool resumed_in_data = false;
        bool closing = false;
        bool aborting = false;
        bool finished = false;
        bool blocked = false;
        bool ever_blocked = false;
        bool end_told = false;
        bool drain_told = false;
        bool last_offered = false;
        std::size_t accepted = 0;
        std::size_t consumed = 0;
        std::size_t left = 0;  // of the previous offer
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
    [[nodiscard]] portico_status draw_answer_to_data(const Known& known);
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
    void check_closed(const Known& known, const portico_closed& closed) const;
    void check_setup(const portico_setup& setup) const;
    void check_draining(const portico_draining& draining) const;

    // The callbacks.
    portico_status control(const portico_setup& setup, std::uint32_t mode);
    portico_status on_stop(const portico_draining& draining);
    portico_status on_open(portico_connection handle, void** state);
    portico_status on_data(portico_connection handle, void* state, const std::uint8_t* data,
                           std::uint64_t size, const portico_frame& frame, std::uint64_t& consumed);
    portico_status on_writable(portico_connection handle, void* state);
    portico_status on_end(portico_connection handle, void* state, const portico_ended& ended);
    portico_status on_drain(portico_connection handle, void* state,
                            const portico_draining& draining);
    void on_close(portico_connection handle, void* state, const portico_closed& closed);
    void on_posted(portico_connection handle, void* state, Token& token, portico_status status);

    Input& input_;
    const config::Listener& listener_;
    DrivenPort* port_ = nullptr;
    portico_callbacks callbacks_{};
    portico_plugin table_{};
    const portico_host* host_ = nullptr;
    portico_instance* instance_ = nullptr;
    bool self_is_null_ = false;
    bool created_ = false;
    bool destroyed_ = false;
    bool in_callback_ = false;
    portico_connection inside_ = 0;  // the connection of the running callback
    bool in_control_ = false;
    bool unwinding_ = false;
    bool draining_ = false;
    std::uint64_t deadline_ns_ = 0;
    bool stop_told_ = false;
    bool cut_ = false;
    std::map<portico_connection, Known> connections_;
    std::vector<portico_connection> handles_;  // as they became known
    std::size_t instance_posts_ = 0;
};

}  // namespace portico::fuzz
