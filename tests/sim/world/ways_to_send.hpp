// The ways to send: a copy, parts, memory that a service keeps until its release, and memory of the
// host. In runs whose plan says so, any send may take any of them. Its answer means the same.
//
// After a release the memory is overwritten at once. So if the host still uses it, the peer
// receives what nobody has sent.
#pragma once

#include <memory>
#include <vector>

#include "sim/world/service.hpp"

#include "portico/ext/send_owned.h"

namespace portico::sim {

class WaysToSend {
public:
    WaysToSend(Scheduler& scheduler, Ledger& ledger, Random random)
        : scheduler_(scheduler), ledger_(ledger), random_(random) {}

    // Makes the host functions' calls of one send of these bytes, at least one. `line` is null if
    // the handle never belonged to a connection.
    portico_status send(Service& from, portico_connection to, Line* line,
                        std::span<const std::byte> bytes);

    // All connections are over.
    void finish();

private:
    struct Sent {
        WaysToSend* owner = nullptr;
        std::uint32_t number = 0;
        Service* service = nullptr;
        Line* line = nullptr;
        std::vector<std::byte> bytes;
        bool is_accepted = false;
        bool is_refused = false;
        bool is_released = false;
    };

    [[nodiscard]] std::vector<portico_part> split(std::span<const std::byte> bytes);
    portico_status send_owned(Service& from, const portico_send_owned& owned, portico_connection to,
                              Line* line, std::span<const std::byte> bytes);
    portico_status send_reserved(Service& from, const portico_send_owned& owned,
                                 portico_connection to, Line* line,
                                 std::span<const std::byte> bytes);
    static void PORTICO_CALL released(void* self, portico_connection connection, void* state,
                                      void* argument, portico_status status);
    void take_release(Sent& sent, portico_status status);

    Scheduler& scheduler_;
    Ledger& ledger_;
    Random random_;
    std::vector<std::unique_ptr<Sent>> all_;
};

}  // namespace portico::sim
