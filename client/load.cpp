#include "load.hpp"

#include <algorithm>
#include <array>
#include <deque>

#include "base/clock.hpp"

namespace portico::client {

namespace {

constexpr std::uint64_t tick_ns = 100 * base::nanoseconds_per_millisecond;
// Sessions that begin to send between two waits, so that the first replies are read soon.
constexpr std::size_t begin_max = 64;

constexpr std::size_t send_memory_bytes = 268'435'456;  // of all sessions, about
constexpr std::size_t send_buffer_least = 4'096;
constexpr std::size_t send_buffer_most = 65'536;

// Room for all that can be unanswered, where that is little; else a share of what all may have. Longer messages leave piece by piece.
std::size_t send_buffer_bytes(const LoadPlan& plan) noexcept {
    const std::size_t share = std::clamp(send_memory_bytes / plan.connections, send_buffer_least, send_buffer_most);
    const std::uint64_t in_flight = plan.count == 0 ? plan.depth : std::min<std::uint64_t>(plan.depth, plan.count);
    const std::uint64_t size_max = plan.messages->size_max();
    return size_max > share / in_flight ? share : static_cast<std::size_t>(size_max * in_flight);
}

class Load {
public:
    Load(io::CompletionPort& port, const LoadPlan& plan, Observer& observer, const std::atomic<bool>& interrupt)
        : context_{.port = port, .plan = plan, .observer = observer, .totals = {}, .send_buffer_bytes = send_buffer_bytes(plan)},
          interrupt_(interrupt) {
        for (std::uint32_t i = 0; i < plan.connections; ++i) {
            sessions_.emplace_back(context_, i + 1);
        }
        tick_.load = this;
        tick_.completed = [](io::Operation& operation) { static_cast<Tick&>(operation).load->on_tick(); };
    }

    Totals run() {
        arm_tick();
        while (context_.done < sessions_.size()) {
            connect_some();
            begin_some();
            wait();
        }
        context_.port.cancel(tick_);
        while (context_.port.outstanding() != 0) {
            wait();
        }
        return std::move(context_.totals);
    }

private:
    struct Tick : io::TimerOperation {
        Load* load = nullptr;
    };

    void connect_some() {
        while (connected_ < sessions_.size() && context_.connecting < connecting_max && !context_.totals.interrupted) {
            sessions_[connected_++].connect();
        }
    }

    // Once no connect is under way any more.
    void begin_some() {
        if (connected_ < sessions_.size() || context_.connecting != 0 || context_.totals.interrupted) {
            return;
        }
        if (begun_ == 0) {
            began_ns_ = context_.port.now();
        }
        for (std::size_t i = 0; i < begin_max && begun_ < sessions_.size(); ++i) {
            sessions_[begun_++].begin();
        }
    }

    void wait() {
        const bool more_to_begin = connected_ == sessions_.size() && context_.connecting == 0 && begun_ < sessions_.size();
        const std::size_t count = context_.port.wait(completed_, more_to_begin ? 0 : io::wait_forever);
        for (std::size_t i = 0; i < count; ++i) {
            completed_[i]->completed(*completed_[i]);
        }
        if (interrupt_.load(std::memory_order_relaxed) && !context_.totals.interrupted) {
            context_.totals.interrupted = true;
            for (Session& session : sessions_) {
                session.abandon();
            }
        }
    }

    void arm_tick() {
        tick_.deadline_ns = context_.port.now() + tick_ns;
        if (is_timed() && began_ns_ != 0 && !context_.draining) {
            tick_.deadline_ns = std::min(tick_.deadline_ns, began_ns_ + context_.plan.duration_ns);
        }
        context_.port.timer(tick_);
    }

    void on_tick() {
        if (context_.done == sessions_.size()) {
            return;
        }
        const std::uint64_t now = context_.port.now();
        if (is_timed() && began_ns_ != 0 && !context_.draining && now >= began_ns_ + context_.plan.duration_ns) {
            context_.draining = true;
            for (Session& session : sessions_) {
                session.drain();
            }
        }
        context_.observer.tick(context_.totals, now);
        arm_tick();
    }

    [[nodiscard]] bool is_timed() const noexcept { return context_.plan.count == 0; }

    SessionContext context_;
    const std::atomic<bool>& interrupt_;
    std::deque<Session> sessions_;  // where they are made is where they stay: operations point to them
    std::size_t connected_ = 0;     // sessions whose connect was started
    std::size_t begun_ = 0;
    std::uint64_t began_ns_ = 0;  // 0: not yet
    Tick tick_;
    std::array<io::Operation*, 256> completed_{};
};

}  // namespace

base::Result<Totals> run_load(const LoadPlan& plan, Observer& observer, const std::atomic<bool>& interrupt) {
    PORTICO_ASSERT(!plan.addresses.empty() && plan.connections != 0 && plan.depth != 0 && plan.messages != nullptr);
    // Each buffer is given back inside the handler that gets it. A backend may hold one for every armed receive (IOCP).
    const std::uint32_t buffer_bytes = plan.connections <= 256 ? 65'536 : 16'384;
    io::BufferPool buffers(buffer_bytes, plan.connections + 256);
    auto port = io::make_port(io::Backend::automatic, buffers, {});
    if (!port) {
        return base::Failure{port.error()};
    }
    Load load(**port, plan, observer, interrupt);
    return load.run();
}

}  // namespace portico::client
