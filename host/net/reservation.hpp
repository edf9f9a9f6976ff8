// Memory for one send that is being written: Connection::reserve() makes it, and commit() sends it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "net/mailbox.hpp"

namespace portico::net {

struct ConnectionContext;

// The memory is the host's, and belongs to no connection yet: it may end at any time and on any
// thread.
class Reservation {
public:
    Reservation() = default;
    Reservation(Reservation&& from) noexcept
        : send_(std::exchange(from.send_, nullptr)), data_(from.data_), size_(from.size_) {}
    Reservation& operator=(Reservation&& from) noexcept {
        std::swap(send_, from.send_);
        data_ = from.data_;
        size_ = from.size_;
        return *this;
    }
    ~Reservation();  // connection_sends.cpp

    [[nodiscard]] bool is_held() const noexcept { return send_ != nullptr; }
    [[nodiscard]] std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

private:
    friend class Connection;

    Mail* send_ = nullptr;  // the mail that would carry it
    std::byte* data_ = nullptr;
    std::uint32_t size_ = 0;
};

// The one reservation of the callback that runs on a worker. It ends with the callback. Nothing
// looks at it then: a later callback finds that it is another's, and does as if there were none.
struct CallReservation {
    std::uint64_t number = 0;
    std::uint64_t call = 0;  // the callback, by CurrentCall::count()
    const ConnectionContext* context = nullptr;
    std::uint64_t connection = 0;
    Reservation memory;
};

}  // namespace portico::net
