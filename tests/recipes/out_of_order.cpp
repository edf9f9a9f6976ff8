// Recipe: replies out of order, from a thread of the plugin. A line "NAME MILLISECONDS" is answered
// with NAME after that time, whatever else was asked before.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include <portico/plugin.hpp>

class out_of_order : public portico::plugin<out_of_order> {
    using clock = std::chrono::steady_clock;
    struct job {
        portico::connection_handle connection;
        std::string name;
    };

public:
    static constexpr std::uint32_t framing = PORTICO_FRAMING_DELIMITER;

    out_of_order() : thread_([this] { work(); }) {}
    ~out_of_order() {
        end();
        thread_.join();
    }

    void on_data(portico::connection c, portico::message m) {
        const std::string_view line = m.payload();
        const std::size_t space = std::min(line.find(' '), line.size());
        unsigned milliseconds = 0;
        (void)std::from_chars(line.data() + std::min(space + 1, line.size()),
                              line.data() + line.size(), milliseconds);
        const std::lock_guard<std::mutex> lock(mutex_);
        // The thread gets a handle: it may outlive the connection.
        jobs_.emplace(clock::now() + std::chrono::milliseconds(milliseconds),
                      job{c, std::string(line.substr(0, space)) + '\n'});
        changed_.notify_one();
    }

private:
    void work() {
        std::unique_lock<std::mutex> lock(mutex_);
        while (!is_ending_) {
            if (jobs_.empty()) {
                changed_.wait(lock);
            } else if (clock::now() < jobs_.begin()->first) {
                changed_.wait_until(lock, jobs_.begin()->first);
            } else {
                job done = std::move(jobs_.begin()->second);
                jobs_.erase(jobs_.begin());
                lock.unlock();
                answer(done.connection, std::move(done.name));
                lock.lock();
            }
        }
    }
    // On the connection's strand, where send_all works. If the connection is gone, the function
    // never runs, and is freed. An exception must not leave this thread.
    static void answer(portico::connection_handle where, std::string name) {
        (void)where.post(
            [name = std::move(name)](portico::connection c) { (void)c.send_all(name); });
    }
    void end() {
        const std::lock_guard<std::mutex> lock(mutex_);
        is_ending_ = true;
        changed_.notify_one();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::multimap<clock::time_point, job> jobs_;
    bool is_ending_ = false;
    std::thread thread_;  // last, so that it begins when the rest is there
};
PORTICO_PLUGIN(out_of_order, "out_of_order", "1.0")
