#include "plugin/executor.hpp"

#include <exception>

#include "base/assert.hpp"
#include "base/fault_stack.hpp"
#include "base/thread_name.hpp"

namespace portico::plugin {

Executor::~Executor() {
    PORTICO_ASSERT(threads_.empty() && queue_.empty());
}

bool Executor::start(std::string& mistake) noexcept {
    const std::scoped_lock lock(mutex_);
    if (!threads_.empty() || is_ending_) {
        return true;
    }
    try {
        threads_.reserve(threads_max_);
        for (std::uint32_t number = 0; number < threads_max_; ++number) {
            threads_.emplace_back([this, number] { serve(number); });
        }
    } catch (const std::exception& error) {
        try {
            mistake = "only " + std::to_string(threads_.size()) + " of " +
                      std::to_string(threads_max_) +
                      " threads for blocking work could be started: " + error.what();
        } catch (const std::exception&) {
            mistake.clear();  // no memory for it
        }
    }
    return !threads_.empty();
}

void Executor::open() noexcept {
    const std::scoped_lock lock(mutex_);
    is_open_ = true;
}

Executor::Added Executor::add(Work& work) noexcept {
    const std::scoped_lock lock(mutex_);
    if (!is_open_ || threads_.empty()) {
        return Added::unavailable;
    }
    // By the sum, so that a thread that has not woken up yet makes no difference.
    if (left_.all() >= threads_.size() + queue_max_) {
        return Added::full;
    }
    queue_.push_back(work);
    ++left_.waiting;
    changed_.notify_one();
    return Added::added;
}

Executor::Left Executor::left() const noexcept {
    const std::scoped_lock lock(mutex_);
    return left_;
}

void Executor::stop() noexcept {
    std::vector<std::thread> threads;
    {
        const std::scoped_lock lock(mutex_);
        PORTICO_ASSERT(queue_.empty());
        is_ending_ = true;
        threads.swap(threads_);
        changed_.notify_all();
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

void Executor::serve(std::uint32_t number) noexcept {
    base::name_this_thread("portico-exec", number);
    const base::FaultStack fault_stack;
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return is_ending_ || !queue_.empty(); });
        Work* const work = queue_.pop_front();
        if (work == nullptr) {
            return;
        }
        --left_.waiting;
        ++left_.running;
        lock.unlock();
        work->run(*work);
        lock.lock();
        --left_.running;
    }
}

}  // namespace portico::plugin
