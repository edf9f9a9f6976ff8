// The world's calls of the host's functions: from callbacks and from threads of its own, on live,
// stale, foreign and invented handles. Each answer is compared with what is known of the connection
// (ledger.hpp) before and after the call.
#pragma once

#include "sim/world/ways_to_send.hpp"

namespace portico::sim {

class Calls {
public:
    Calls(Scheduler& scheduler, Ledger& ledger, Random random)
        : scheduler_(scheduler), ledger_(ledger), ways_(scheduler, ledger, random) {}

    // The connection that a call of a service names. `line` is null if the handle never belonged to
    // a connection.
    struct Target {
        portico_connection handle = 0;
        Line* line = nullptr;
    };
    [[nodiscard]] static Target target(Line& line) noexcept { return {line.handle, &line}; }

    portico_status send(Service& from, Target to, std::span<const std::byte> bytes);
    // Sends a message of `size` bytes in all that names its sender.
    portico_status send_message(Service& from, Target to, std::size_t size);
    portico_status finish_sending(Service& from, Target to);
    portico_status close(Service& from, Target to, std::uint32_t how);
    portico_status pause(Service& from, Target to);
    portico_status resume(Service& from, Target to);
    // `resumes`: the function resumes the connection's reading.
    portico_status post(Service& from, Target to, portico_post_function function, bool resumes);
    portico_status post_instance(Service& from, portico_post_function function);
    portico_status info(Service& from, Target to);
    // Calls that need no connection, and arguments that are not allowed.
    void small_talk(Service& from, Target to);

    // All connections are over.
    void finish() { ways_.finish(); }

private:
    // Runs a host function: meanwhile no callback may run on this thread.
    template <class Call>
    auto inside(Call&& call);
    [[nodiscard]] bool must_be_gone(const Service& from, const Target& to) const noexcept;
    // Checks every answer to a call that names a connection.
    void check(const char* what, const Service& from, const Target& to, portico_status status,
               bool is_gone_sure);
    void check_queue(const Line& line, std::size_t size);

    Scheduler& scheduler_;
    Ledger& ledger_;
    WaysToSend ways_;
};

}  // namespace portico::sim
