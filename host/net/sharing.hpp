// What a broadcast does with one connection. There are three ways to it:
//
//   at once   the caller runs on the connection's strand, and no call is on its way
//   by walk   the strand is idle and its home has one thread: room is reserved here, and the home's
//             thread brings the bytes (walks.hpp). This is the usual way to most of a group
//   by mail   otherwise
//
// In each of them room is reserved in the call itself, so the connection gets the bytes before
// those of any later send, and a later close waits for them.
#pragma once

#include <cstdint>

#include "net/connection.hpp"
#include "net/shared_bytes.hpp"

namespace portico::net {

struct Sharing {
    enum class Result : std::uint8_t { taken, full, gone, no_memory };

    // ---- From any thread, with the generation of a handle.
    // The group whose walk can bring something to it; null: send() is the way.
    [[nodiscard]] static WorkerGroup* home_of_walk(const Connection& connection,
                                                   const ConnectionContext& context,
                                                   std::uint64_t generation) noexcept;
    // For such a group. If it is taken, a walk of that group must bring the bytes.
    [[nodiscard]] static Result reserve(Connection& connection, const ConnectionContext& context,
                                        std::uint64_t generation, const Share& share) noexcept;
    [[nodiscard]] static Result send(Connection& connection, const ConnectionContext& context,
                                     std::uint64_t generation, Share& share) noexcept;

    // It comes soon: its memory may be fetched meanwhile.
    static void expect(const Connection& connection) noexcept;

    // ---- On the only thread of its home, with what was reserved.
    // Runs a turn of its strand, if that is idle. False if it is busy.
    [[nodiscard]] static bool bring(Connection& connection, Worker& worker, Share& share) noexcept;
    // On its strand: queues the bytes.
    static void take(Connection& connection, Share& share) noexcept;
    // On its strand, before mail takes effect: what walks have for it comes first.
    static void take_what_is_on_its_way(Connection& connection) noexcept;
};

}  // namespace portico::net
