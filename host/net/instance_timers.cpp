#include "net/instance_timers.hpp"

#include "net/worker.hpp"

namespace portico::net {

InstanceTimers::InstanceTimers(Strand& strand, void (*ended)(void* owner), void* owner) noexcept
    : strand_(&strand), ended_(ended), owner_(owner) {
    Mail::deliver = [](Mail& mail) {
        auto& timers = static_cast<InstanceTimers&>(mail);
        Worker::current()->before_callback(timers.context());
        timers.run();
    };
}

void InstanceTimers::raise(bool at_home) noexcept {
    Worker* worker = Worker::current();
    if (at_home && strand_->begin_turn(*worker)) {
        worker->before_callback(context());
        run();
        // (The instance may be over now; its strand stays until the worker has come to rest.)
        strand_->end_turn(*worker);
    } else {
        strand_->deliver(*this);
    }
}

void InstanceTimers::close() noexcept {
    Timers& timers = strand_->home().timers();
    bool is_over = false;
    const bool sends_mail = timers.guarded([&] {
        is_closing_ = true;
        is_over = list_.empty() && !list_.is_mailed() && !is_running_;
        return mark_if_needed();
    });
    if (sends_mail) {
        strand_->deliver(*this);
    } else if (is_over) {
        ended_(owner_);
    }
}

bool InstanceTimers::mark_if_needed() noexcept {
    if (list_.is_mailed() || list_.empty() || is_running_) {
        return false;
    }
    list_.set_mailed(true);
    return true;
}

void InstanceTimers::run() noexcept {
    Timers& timers = strand_->home().timers();
    bool is_closing = false;
    timers.guarded([&] {
        list_.set_mailed(false);
        is_running_ = true;
        is_closing = is_closing_;
    });
    Timers::Call call;
    for (int left = Timers::calls_max; left > 0 && timers.take(list_, is_closing, is_closing, call);
         --left) {
        context_->protocol->on_timer(nullptr, call);
        if (!call.is_last) {
            timers.called(call);
        }
    }
    const bool has_more = timers.has_more(list_);
    bool is_over = false;
    const bool sends_mail = timers.guarded([&] {
        is_running_ = false;
        is_over = is_closing_ && list_.empty() && !list_.is_mailed();
        return has_more || (is_closing_ && mark_if_needed());
    });
    if (sends_mail) {
        strand_->deliver(*this);
    } else if (is_over) {
        ended_(owner_);
    }
}

}  // namespace portico::net
