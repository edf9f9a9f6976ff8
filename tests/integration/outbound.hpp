// The outbound connections of a script: their callbacks pass a guard that knows the rules of the
// extension portico.connect, as the script's own pass its guard.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "integration/script.hpp"

#include "portico/ext/connect.h"

namespace portico::test {

class Outbound {
public:
    struct Line {
        Outbound* all = nullptr;
        // Stored by the host before the first callback.
        portico_connection handle = 0;
        std::atomic<std::uint32_t> inside{0};
        std::atomic<std::uint32_t> opens{0};
        std::atomic<std::uint32_t> ends{0};
        std::atomic<std::uint32_t> writables{0};
        std::atomic<std::uint32_t> closes{0};
        std::atomic<std::uint32_t> posts{0};
        std::atomic<std::uint32_t> worker{UINT32_MAX};  // of on_open
        std::atomic<std::uint64_t> received{0};
        // Of the callbacks, and after on_close of the test.
        std::string text;
        portico_closed closed{};
        // Hooks. An unset one accepts, consumes, and closes in order at the peer's end.
        std::function<portico_status(Line&)> on_open;
        std::function<portico_status(Line&, std::string_view)> on_data;
        std::function<portico_status(Line&)> on_writable;
        std::function<portico_status(Line&)> on_end;
        std::function<void(Line&)> on_close;
    };
    // Where to. One of the two.
    struct To {
        std::string upstream;
        std::string address;
        std::uint32_t timeout_ms = 0;
        portico_connection beside = 0;
    };

    explicit Outbound(Script& script) : script_(script) {}
    Outbound(const Outbound&) = delete;
    Outbound& operator=(const Outbound&) = delete;

    [[nodiscard]] Line& make();
    portico_status connect(Line& line, const To& to);
    // The same for a new line, which is then Line `line` of the list.
    [[nodiscard]] Line& connected(const To& to);

    [[nodiscard]] const portico_connect& table() const;
    [[nodiscard]] static const portico_callbacks& callbacks();
    portico_status send(Line& line, std::string_view bytes) const;
    portico_status close(Line& line, std::uint32_t how = PORTICO_CLOSE_GRACEFUL) const;
    // Posts a function that counts in line.posts.
    portico_status post(Line& line) const;

    [[nodiscard]] Script& script() const { return script_; }

    std::atomic<std::uint32_t> accepted{0};  // connects that answered PORTICO_OK
    std::atomic<std::uint32_t> closed{0};

private:
    struct Calls;
    void check_closed(const Line& line, const portico_closed& told);

    Script& script_;
    std::mutex mutex_;
    std::deque<Line> lines_;  // under mutex_
};

}  // namespace portico::test
