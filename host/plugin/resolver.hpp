// Looks names up for an instance, on threads of its own: the system's resolver may wait for a name
// server for many seconds.
//
//     add -> queue -> a thread: the lookup -> found, which sends the answer to its strand
//
// Threads start when requests wait and no thread is idle. A request that nobody wants any more is
// not looked up, but a lookup that has begun cannot be stopped. So the end of an instance does not
// wait for one: its thread is left behind, with nothing but the Core, and ends after it.
//
// Concurrency: the Core's mutex guards all of it. `begin` and `found` of a request are called under
// it. So whoever has held it after add() has returned finds that the request has begun, and after
// end() no answer is on its way from here.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/intrusive.hpp"
#include "base/result.hpp"
#include "io/address.hpp"

namespace portico::plugin {

class Resolver {
public:
    // A Failure's kind is io::name_unknown if the name has no addresses. May throw std::bad_alloc.
    struct Lookups {
        base::Result<std::vector<io::Address>> (*look_up)(const std::string& host,
                                                          std::uint16_t port) = io::resolve;
        bool may_be_left = true;  // by the instance's end
    };
    enum class Outcome : std::uint8_t { found, unknown, failed, no_memory };

    struct Request : base::Link {
        std::string host;
        std::uint16_t port = 0;
        // Out: of the lookup.
        Outcome outcome = Outcome::failed;
        std::vector<io::Address> addresses;

        bool is_wanted = true;  // the resolver's
        // Under the mutex. False: it is not queued, and stays the caller's.
        bool (*begin)(Request& request) noexcept = nullptr;
        // Under the mutex, on a thread of the resolver: it has been looked up, and is its owner's.
        void (*found)(Request& request) noexcept = nullptr;
        // It will not be looked up, and is its owner's again.
        void (*dropped)(Request& request) noexcept = nullptr;
    };
    enum class Added : std::uint8_t { added, refused, full, unavailable };

    static constexpr std::size_t threads_max = 4;
    static constexpr std::size_t queue_max = 1'024;

    Resolver() : core_(std::make_shared<Core>()) {}  // throws std::bad_alloc
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    // Before open().
    void use(const Lookups& lookups) noexcept { core_->lookups = lookups; }
    // From now on requests are taken.
    void open() noexcept;
    // From any thread. `refused`: by begin. `full`: as many as may wait are waiting.
    // `unavailable`: before open(), after end(), or the system gives no thread.
    [[nodiscard]] Added add(Request& request) noexcept;
    // From any thread: its owner needs no answer any more. The request is still there.
    void unwant(Request& request) noexcept;
    // Drops all requests that have not been answered. A second call does nothing.
    void end() noexcept;
    // After end(): waits for the threads that look nothing up. A second call does nothing.
    void stop() noexcept;

private:
    // What a thread has.
    struct Core {
        Lookups lookups;
        std::mutex mutex;
        std::condition_variable changed;
        base::Fifo<Request> queue;
        std::size_t waiting = 0;  // in it
        std::size_t idle = 0;     // threads
        bool is_open = false;
        bool is_ending = false;
        std::array<std::thread, threads_max> threads;
        std::array<Request*, threads_max> looked_up{};  // by each thread
        std::array<bool, threads_max> is_busy{};        // even if its request was dropped
        std::size_t started = 0;                        // threads
    };
    static void serve(const std::shared_ptr<Core>& core, std::size_t number) noexcept;
    static void serve_one(Core& core, std::size_t number, std::unique_lock<std::mutex>& lock);

    const std::shared_ptr<Core> core_;  // its threads have it too
};

}  // namespace portico::plugin
