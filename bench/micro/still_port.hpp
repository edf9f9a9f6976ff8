// A completion port without a system: it takes sends whole at once, and a receive completes when
// the benchmark calls for it. Between two completions the worker's thread runs the benchmark's own
// work.
//
// It is not the fuzzers' driven port: that one records all that is in flight and all that was sent,
// and here most of the measured time would go into that.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "base/assert.hpp"
#include "io/completion_port.hpp"

namespace portico::bench {

class StillPort final : public io::CompletionPort {
public:
    explicit StillPort(io::BufferPool& buffers) : CompletionPort(buffers) {}

    // Call it from outside the worker. It runs `work` on the worker's thread, where completions are
    // handed out, again after each look of the worker at its strands, until `work` returns false.
    // Waits for that.
    void on_worker(std::function<bool()> work) {
        std::unique_lock lock(mutex_);
        work_ = std::move(work);
        changed_.notify_all();
        changed_.wait(lock, [this] { return work_ == nullptr; });
    }

    // Completes the receive in flight, with `bytes` as its data. The caller calls its handler, as a
    // worker does.
    [[nodiscard]] io::ReceiveOperation& complete_receive(
        std::span<const std::byte> bytes) noexcept {
        PORTICO_ASSERT(receive_ != nullptr);
        io::ReceiveOperation& operation = *receive_;
        receive_ = nullptr;
        operation.in_flight = false;
        operation.error = io::Error::none;
        operation.buffer = buffers().take();
        PORTICO_ASSERT(operation.buffer.data != nullptr);
        std::copy(bytes.begin(), bytes.end(), operation.buffer.data);
        operation.bytes = static_cast<std::uint32_t>(bytes.size());
        return operation;
    }

    [[nodiscard]] std::uint64_t sent_bytes() const noexcept { return sent_bytes_; }

    // ---- io::CompletionPort
    [[nodiscard]] std::string_view name() const noexcept override { return "still"; }
    [[nodiscard]] base::Result<void> attach(io::Socket&) override { return {}; }
    [[nodiscard]] std::uint32_t accepts_max() const noexcept override { return 1; }
    void accept(io::AcceptOperation&) noexcept override { PORTICO_ASSERT(!"nobody here listens"); }
    void connect(io::ConnectOperation&) noexcept override {
        PORTICO_ASSERT(!"nobody here connects");
    }
    // One timer at a time, which never expires.
    void timer(io::TimerOperation& operation) noexcept override {
        PORTICO_ASSERT(timer_ == nullptr);
        operation.in_flight = true;
        timer_ = &operation;
    }
    void send(io::SendOperation&) noexcept override {
        PORTICO_ASSERT(!"every send here is taken at once");
    }
    void receive(io::ReceiveOperation& operation) noexcept override {
        operation.in_flight = true;
        receive_ = &operation;
    }
    [[nodiscard]] bool send_at_once(io::SendOperation& operation) noexcept override {
        operation.bytes = 0;
        for (const io::ConstBuffer& part : operation.buffers) {
            operation.bytes += static_cast<std::uint32_t>(part.size);
        }
        operation.error = io::Error::none;
        sent_bytes_ += operation.bytes;
        return true;
    }
    void post(io::PostOperation& operation) noexcept override {
        const std::scoped_lock lock(mutex_);
        operation.in_flight = true;
        ready_.push_back(&operation);
        changed_.notify_all();
    }
    void cancel(io::Operation& operation) noexcept override {
        if (&operation == timer_) {
            timer_ = nullptr;
        } else {
            PORTICO_ASSERT(&operation == receive_);
            receive_->bytes = 0;
            receive_->buffer = {};
            receive_ = nullptr;
        }
        operation.error = io::Error::aborted;
        const std::scoped_lock lock(mutex_);
        ready_.push_back(&operation);
    }
    void close(io::Socket& socket) noexcept override { socket.close(); }
    void move(io::Socket& from, io::Socket& to) noexcept override { to.take_over(from); }
    [[nodiscard]] std::size_t wait(std::span<io::Operation*> completed,
                                   std::uint64_t deadline_ns) noexcept override {
        std::unique_lock lock(mutex_);
        if (deadline_ns != 0) {
            changed_.wait(lock, [this] { return work_ != nullptr || !ready_.empty(); });
        }
        if (work_ != nullptr && ready_.empty()) {
            lock.unlock();  // on_worker() waits, and changes nothing
            const bool again = work_();
            lock.lock();
            if (!again) {
                work_ = nullptr;
                changed_.notify_all();
            }
        }
        const std::size_t count = std::min(completed.size(), ready_.size());
        for (std::size_t i = 0; i < count; ++i) {
            completed[i] = ready_[i];
            completed[i]->in_flight = false;
        }
        ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(count));
        return count;
    }
    void wake() noexcept override {}
    [[nodiscard]] std::size_t outstanding() const noexcept override {
        return ready_.size() + (receive_ != nullptr ? 1 : 0) + (timer_ != nullptr ? 1 : 0);
    }
    [[nodiscard]] io::Counters counters() const noexcept override { return {}; }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::function<bool()> work_;
    std::vector<io::Operation*> ready_;
    io::ReceiveOperation* receive_ = nullptr;  // only the worker uses it
    io::TimerOperation* timer_ = nullptr;      // likewise
    std::uint64_t sent_bytes_ = 0;             // likewise
};

}  // namespace portico::bench
