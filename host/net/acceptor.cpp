#include "net/acceptor.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace portico::net {

namespace {

constexpr int backlog = 4'096;  // the system cuts it to its own maximum
constexpr std::uint64_t rest_ns = 100 * base::nanoseconds_per_millisecond;
constexpr std::uint64_t warning_interval_ns = 10 * base::nanoseconds_per_second;

}  // namespace

Acceptor::Acceptor(ConnectionTable& table, std::vector<WorkerGroup*> groups, Strand* shared_strand, ConnectionContext& context)
    : table_(table), groups_(std::move(groups)), shared_strand_(shared_strand), context_(context) {
    PORTICO_ASSERT(!groups_.empty() && (shared_strand == nullptr || groups_.size() == 1));
    context_.released = [](void* owner) { static_cast<Acceptor*>(owner)->connection_released(); };
    context_.owner = this;
}

Acceptor::~Acceptor() {
    PORTICO_ASSERT(open_connections() == 0);
    for (const std::unique_ptr<Arm>& arm : arms_) {
        PORTICO_ASSERT(arm->closed || !started_);
    }
}

base::Result<io::Address> Acceptor::listen(const io::Address& address, std::uint64_t retry_until_ns) {
    PORTICO_ASSERT(!started_);
    Arm* first = nullptr;
    for (WorkerGroup* group : groups_) {
        auto arm = std::make_unique<Arm>();
        arm->acceptor = this;
        arm->group = group;
        arm->stop.arm = arm.get();
        arm->stop.completed = [](io::Operation& operation) {
            Arm& stopped = *static_cast<Arm::Stop&>(operation).arm;
            stopped.acceptor->stop_arm(stopped);
        };
        const base::Result<void> listening = first == nullptr ? arm->socket.listen(address, backlog, retry_until_ns)
                                                              : arm->socket.listen_as(first->socket);
        if (!listening) {
            return base::Failure{listening.error()};
        }
        const base::Result<void> attached = group->port().attach(arm->socket);
        if (!attached) {
            return base::Failure{attached.error()};
        }
        for (std::uint32_t i = 0; i < group->port().accepts_at_once(); ++i) {
            auto slot = std::make_unique<Slot>();
            slot->acceptor = this;
            slot->arm = arm.get();
            slot->accept.slot = slot->rest.slot = slot->begin.slot = slot.get();
            slot->accept.listener = &arm->socket;
            slot->accept.completed = [](io::Operation& operation) {
                Slot& done = *static_cast<Slot::Accept&>(operation).slot;
                done.acceptor->accepted(done);
            };
            slot->rest.completed = [](io::Operation& operation) {
                Slot& done = *static_cast<Slot::Rest&>(operation).slot;
                done.acceptor->rested(done);
            };
            slot->begin.completed = [](io::Operation& operation) {
                Slot& done = *static_cast<Slot::Begin&>(operation).slot;
                done.acceptor->begun(done);
            };
            arm->slots.push_back(std::move(slot));
        }
        first = first == nullptr ? arm.get() : first;
        arm->local = first->socket.local_address();
        arms_.push_back(std::move(arm));
        if (!group->port().listener_joins_every_port()) {
            break;  // its accepts complete there, and the connections are spread by next_home()
        }
    }
    ++addresses_;
    return first->local;
}

void Acceptor::start(std::function<void()> last_released) {
    const std::scoped_lock lock(mutex_);
    PORTICO_ASSERT(!started_ && !arms_.empty());
    started_ = true;
    last_released_ = std::move(last_released);
    // With a small limit each address gets a place before one gets two (an address without one would serve nobody), and then each port.
    while (places_ < context_.limits.connections) {
        Slot* slot = next_parked();
        if (slot == nullptr) {
            return;
        }
        ++places_;
        slot->state = SlotState::posted;
        slot->arm->group->port().post(slot->begin);
    }
}

void Acceptor::stop(std::function<void()> stopped) {
    {
        const std::scoped_lock lock(mutex_);
        PORTICO_ASSERT(!stopping_);
        stopping_ = true;
        if (started_) {
            on_stopped_ = std::move(stopped);
            for (const std::unique_ptr<Arm>& arm : arms_) {
                arm->group->port().post(arm->stop);
            }
            return;
        }
    }
    stopped();
}

// ---- events, each on a thread of the slot's (or arm's) group

void Acceptor::begun(Slot& slot) {
    std::unique_lock lock(mutex_);
    accept_again(slot);
    finish_event(*slot.arm, lock);
}

void Acceptor::accepted(Slot& slot) {
    io::AcceptOperation& accept = slot.accept;
    bool turned_away = false;
    if (accept.error == io::Error::none) {
        Connection* connection = table_.take();
        if (connection == nullptr) {
            io::close_native(accept.accepted);
            accept.error = io::Error::no_buffers;
            turned_away = true;
        } else {
            open_.fetch_add(1, std::memory_order_relaxed);
            accepted_.fetch_add(1, std::memory_order_relaxed);
            connection->open(context_, next_home(*slot.arm), shared_strand_, accept.accepted, accept.peer, slot.arm->local);
            connection->begin();
        }
    }
    std::unique_lock lock(mutex_);
    if (accept.error == io::Error::none) {
        // Its place is the connection's now.
        if (stopping_) {
            slot.state = SlotState::stopped;
        } else if (places_ < context_.limits.connections) {
            ++places_;
            accept_again(slot);
        } else {
            slot.state = SlotState::parked;
            warn([&] { return "connection limit of " + std::to_string(context_.limits.connections) + " reached: new clients wait"; });
        }
    } else if (stopping_) {
        slot_stopped(slot);
    } else {
        if (turned_away) {
            warn([] { return std::string("out of memory: a client was turned away, new clients wait"); });
        } else if (accept.error != io::Error::aborted) {
            warn([&] {
                return "cannot accept: " + std::string(io::to_string(accept.error)) +
                       (accept.native_error != 0 ? ", " + io::native_error_text(accept.native_error) : "") + ": new clients wait";
            });
        }
        rest(slot);
    }
    finish_event(*slot.arm, lock);
}

void Acceptor::rested(Slot& slot) {
    std::unique_lock lock(mutex_);
    accept_again(slot);
    finish_event(*slot.arm, lock);
}

void Acceptor::stop_arm(Arm& arm) {
    std::unique_lock lock(mutex_);
    arm.stop_seen = true;
    for (const std::unique_ptr<Slot>& slot : arm.slots) {
        switch (slot->state) {
            case SlotState::parked: slot->state = SlotState::stopped; break;
            case SlotState::accepting: arm.group->port().cancel(slot->accept); break;
            case SlotState::resting: arm.group->port().cancel(slot->rest); break;
            case SlotState::posted:  // begun() finds that it is to stop
            case SlotState::stopped: break;
        }
    }
    finish_event(arm, lock);
}

void Acceptor::connection_released() noexcept {
    // Before its place is given on: nobody ever sees more connections open than the limit.
    const bool was_last = open_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    {
        const std::scoped_lock lock(mutex_);
        Slot* woken = stopping_ ? nullptr : next_parked();
        if (woken != nullptr) {
            woken->state = SlotState::posted;  // and takes over the connection's place
            woken->arm->group->port().post(woken->begin);
        } else {
            --places_;
        }
    }
    if (was_last) {
        last_released_();
    }
}

// ---- under mutex_

// A parked slot of the address that has the fewest others, and there of the port that has; null when none is parked.
Acceptor::Slot* Acceptor::next_parked() noexcept {
    const auto busy = [](const Arm& arm) {
        return std::count_if(arm.slots.begin(), arm.slots.end(), [](const std::unique_ptr<Slot>& slot) { return slot->state != SlotState::parked; });
    };
    const std::size_t arms_each = arms_.size() / addresses_;
    Slot* found = nullptr;
    std::pair<std::ptrdiff_t, std::ptrdiff_t> fewest;  // of the address, of the arm
    for (std::size_t address = 0; address < addresses_; ++address) {
        const auto begin = arms_.begin() + static_cast<std::ptrdiff_t>(address * arms_each);
        std::ptrdiff_t busy_at_address = 0;
        std::for_each(begin, begin + static_cast<std::ptrdiff_t>(arms_each), [&](const auto& arm) { busy_at_address += busy(*arm); });
        for (auto arm = begin; arm != begin + static_cast<std::ptrdiff_t>(arms_each); ++arm) {
            const auto parked = std::find_if((*arm)->slots.begin(), (*arm)->slots.end(),
                                             [](const std::unique_ptr<Slot>& slot) { return slot->state == SlotState::parked; });
            const std::pair here(busy_at_address, busy(**arm));
            if (parked != (*arm)->slots.end() && (found == nullptr || here < fewest)) {
                found = parked->get();
                fewest = here;
            }
        }
    }
    return found;
}

void Acceptor::accept_again(Slot& slot) {
    if (stopping_) {
        slot_stopped(slot);
        return;
    }
    slot.state = SlotState::accepting;
    slot.arm->group->port().accept(slot.accept);
}

void Acceptor::rest(Slot& slot) {
    io::CompletionPort& port = slot.arm->group->port();
    slot.state = SlotState::resting;
    slot.rest.deadline_ns = port.now() + rest_ns;
    port.timer(slot.rest);
}

void Acceptor::slot_stopped(Slot& slot) {
    slot.state = SlotState::stopped;
    --places_;
}

// The end of each event: closes the arm's socket when nothing is left of it, and says so when it was the last arm.
void Acceptor::finish_event(Arm& arm, std::unique_lock<std::mutex>& lock) {
    const auto is_stopped = [](const std::unique_ptr<Slot>& slot) { return slot->state == SlotState::stopped; };
    if (!arm.stop_seen || arm.closed || !std::all_of(arm.slots.begin(), arm.slots.end(), is_stopped)) {
        return;
    }
    arm.group->port().close(arm.socket);
    arm.closed = true;
    if (std::all_of(arms_.begin(), arms_.end(), [](const std::unique_ptr<Arm>& other) { return other->closed; })) {
        const std::function<void()> stopped = std::move(on_stopped_);
        lock.unlock();
        stopped();
    }
}

// At most one line in ten seconds: what a flood of clients meets must not become a flood of lines.
template <class Text>
void Acceptor::warn(Text&& text) noexcept {
    const std::uint64_t now = groups_.front()->port().now();
    if (last_warning_ns_ != 0 && now - last_warning_ns_ < warning_interval_ns) {
        return;
    }
    last_warning_ns_ = now;
    context_.log->compose(base::LogLevel::warn, context_.listener_name, 0, text);
}

WorkerGroup& Acceptor::next_home(Arm& arm) noexcept {
    if (arm.group->port().listener_joins_every_port()) {
        return *arm.group;
    }
    const std::scoped_lock lock(mutex_);
    next_group_ = (next_group_ + 1) % groups_.size();
    return *groups_[next_group_];
}

}  // namespace portico::net
