// A plugin whose behaviour is written in the test. The relay plugin (tests/plugins/relay.c) is
// loaded like any other and calls it. So a test's server is the real one down to the library's
// boundary.
//
// Every callback passes a guard that knows the rules of the ABI: one callback at a time for a
// connection, on_open first, on_close last and once, nothing after destroy, event structures whose
// members agree with what was seen before. It counts and describes violations; TestServer's end
// checks that there are none.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/relay.h"
#include "support/extension.hpp"

namespace portico::test {

// One connection of a script. Lives as long as the script, so that a late callback is detected.
struct Line {
    portico_connection handle = 0;
    std::uint64_t number = 0;  // among this script's connections, from 0
    std::atomic<std::uint32_t> inside{0};
    std::atomic<std::uint32_t> closes{0};
    std::atomic<bool> refused{false};
    std::atomic<std::uint32_t> reason{0};

    // What the host said. Not atomic: they belong to the connection's callbacks, and after on_close
    // to the test.
    portico_opened opened{};
    portico_ended ended{};
    portico_closed closed{};
    std::uint64_t left = 0;      // of the previous offer
    std::uint64_t consumed = 0;  // of all offers
    bool has_come_last = false;  // an offer was marked PORTICO_FRAME_LAST
    // For the test's own use, likewise.
    std::string text;
    // Counters for the test.
    std::atomic<std::uint64_t> accepted{0};  // bytes for which send returned PORTICO_OK
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> blocked{0};  // sends that returned PORTICO_WOULD_BLOCK
    std::atomic<std::uint64_t> offers{0};   // calls of on_data
    std::atomic<std::uint64_t> writables{0};
    std::atomic<std::uint64_t> ends{0};
    std::atomic<std::uint64_t> remaining{0};
    std::atomic<std::uint64_t> posts{0};
    std::atomic<std::uint64_t> flag{0};
};

class Script {
public:
    Script();
    Script(const Script&) = delete;
    Script& operator=(const Script&) = delete;

    // The test's hooks, set before the server starts. An unset hook does the least: it accepts,
    // consumes everything, and closes in order at the peer's end and at a drain.
    std::function<portico_status(Script&)> on_create;
    std::function<portico_status(const portico_setup&)> on_setup;  // create's, before on_create
    std::function<portico_status(const portico_setup&)> on_validate;
    std::function<portico_status(const portico_draining&)> on_stop;
    std::function<portico_status(Line&)> on_open;
    std::function<portico_status(Line&, std::string_view data, const portico_frame& frame,
                                 std::uint64_t& consumed)>
        on_data;
    std::function<portico_status(Line&)> on_writable;
    std::function<portico_status(Line&, const portico_ended&)> on_end;
    std::function<portico_status(Line&, const portico_draining&)> on_drain;
    std::function<void(Line&, const portico_closed&)> on_close;
    std::function<void()> on_destroy;

    // The host's functions. send counts in the line the accepted and refused sends.
    portico_status send(Line& line, std::string_view bytes);
    portico_status send_to(portico_connection connection, std::string_view bytes) const;
    portico_status send_parts(Line& line, const std::vector<std::string_view>& parts);
    portico_status close(Line& line, std::uint32_t how = PORTICO_CLOSE_GRACEFUL) const;
    portico_status finish_sending(Line& line) const;
    portico_status pause(Line& line) const;
    portico_status resume(Line& line) const;
    portico_status post(Line& line, portico_post_function function, void* argument) const;
    portico_status post_instance(portico_post_function function, void* argument) const;
    portico_status info(portico_connection connection, portico_connection_info& info) const;
    // UINT64_MAX if it is gone.
    std::uint64_t queued_bytes(Line& line) const;

    [[nodiscard]] const portico_host* host() const { return host_; }
    [[nodiscard]] portico_instance* instance() const { return instance_; }
    template <class Table>
    [[nodiscard]] const Table* extension(std::string_view id) const noexcept {
        return test::extension<Table>(*host_, instance_, id);
    }

    // The lines in the order of their on_open.
    [[nodiscard]] Line* line(std::size_t number);
    [[nodiscard]] std::vector<Line*> lines();

    std::atomic<std::uint64_t> opened{0};  // on_open accepted
    std::atomic<std::uint64_t> closed{0};
    std::atomic<std::uint64_t> creates{0};
    std::atomic<std::uint64_t> destroys{0};
    std::atomic<std::uint64_t> stops{0};
    std::atomic<std::uint64_t> drains{0};           // at the end of the instance
    std::atomic<std::uint64_t> operator_drains{0};  // PORTICO_DRAIN_ADMIN
    std::atomic<std::uint32_t> inside{0};           // the instance's running callbacks
    std::atomic<std::uint32_t> inside_max{0};       // the most that ever ran at once
    std::array<std::atomic<std::uint64_t>, 16> reasons{};

    // The violations of the ABI's rules; empty if there are none.
    [[nodiscard]] std::string violations();
    void violated(const std::string& what);

    // The listener's settings that lead the relay plugin to this script.
    [[nodiscard]] std::string settings() const;

private:
    struct Guard;
    struct Calls;
    friend struct Calls;

    [[nodiscard]] bool is_framed() const { return framing_ != PORTICO_FRAMING_NONE; }
    void check_setup(const portico_setup& setup, std::uint32_t mode);
    void check_draining(const portico_draining& draining);
    void check_frame(Line& line, std::uint64_t size, const portico_frame& frame);
    void count_consumed(Line& line, std::uint64_t size, std::uint64_t consumed,
                        portico_status status) const;
    void check_closed(const Line& line, const portico_closed& closed);

    relay_script script_;
    std::uint32_t framing_ = PORTICO_FRAMING_NONE;  // the listener's
    const portico_host* host_ = nullptr;
    portico_instance* instance_ = nullptr;
    std::mutex mutex_;
    std::deque<Line> lines_;           // under mutex_
    std::vector<std::string> broken_;  // under mutex_
    std::atomic<bool> alive_{false};
};

}  // namespace portico::test
