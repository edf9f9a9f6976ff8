// Names the function of a protocol that a worker is running. Threads that wait for the worker read
// it.
//
// Concurrency: only the worker writes, any thread reads, all relaxed. A reader may see parts of two
// calls, so it believes them only after count() has stayed the same for a while.
#pragma once

#include <atomic>
#include <cstdint>

namespace portico::net {

class Connection;
class Protocol;

class CurrentCall {
public:
    // `name` is constant. `handle`: of `connection`; null and 0 if it belongs to none. Calls do not
    // nest.
    void begin(const char* name, const Protocol& protocol, Connection* connection,
               std::uint64_t handle) noexcept {
        name_.store(name, std::memory_order_relaxed);
        protocol_.store(&protocol, std::memory_order_relaxed);
        connection_.store(handle, std::memory_order_relaxed);
        object_ = connection;
        count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    void end() noexcept {
        count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    // Different for each call, and while none runs.
    [[nodiscard]] std::uint64_t count() const noexcept {
        return count_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] static bool is_running(std::uint64_t count) noexcept { return count % 2 != 0; }
    [[nodiscard]] const char* name() const noexcept {
        return name_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] const Protocol* protocol() const noexcept {
        return protocol_.load(std::memory_order_relaxed);
    }
    // 0 if the call belongs to no connection.
    [[nodiscard]] std::uint64_t connection() const noexcept {
        return connection_.load(std::memory_order_relaxed);
    }

    // In the call, on its own thread: its connection, or null.
    [[nodiscard]] Connection* object() const noexcept { return object_; }
    // The same: the connection with this handle, if the call is one of the
    // protocol's for it; else null. That connection lives and is on its strand.
    [[nodiscard]] Connection* object(const Protocol* protocol,
                                     std::uint64_t handle) const noexcept {
        return handle == connection() && protocol == this->protocol() ? object_ : nullptr;
    }

private:
    std::atomic<std::uint64_t> count_{0};
    std::atomic<const char*> name_{nullptr};
    // Before the first call it is no protocol's address, and not null either: so who asks for the
    // protocol of an instance that is gone (null) never finds it here.
    std::atomic<const Protocol*> protocol_{reinterpret_cast<const Protocol*>(this)};
    std::atomic<std::uint64_t> connection_{0};
    Connection* object_ = nullptr;  // the worker's alone
};

// Distinguishes a call that does not return from a slow machine. It counts looks and not time:
// while a process is suspended there are no looks, and its calls get no time either.
class CallWatch {
public:
    explicit CallWatch(const CurrentCall& call) noexcept : call_(&call) {}

    // Looks. Returns at how many looks before this one the same call was running.
    std::uint32_t look() noexcept {
        const std::uint64_t count = call_->count();
        same_ = count == count_ && CurrentCall::is_running(count) ? same_ + 1 : 0;
        count_ = count;
        return same_;
    }
    // True if the same call was running at this look and at the `looks` before it.
    [[nodiscard]] bool has_run_for(std::uint32_t looks) noexcept { return look() >= looks; }
    [[nodiscard]] const CurrentCall& call() const noexcept { return *call_; }

private:
    const CurrentCall* call_;
    std::uint64_t count_ = 0;
    std::uint32_t same_ = 0;
};

}  // namespace portico::net
