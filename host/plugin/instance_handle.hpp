// What a portico_instance pointer points to: a handle that stays valid until the process ends, and
// knows whether its instance still lives.
//
// A call from inside a callback of the instance needs no protection: destroy comes after the last
// callback. Any other thread counts itself in before it looks, and close() waits until those that
// found the instance have left. No host function blocks, so that wait is short.
//
// Pairing. enter() adds to users_, then loads instance_; close() stores null into instance_, then
// loads users_. All four are seq_cst: so either the caller finds null, or close() finds the caller.
// The release of leave() pairs with the acquire in close(): what the call did happens before the
// instance is freed.
//
// `Atomic` is std::atomic, except in tests that switch threads at every access.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "base/assert.hpp"

namespace portico::plugin {

template <template <class> class Atomic, class Instance>
class BasicInstanceHandle {
public:
    // By the owner, while nobody else uses the handle.
    void open(Instance& instance) noexcept {
        instance_.store(&instance, std::memory_order_release);
    }

    // The instance, for a thread that is in one of its callbacks; for comparison on any other.
    [[nodiscard]] Instance* get() const noexcept {
        return instance_.load(std::memory_order_relaxed);
    }

    // Returns the instance, which lives at least until leave(), or null if it is gone; then there
    // is no leave().
    [[nodiscard]] Instance* enter() noexcept {
        users_.fetch_add(1, std::memory_order_seq_cst);
        Instance* instance = instance_.load(std::memory_order_seq_cst);
        if (instance == nullptr) {
            leave();
        }
        return instance;
    }
    void leave() noexcept { users_.fetch_sub(1, std::memory_order_release); }

    // By the owner, after destroy: from now on nobody finds the instance, and nobody uses it.
    // `wait` is called as long as somebody does.
    template <class Wait>
    void close(Wait&& wait) noexcept {
        instance_.store(nullptr, std::memory_order_seq_cst);
        while (users_.load(std::memory_order_seq_cst) != 0) {
            wait();
        }
    }

private:
    Atomic<Instance*> instance_{nullptr};
    Atomic<std::uint32_t> users_{0};
};

class Instance;

class InstanceHandle : public BasicInstanceHandle<std::atomic, Instance> {
public:
    // A new handle, for ever. Throws std::bad_alloc.
    [[nodiscard]] static InstanceHandle& make();
    // How many there are. Each is one allocation.
    [[nodiscard]] static std::size_t count() noexcept;

private:
    // All of them, under a mutex, so that no leak checker reports them.
    static InstanceHandle* all_;
    InstanceHandle* next_ = nullptr;
};
// what an ended instance leaves behind, with the allocator's share
static_assert(sizeof(InstanceHandle) <= 48);

}  // namespace portico::plugin
