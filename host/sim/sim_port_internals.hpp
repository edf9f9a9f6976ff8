// The inside of the simulated port, for its own files. Its parts:
//
//     sim_port.cpp            what a completion port is asked for
//     sim_port_submits.cpp    operations come, with the memory that they name
//     sim_port_progress.cpp   what becomes of them, and when
//     sim_port_results.cpp    they go back to their owners
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "sim/network_internals.hpp"
#include "sim/poison.hpp"

namespace portico::sim {

[[nodiscard]] const char* name_of(io::OperationType type) noexcept;

struct SimPort::Internals final : Watcher {
    using Handle = Network::Internals::Index;
    using End = Network::Internals::End;

    // An operation in flight.
    struct Record {
        enum class State : std::uint8_t {
            free,
            waiting,  // waits for news, for its time (timers), or for the end of its delay
            trying,   // in attempt(), which may cause news of its own
            starved,  // there is something to receive and no buffer
            done,     // its result is decided, but not visible yet
            // a send: visible with the next completion, or when wait() returns for another reason
            late,
            ready,  // wait() may hand it out
        };
        State state = State::free;
        io::OperationType type = io::OperationType::post;
        bool is_cancelled = false;       // late: aborted unless something comes first
        bool may_complete_late = false;  // a send that no caller waits for
        bool completed_late = false;
        bool found_no_room = false;  // a send: it waits for a good deal of room
        io::Error planned = io::Error::none;
        std::uint16_t index = 0;
        // for this use of the record: work that was scheduled for an earlier one is void
        std::uint32_t ticket = 0;
        Handle handle = Network::Internals::none;
        io::Operation* operation = nullptr;
        std::uint64_t earliest_ns = 0;
        // The operation's inputs at the submit.
        std::uint64_t deadline_ns = 0;
        io::Socket* socket = nullptr;
        io::Address remote;
        const io::ConstBuffer* array = nullptr;
        std::vector<io::ConstBuffer> parts;
        std::uint64_t sum = 0;
        // The operation's outputs, to be filled in later.
        io::Error error = io::Error::none;
        io::NativeSocket accepted = io::invalid_socket;
        io::Address peer;
        std::size_t bytes = 0;
        io::Buffer buffer;
    };

    // A socket of this port.
    struct Attached {
        Record* receive = nullptr;
        Record* send = nullptr;
        Record* connect = nullptr;
        std::vector<Record*> accepts;
    };

    Internals(Scheduler& its_scheduler, Network& its_network, io::BufferPool& its_pool,
              Random its_random, const FaultMix& its_faults, const SimPortOptions& its_options)
        : scheduler(its_scheduler),
          network(its_network.internals()),
          pool(its_pool),
          random(its_random),
          faults(its_faults),
          options(its_options),
          slot(static_cast<std::uint16_t>(network.ports.size())) {
        network.ports.push_back(this);
    }

    [[noreturn]] void fail(const std::string& what) noexcept {
        scheduler.fail("port " + std::to_string(options.number) + ": " + what);
    }

    // ---- scheduled work finds its record again, or nothing

    template <void (Internals::*Call)(Record&)>
    void later(std::uint64_t time_ns, const Record& record) {
        Network::Internals* its_network = &network;
        struct {
            std::uint16_t slot;
            std::uint16_t index;
            std::uint32_t ticket;
        } const key{slot, record.index, record.ticket};
        scheduler.at(time_ns, [its_network, key] {
            Internals* port = its_network->ports[key.slot];
            if (port != nullptr && port->records[key.index]->ticket == key.ticket) {
                (port->*Call)(*port->records[key.index]);
            }
        });
    }

    // ---- submits

    void check_thread(const char* what) noexcept {
        if (!options.shared && waiting != 0) {
            fail(std::string(what) + " while another thread waits on a port for one thread");
        }
    }

    // The operation's bytes, which nobody may use while it is in flight.
    struct Range {
        std::byte* begin;
        std::size_t bytes;
    };
    [[nodiscard]] static Range hidden_part(io::Operation& operation) noexcept {
        auto* begin = reinterpret_cast<std::byte*>(&operation.error);
        const auto up_to = [begin](auto& last) {
            return Range{begin,
                         static_cast<std::size_t>(reinterpret_cast<std::byte*>(&last + 1) - begin)};
        };
        switch (operation.type) {
            case io::OperationType::accept:
                return up_to(static_cast<io::AcceptOperation&>(operation).peer);
            case io::OperationType::connect:
                return up_to(static_cast<io::ConnectOperation&>(operation).remote);
            case io::OperationType::receive:
                return up_to(static_cast<io::ReceiveOperation&>(operation).buffer);
            case io::OperationType::send:
                return up_to(static_cast<io::SendOperation&>(operation).bytes);
            case io::OperationType::timer:
                return up_to(static_cast<io::TimerOperation&>(operation).heap);
            case io::OperationType::post: break;
        }
        return up_to(operation.cancel_requested);
    }

    // First step of a submit: from now on the port has the operation.
    Record& start(io::Operation& operation) noexcept;

    // The first steps of an accept; the caller lets it begin.
    Record& start_accept(io::AcceptOperation& operation) noexcept;

    // The first steps of a send; the caller hides the parts and lets it begin.
    Record& start_send(io::SendOperation& operation) noexcept;

    // Last step: hides it, and lets it begin, now or after a delay.
    void begin(Record& record) noexcept;

    [[nodiscard]] std::uint64_t draw_delay() noexcept {
        return faults.operation_delay_ns_max == 0 ? 0
                                                  : random.skewed(faults.operation_delay_ns_max);
    }

    // The socket's handle, which must belong to this port.
    Attached& attached_to(const io::Socket* socket, io::OperationType type,
                          Record& record) noexcept;
    void take_place(Record*& place, Record& record) noexcept;

    // ---- progress
    void on_news(Handle handle) noexcept override;

    // Replaces begin(): true if the operation has completed in the call.
    [[nodiscard]] bool is_done_at_once(Record& record);
    void try_now(Record& record);

    // True if there is a result.
    bool attempt(Record& record);
    bool attempt_accept(Record& record);
    bool attempt_connect(Record& record);
    bool attempt_receive(Record& record);

    [[nodiscard]] static std::size_t bytes_of(const Record& record) noexcept {
        std::size_t total = 0;
        for (const io::ConstBuffer& part : record.parts) {
            total += part.size;
        }
        return total;
    }
    bool attempt_send(Record& record);
    void look_for_buffers(Record& record);

    // Retries as many as there are buffers for, in the order in which they came.
    void retry_starved();
    [[nodiscard]] bool has_buffers() const noexcept { return pool.in_use() < pool.buffers_max(); }

    // The result is decided: it becomes visible now, or after a delay.
    void decided(Record& record);
    void show(Record& record);

    [[nodiscard]] bool is_held(const Record& record) noexcept {
        return record.may_complete_late && record.error == io::Error::none &&
               record.bytes == bytes_of(record) && random.chance(faults.late_send);
    }
    void release_late();

    // From now on a caller waits for it.
    void expedite(Record& record);

    [[nodiscard]] static bool is_expired(const Record& record) noexcept {
        return record.type == io::OperationType::timer && record.error == io::Error::none;
    }

    // Due timers leave in the order of their deadlines, as from a port that looks at them when
    // somebody waits. A timer that was submitted later but is due earlier leaves before those that
    // became ready meanwhile: the ready timers exchange their places among themselves.
    void sort_newest_timer() noexcept;

    // ---- timers

    [[nodiscard]] static bool is_later(const Record* left, const Record* right) noexcept {
        return left->deadline_ns != right->deadline_ns ? left->deadline_ns > right->deadline_ns
                                                       : left->ticket > right->ticket;
    }

    [[nodiscard]] std::uint64_t due_ns(const Record& record) const noexcept {
        return record.deadline_ns + faults.timer_late_ns;
    }
    void add_timer(Record& record);
    void set_alarm();
    void expire_timers();

    // ---- cancel
    Record& record_of(const io::Operation& operation) noexcept;
    void abort(Record& record);

    // ---- handing out

    // The next completion to hand out. Timers keep their order (by deadline), and so do posts.
    Record& next_ready() noexcept;

    // Fills in an operation's outputs; of a transfer, `outcome` is for the trace. False: one of its
    // inputs is not what it was at the submit.
    [[nodiscard]] bool fill_in(const Record& record, io::Operation& operation,
                               std::uint64_t& outcome);
    [[nodiscard]] bool fill_in_accept(const Record& record, io::AcceptOperation& accept);
    [[nodiscard]] bool fill_in_receive(const Record& record, io::ReceiveOperation& receive);
    [[nodiscard]] bool fill_in_send(const Record& record, io::SendOperation& send);
    // The owner gets its operation back, with the outputs.
    io::Operation& hand_out(Record& record) noexcept;

    // ---- the memory that a send names
    void hide_parts(const Record& record) noexcept;
    void reveal_parts(const Record& record) noexcept;

    // The poison finds more than the checksum does, and costs less.
    [[nodiscard]] static std::uint64_t sum_of(const Record& record) noexcept;

    struct AtomicCounters {
        std::atomic<std::uint64_t> waits{0};
        std::atomic<std::uint64_t> receives{0};
        std::atomic<std::uint64_t> sends{0};
        std::atomic<std::uint64_t> accepts{0};
        std::atomic<std::uint64_t> connects{0};
        std::atomic<std::uint64_t> wakes{0};
        std::atomic<std::uint64_t> cancels{0};
        std::atomic<std::uint64_t> completions{0};
    };

    Scheduler& scheduler;
    Network::Internals& network;
    io::BufferPool& pool;
    Random random;
    const FaultMix& faults;
    const SimPortOptions options;
    const std::uint16_t slot;
    std::vector<std::unique_ptr<Record>> records;
    std::vector<Record*> free_records;
    std::unordered_map<Handle, Attached> sockets;
    std::deque<Record*> ready;
    std::deque<Record*> starved;
    std::vector<Record*> late;
    std::vector<Record*> timers;                          // the soonest last
    std::unordered_set<const io::Operation*> handed_out;  // at least once
    std::vector<std::byte> outgoing;
    std::uint64_t alarm_ns = UINT64_MAX;
    std::uint64_t last_post_ns = 0;
    std::uint32_t last_ticket = 0;
    std::uint32_t waiting = 0;  // threads inside wait()
    bool is_woken = false;
    AtomicCounters counters;
    std::atomic<std::size_t> in_flight{0};
};

}  // namespace portico::sim
