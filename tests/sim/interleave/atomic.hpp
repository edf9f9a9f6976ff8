// Replacements for std::atomic, plain variables, and a queue under a mutex, for production code and
// the threads of a world. All live in the machine whose world is being made, and each access is a
// step of it.
#pragma once

#include <type_traits>

#include "sim/interleave/machine.hpp"

namespace portico::interleave {

// Replaces std::atomic.
template <class T>
class Atomic {
public:
    using Where = std::source_location;

    Atomic() : Atomic(T{}) {}
    Atomic(T value)
        : location_(
              Machine::current().make_location(bits(value), sizeof(T), std::is_pointer_v<T>)) {}
    Atomic(const Atomic&) = delete;
    Atomic& operator=(const Atomic&) = delete;

    [[nodiscard]] T load(std::memory_order order = std::memory_order_seq_cst,
                         Where where = Where::current()) const noexcept {
        return value(Machine::current().load(location_, order, where));
    }
    void store(T desired, std::memory_order order = std::memory_order_seq_cst,
               Where where = Where::current()) noexcept {
        Machine::current().store(location_, bits(desired), order, where);
    }
    T exchange(T desired, std::memory_order order = std::memory_order_seq_cst,
               Where where = Where::current()) noexcept {
        return value(
            Machine::current().modify(location_, Kind::exchange, bits(desired), order, where));
    }
    T fetch_add(T operand, std::memory_order order = std::memory_order_seq_cst,
                Where where = Where::current()) noexcept {
        return value(
            Machine::current().modify(location_, Kind::fetch_add, bits(operand), order, where));
    }
    T fetch_sub(T operand, std::memory_order order = std::memory_order_seq_cst,
                Where where = Where::current()) noexcept {
        return value(
            Machine::current().modify(location_, Kind::fetch_sub, bits(operand), order, where));
    }
    T fetch_or(T operand, std::memory_order order = std::memory_order_seq_cst,
               Where where = Where::current()) noexcept {
        return value(
            Machine::current().modify(location_, Kind::fetch_or, bits(operand), order, where));
    }
    T fetch_and(T operand, std::memory_order order = std::memory_order_seq_cst,
                Where where = Where::current()) noexcept {
        return value(
            Machine::current().modify(location_, Kind::fetch_and, bits(operand), order, where));
    }
    bool compare_exchange_weak(T& expected, T desired, std::memory_order order,
                               std::memory_order failure, Where where = Where::current()) noexcept {
        return compare_exchange(expected, desired, order, failure, true, where);
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order order,
                                 std::memory_order failure,
                                 Where where = Where::current()) noexcept {
        return compare_exchange(expected, desired, order, failure, false, where);
    }

private:
    [[nodiscard]] static std::uint64_t bits(T value) noexcept {
        if constexpr (std::is_pointer_v<T>) {
            return reinterpret_cast<std::uintptr_t>(value);
        } else {
            return static_cast<std::uint64_t>(value);
        }
    }
    [[nodiscard]] static T value(std::uint64_t bits) noexcept {
        if constexpr (std::is_pointer_v<T>) {
            return reinterpret_cast<T>(static_cast<std::uintptr_t>(bits));
        } else {
            return static_cast<T>(bits);
        }
    }
    bool compare_exchange(T& expected, T desired, std::memory_order order,
                          std::memory_order failure, bool weak, Where where) noexcept {
        std::uint64_t found = bits(expected);
        const bool stored = Machine::current().compare_exchange(location_, found, bits(desired),
                                                                order, failure, weak, where);
        expected = value(found);
        return stored;
    }

    const std::uint8_t location_;
};

// A variable that is not atomic: a race on it ends the run.
template <class T>
class Plain {
public:
    using Where = std::source_location;

    Plain() : Plain(T{}) {}
    explicit Plain(T value) : name_(Machine::current().name_of_next()), value_(std::move(value)) {
        write(value_);
    }
    Plain(const Plain&) = delete;
    Plain& operator=(const Plain&) = delete;

    [[nodiscard]] const T& read(Where where = Where::current()) const {
        Machine::current().plain_read(accesses_, name_.c_str(), where);
        return value_;
    }
    void write(T value, Where where = Where::current()) {
        Machine::current().plain_write(accesses_, name_.c_str(), where);
        value_ = std::move(value);
    }
    // For a change in place; counts as a write.
    [[nodiscard]] T& change(Where where = Where::current()) {
        Machine::current().plain_write(accesses_, name_.c_str(), where);
        return value_;
    }

private:
    const std::string name_;
    mutable Machine::Accesses accesses_;
    T value_;
};

// A queue under a mutex, on which threads wait. It stands for a run queue or a completion port.
// First in, first out; a take sees everything that went before the put, and before earlier takes.
template <class T>
class Handover {
public:
    using Where = std::source_location;

    Handover() : location_(Machine::current().make_location(0, sizeof(T*), true)) {}
    Handover(const Handover&) = delete;
    Handover& operator=(const Handover&) = delete;

    void put(T& element, Where where = Where::current()) {
        Machine::current().put(location_, reinterpret_cast<std::uintptr_t>(&element), where);
    }
    // Waits for an element. Null: the world has come to rest, and the thread must return.
    [[nodiscard]] T* take(Where where = Where::current()) {
        std::uint64_t bits = 0;
        return Machine::current().take(location_, bits, where)
                   ? reinterpret_cast<T*>(static_cast<std::uintptr_t>(bits))
                   : nullptr;
    }

private:
    const std::uint8_t location_;
};

}  // namespace portico::interleave
