#include "net/worker.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <string>

#include "base/fault_stack.hpp"
#include "base/thread_name.hpp"
#include "base/thread_stack.hpp"

namespace portico::net {

constinit thread_local Worker* Worker::current_ = nullptr;

// ---- WorkerGroup

WorkerGroup::WorkerGroup(std::unique_ptr<io::CompletionPort> port, io::BufferPool& send_chunks,
                         const WorkerOptions& options)
    : port_(std::move(port)), send_chunks_(&send_chunks), options_(options) {
    PORTICO_ASSERT(options.threads >= 1 && options.batch >= 1 && options.mail_budget >= 1);
    for (std::uint32_t i = 0; i < options.threads; ++i) {
        workers_.push_back(std::make_unique<Worker>(*this, options.first_index + i, options.owner));
    }
    // Both complete on a thread of this group.
    doorbell_.completed = [](io::Operation&) { Worker::current()->group().take_inbox(); };
    stop_post_.completed = [](io::Operation&) { Worker::current()->took_stop_post_ = true; };
}

WorkerGroup::~WorkerGroup() {
    PORTICO_ASSERT(threads_.empty());
}

base::Result<void> WorkerGroup::start() {
    try {
        for (const std::unique_ptr<Worker>& worker : workers_) {
            threads_.emplace_back([this, raw = worker.get()] {
                const base::FaultStack fault_stack;
                {
                    std::unique_lock lock(mutex_);
                    begun_changed_.wait(lock, [this] { return begun_; });
                }
                if (options_.thread_name != nullptr) {
                    base::name_this_thread(options_.thread_name);
                } else {
                    base::name_this_thread("portico", raw->index());
                }
                raw->run();
            });
        }
    } catch (const std::exception& error) {
        return base::Failure{"only " + std::to_string(threads_.size()) + " of " +
                             std::to_string(workers_.size()) +
                             " threads could be started: " + error.what()};
    }
    return {};
}

void WorkerGroup::begin() noexcept {
    const std::scoped_lock lock(mutex_);
    begun_ = true;
    begun_changed_.notify_all();
}

void WorkerGroup::stop() noexcept {
    PORTICO_ASSERT(!is_current());
    if (threads_.empty()) {
        return;
    }
    attention_.fetch_or(attention_stop, std::memory_order_release);
    port_->post(stop_post_);
    begin();
    for (std::thread& thread : threads_) {
        thread.join();
    }
    threads_.clear();
    complete_rest();
}

void WorkerGroup::complete_rest() noexcept {
    timers_.stop();
    // The last worker has posted the stop post once more. The alarm of the timers may be left, and
    // a thread that started one of the last of them, or made one of the last broadcasts, may not
    // have come to its post yet.
    while (port_->outstanding() != 0 || timers_.is_poked() || walks_.is_posted()) {
        io::Operation* rest = nullptr;
        if (port_->wait({&rest, 1}, 0) != 0 && rest != &stop_post_) {
            rest->completed(*rest);
        }
    }
    PORTICO_ASSERT(run_queue_.empty() && inbox_.empty());
}

void WorkerGroup::run_round(std::uint64_t deadline_ns) noexcept {
    PORTICO_ASSERT(threads_.empty() && options_.threads == 1 && Worker::current() == nullptr);
    Worker& worker = *workers_.front();
    std::array<io::Operation*, Worker::batch_max> completed;
    Worker::current_ = &worker;
    static_cast<void>(attend());
    worker.round({completed.data(), std::min<std::size_t>(options_.batch, completed.size())},
                 deadline_ns);
    Worker::current_ = nullptr;
}

bool WorkerGroup::is_current() const noexcept {
    return Worker::current() != nullptr && &Worker::current()->group() == this;
}

void WorkerGroup::schedule(Strand& strand) noexcept {
    if (is_current()) {
        enqueue(strand);
        // The caller is inside a callback. It may take long, or even wait for something that this
        // strand must do. Another thread may take the strand.
        if (options_.threads > 1 && Worker::current()->running() != nullptr) {
            port_->wake();
        }
        return;
    }
    if (inbox_.add(strand)) {
        port_->post(doorbell_);
    }
}

bool WorkerGroup::attend() noexcept {
    const std::uint8_t seen = attention_.load(std::memory_order_acquire);
    if ((seen & attention_timers) != 0) {
        attention_.fetch_and(static_cast<std::uint8_t>(~attention_timers),
                             std::memory_order_relaxed);
        timers_.settle();
    }
    return (seen & attention_stop) == 0;
}

void WorkerGroup::take_inbox() noexcept {
    base::Fifo<Strand> arrived;
    inbox_.take_all(arrived);
    while (Strand* strand = arrived.pop_front()) {
        enqueue(*strand);
    }
}

void WorkerGroup::enqueue(Strand& strand) noexcept {
    guarded([&] {
        run_queue_.push_back(strand);
        run_count_.store(run_count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    });
}

Strand* WorkerGroup::dequeue() noexcept {
    if (run_count_.load(std::memory_order_relaxed) == 0) {
        return nullptr;
    }
    return guarded([&] {
        Strand* strand = run_queue_.pop_front();
        if (strand != nullptr) {
            run_count_.store(run_count_.load(std::memory_order_relaxed) - 1,
                             std::memory_order_relaxed);
        }
        return strand;
    });
}

// ---- Worker

void Worker::round(std::span<io::Operation*> batch, std::uint64_t deadline_ns) noexcept {
    const bool runnable = group_->run_count_.load(std::memory_order_relaxed) != 0;
    const std::size_t count = group_->port().wait(batch, runnable ? 0 : deadline_ns);
    const std::uint64_t number = round_.load(std::memory_order_relaxed);
    round_.store(number + 1, std::memory_order_relaxed);
    if (times_turns_) {
        turn_began_ns_ = group_->port().now();
    }
    for (io::Operation* operation : batch.first(count)) {
        operation->completed(*operation);
    }
    run_strands();
    round_.store(number + 2, std::memory_order_relaxed);
}

void Worker::run() noexcept {
    current_ = this;
    cpu_clock_.begin();
    thread_id_.store(base::this_thread_id(), std::memory_order_relaxed);
    times_turns_ = group_->port().submits_in_wait();
    std::array<io::Operation*, batch_max> completed;
    const std::span<io::Operation*> batch(completed.data(),
                                          std::min(group_->options_.batch, batch_max));
    while (group_->attention_.load(std::memory_order_acquire) == 0 || group_->attend()) {
        round(batch, io::wait_forever);
    }
    if (took_stop_post_) {
        group_->port().post(group_->stop_post_);  // for the next worker
    }
    current_ = nullptr;
}

void Worker::run_strands() noexcept {
    // Runs only as many strands as are queued now: one that queues again waits until the port has
    // been looked at.
    std::uint32_t turns = group_->run_count_.load(std::memory_order_relaxed);
    for (; turns > 0; --turns) {
        Strand* strand = group_->dequeue();
        if (strand == nullptr) {
            return;  // other workers took them
        }
        // Another thread can take the strands that this one has not come to. If callbacks may block
        // (batches of one), it can also take operations that the strand before submitted and the
        // port completed at once: nobody looks at the port's ready list until a thread waits.
        if (group_->options_.threads > 1 &&
            (group_->options_.batch == 1 ||
             group_->run_count_.load(std::memory_order_relaxed) != 0)) {
            group_->port().wake();
        }
        strand->run(*this, group_->options_.mail_budget);
    }
}

}  // namespace portico::net
