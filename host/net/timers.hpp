// The timers of a worker group: those of the connections and instances that are at home there.
//
//     start -> wheel -> due queue of the owner -> the owner's strand -> the protocol's function
//
// The group's threads wait at the port, so the port wakes one of them when the wheel has something
// to do: one TimerOperation, the alarm, is set to that instant. Due timers go to the end of their
// owner's due queue, and the owner's own mail brings its strand there.
//
// An owner is a connection or an instance. All it keeps is a TimerList. When it ends, its strand
// takes all its timers (take() with `all`) and calls each one for the last time.
//
// Concurrency. lock_ guards everything here, the records of this group and the lists of its owners.
// It is held for a few loads and stores; nothing that can wait is called under it. So start,
// restart and cancel work from any thread, and each takes effect at once: a call has begun when its
// strand has taken it under the lock. While an owner's mail is on its way, the list is marked
// (is_mailed), and the owner does not end.
//
// The clock is read before the lock is taken, except by the thread of a group with one thread. That
// thread restarts a timer without a look at the clock: the deadline counts from the last settled
// instant, and settle(), at the end of the batch, moves it by what has passed since. So it is
// never early, and late by at most the rest of the batch.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "io/operation.hpp"
#include "net/brief_lock.hpp"
#include "net/mailbox.hpp"
#include "net/timer_table.hpp"
#include "net/timer_wheel.hpp"

namespace portico::net {

class Connection;
class InstanceTimers;
class WorkerGroup;

// The timers of an owner. Under the lock of its group's Timers.
class TimerList {
public:
    [[nodiscard]] bool empty() const noexcept { return any() == TimerTable::none; }
    // One of them. If any is waiting for a call, it is the newest of the due queue.
    [[nodiscard]] std::uint32_t any() const noexcept { return bits_ & TimerTable::none; }
    void set_any(std::uint32_t index) noexcept { bits_ = (bits_ & ~TimerTable::none) | index; }
    // The owner's mail is on its way because of them.
    [[nodiscard]] bool is_mailed() const noexcept { return (bits_ & mailed) != 0; }
    void set_mailed(bool value) noexcept { bits_ = value ? bits_ | mailed : bits_ & ~mailed; }

private:
    static constexpr std::uint32_t mailed = 1U << 31;
    std::uint32_t bits_ = TimerTable::none;
};

// A connection or an instance, in one word.
class TimerOwner {
public:
    explicit TimerOwner(Connection& connection) noexcept
        : bits_(reinterpret_cast<std::uintptr_t>(&connection)) {}
    explicit TimerOwner(const InstanceTimers& instance) noexcept
        : bits_(reinterpret_cast<std::uintptr_t>(&instance) | is_instance) {}
    explicit TimerOwner(std::uintptr_t bits) noexcept : bits_(bits) {}

    [[nodiscard]] std::uintptr_t bits() const noexcept { return bits_; }
    [[nodiscard]] TimerList& list() const noexcept;
    // True if it belongs to the instance.
    [[nodiscard]] bool is_of(const InstanceTimers& asker) const noexcept;
    [[nodiscard]] bool is_closing() const noexcept;
    // From any thread, after its list was marked: its strand comes for its timers. `at_home`: the
    // caller is a thread of the group that runs no strand.
    void raise(bool at_home) const noexcept;

private:
    static constexpr std::uintptr_t is_instance = 1;

    [[nodiscard]] Connection& connection() const noexcept;
    [[nodiscard]] InstanceTimers& instance() const noexcept;

    std::uintptr_t bits_;
};

class Timers {
public:
    enum class Result : std::uint8_t { ok, gone, limit, no_memory };
    struct Order {
        std::uint32_t first_ms = 0;
        std::uint32_t period_ms = 0;  // 0: once
        AnyFunction function = nullptr;
        void* argument = nullptr;
    };

    Timers(WorkerGroup& group, bool has_one_thread) noexcept;

    // ---- From any thread. `asker`: the calling instance's; its other timers, and those of other
    // instances, are gone for it.
    // Starts a timer of the connection with this generation, or (null) of the instance. `number` is
    // stored before the first call.
    [[nodiscard]] static Result start(TimerTable& table, InstanceTimers& asker,
                                      Connection* connection, std::uint64_t generation,
                                      const Order& order, std::uint64_t& number) noexcept;
    [[nodiscard]] static Result restart(TimerTable& table, const InstanceTimers& asker,
                                        std::uint64_t number, std::uint32_t first_ms,
                                        std::uint32_t period_ms) noexcept;
    // The usual restart: in a callback of the timer's own connection (null: of the instance), of a
    // timer that is armed, whose deadline grows, and that lives on this thread. `record`: where
    // table.find_of() found it among these timers. False if that is not so; then nothing has
    // happened, and restart() follows. Defined in timers_inline.hpp.
    [[nodiscard]] static bool restart_quickly(Timers& timers, TimerRecord& record,
                                              const Connection* caller, std::uint64_t number,
                                              std::uint32_t first_ms,
                                              std::uint32_t period_ms) noexcept;
    [[nodiscard]] static Result cancel(TimerTable& table, const InstanceTimers& asker,
                                       std::uint64_t number) noexcept;

    // ---- On the owner's strand.
    static constexpr int calls_max = 64;  // of one turn
    struct Call : TimerCall {
        std::uint32_t index = TimerTable::none;  // if it is not the last one
    };
    // The owner's mail has arrived.
    void arrived(TimerList& list) noexcept;
    // Takes the next call that is to be made. False if there is none. `closing`: the owner closes,
    // so each call is the last. `all`: also of timers that are not due.
    [[nodiscard]] bool take(TimerList& list, bool closing, bool all, Call& call) noexcept;
    // A call that is not the last one has returned.
    void called(const Call& call) noexcept;
    // True if some are still waiting for their call: then the list is marked, and the owner sends
    // its mail.
    [[nodiscard]] bool has_more(TimerList& list) noexcept;
    // True if the list is empty, and no mail is on its way.
    [[nodiscard]] bool are_over(const TimerList& list) noexcept;

    // ---- By the group.
    // At the end of a batch of its only thread, if that was asked for (WorkerGroup::attend).
    void settle() noexcept;
    // After its threads have ended, to end the alarm.
    void stop() noexcept;
    // A thread is about to post, or has posted, to the group's port.
    [[nodiscard]] bool is_poked() noexcept;

    // ---- By InstanceTimers: runs `action` under the lock.
    template <class Action>
    decltype(auto) guarded(Action&& action) noexcept {
        const std::scoped_lock lock(lock_);
        return action();
    }

private:
    struct AlarmPart : io::TimerOperation {
        Timers* timers = nullptr;
    };
    struct PokePart : io::PostOperation {
        Timers* timers = nullptr;
    };
    enum class Alarm : std::uint8_t { off, set, ending };
    // What is left to do after the lock was given back.
    struct Next {
        bool has_to_arm = false;
        bool has_to_poke = false;
    };

    [[nodiscard]] bool is_home_thread() const noexcept;
    [[nodiscard]] Result start_here(TimerTable& table, InstanceTimers& asker,
                                    Connection* connection, std::uint64_t generation,
                                    const Order& order, std::uint64_t& number) noexcept;
    [[nodiscard]] Result restart_here(const TimerTable::Found& found, const InstanceTimers& asker,
                                      std::uint32_t first_ms, std::uint32_t period_ms) noexcept;
    [[nodiscard]] Result cancel_here(const TimerTable::Found& found,
                                     const InstanceTimers& asker) noexcept;

    // ---- Under the lock.
    [[nodiscard]] static bool may_change(const TimerTable::Found& found,
                                         const InstanceTimers& asker) noexcept;
    void begin(std::uint32_t index, TimerOwner owner, const Order& order,
               std::uint64_t now_ns) noexcept;
    [[nodiscard]] Next restart_at(const TimerTable::Found& found,
                                  std::uint64_t deadline_ns) noexcept;
    [[nodiscard]] Next file(std::uint32_t index) noexcept;
    // Its deadline is about to be counted from the last settled instant. False if too many are.
    [[nodiscard]] bool note_restart(TimerRecord& record, std::uint64_t number) noexcept;
    void settle_at(std::uint64_t now_ns) noexcept;
    void queue(TimerList& list, std::uint32_t index, TimerRecord::State state) noexcept;
    void unqueue(TimerList& list, std::uint32_t index) noexcept;
    void free(TimerList& list, std::uint32_t index) noexcept;
    void fill(Call& call, std::uint32_t index) const noexcept;
    void begin_period(TimerRecord& record, Call& call) noexcept;

    // ---- Not under the lock.
    void follow(const Next& next) noexcept;
    void arm() noexcept;
    void alarm_rang() noexcept;
    // Sends some timers that are due to their owners. True if there are more.
    [[nodiscard]] bool fire(std::uint64_t now_ns) noexcept;

    static constexpr std::uint32_t restarts_max = 64;

    WorkerGroup* const group_;
    const bool has_one_thread_;
    const std::uint32_t restarts_limit_;  // 0 if there are several threads, which would all settle
    BriefLock lock_;
    bool is_poked_ = false;
    Alarm alarm_ = Alarm::off;
    bool is_arming_ = false;       // a thread sets or ends the alarm just now, and will look again
    TimerTable* table_ = nullptr;  // the server's; set with the first timer
    // When the alarm rings. `never`: it is off. 0: nobody else need care, since some thread will
    // set it.
    std::uint64_t alarm_ns_ = TimerWheel::never;
    std::uint32_t free_ = TimerTable::none;
    // Timers that were restarted since the last settled instant. (They may be over meanwhile.)
    std::uint32_t restart_count_ = 0;
    std::array<std::uint32_t, restarts_max> restarts_;
    std::uint64_t settled_ns_ = 0;
    TimerWheel wheel_;
    AlarmPart alarm_operation_;
    PokePart poke_operation_;
};

}  // namespace portico::net
