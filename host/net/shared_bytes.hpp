// The bytes of a broadcast: one copy for all the connections that get them.
//
// Each worker group that sends them has a Share, which counts its own uses, so that the workers do
// not all count in the same place. The copy ends with its last share, and a share with its last
// use.
//
// Pairing: both counts go down with acq_rel. The thread that ends the last use sees that all others
// have read what they needed, and frees the memory after that.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#include "net/parts.hpp"

namespace portico::net {

// In one allocation with its bytes. A user of the object is a Share, or its maker.
class SharedBytes {
public:
    // With one user. Null if memory is out.
    [[nodiscard]] static SharedBytes* make(const Parts& parts) noexcept {
        void* memory = ::operator new(sizeof(SharedBytes) + parts.bytes(), std::nothrow);
        return memory != nullptr ? new (memory) SharedBytes(parts) : nullptr;
    }
    SharedBytes(const SharedBytes&) = delete;
    SharedBytes& operator=(const SharedBytes&) = delete;

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return {reinterpret_cast<const std::byte*>(this + 1), size_};
    }

    // By a user, for another one. (Relaxed: the own use keeps the object here.)
    void add_use() noexcept { uses_.fetch_add(1, std::memory_order_relaxed); }
    void end_use() noexcept {
        if (uses_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            this->~SharedBytes();
            ::operator delete(this);
        }
    }

private:
    explicit SharedBytes(const Parts& parts) noexcept
        : size_(static_cast<std::uint32_t>(parts.bytes())) {
        auto* to = reinterpret_cast<std::byte*>(this + 1);
        for (std::uint32_t i = 0; i < parts.count(); ++i) {
            const std::span<const std::byte> part = parts[i];
            if (!part.empty()) {
                std::memcpy(to, part.data(), part.size());
                to += part.size();
            }
        }
    }
    ~SharedBytes() = default;

    std::atomic<std::uint32_t> uses_{1};
    const std::uint32_t size_;
};

// On a cache line of its own.
class alignas(64) Share {
public:
    // With one use. Null if memory is out. `of`: the caller has a use of it.
    [[nodiscard]] static Share* make(SharedBytes& of) noexcept {
        auto* made = new (std::nothrow) Share(of);
        if (made != nullptr) {
            of.add_use();
        }
        return made;
    }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return of_.bytes(); }

    void add_use() noexcept { uses_.fetch_add(1, std::memory_order_relaxed); }
    void end_use() noexcept {
        if (uses_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            of_.end_use();
            delete this;
        }
    }

private:
    explicit Share(SharedBytes& of) noexcept : of_(of) {}
    ~Share() = default;

    std::atomic<std::uint32_t> uses_{1};
    SharedBytes& of_;
};

}  // namespace portico::net
