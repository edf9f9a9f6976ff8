#include "net/acceptor.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

namespace portico::net {

namespace {

constexpr int backlog = 4'096;  // the system reduces it to its own maximum
constexpr std::uint64_t backoff_ns = 100 * base::nanoseconds_per_millisecond;

// The accepts posted at first, if the port takes that many. Later there are as many as connections:
// the more connections keep the port busy, the longer it takes until an accept is posted again.
constexpr std::size_t slots_min = 64;

// The most clients admitted in a row if accepts complete at once. A worker with slow callbacks
// comes to its port rarely, and the clients that it has need their turn as well.
constexpr int accepts_in_a_row_max = 16;

}  // namespace

io::PeerTimeouts timeouts_of(const config::Limits& limits) noexcept {
    io::PeerTimeouts timeouts;
    timeouts.keepalive_idle_ms = limits.keepalive_idle_ms;
    timeouts.keepalive_interval_ms = limits.keepalive_interval_ms;
    timeouts.keepalive_probes = limits.keepalive_probes;
    timeouts.unacknowledged_ms = limits.unacknowledged_timeout_ms;
    return timeouts;
}

Acceptor::Acceptor(ConnectionTable& table, WorkerGroup& accepting,
                   const std::vector<WorkerGroup*>& homes, Strand* shared_strand,
                   ConnectionContext& context)
    : table_(table),
      accepting_(accepting),
      shared_strand_(shared_strand),
      context_(context),
      traffic_(homes) {
    PORTICO_ASSERT(!homes.empty() && (shared_strand == nullptr || homes.size() == 1));
    for (WorkerGroup* group : homes) {
        PORTICO_ASSERT(homes.size() == 1 || group->thread_count() == 1);
        auto home = std::make_unique<Home>();
        home->acceptor = this;
        home->group = group;
        home->doorbell.home = home.get();
        home->doorbell.completed = [](io::Operation& operation) {
            Home& owner = *static_cast<Home::Doorbell&>(operation).home;
            owner.acceptor->arrived(owner);
        };
        homes_.push_back(std::move(home));
    }
    check_.acceptor = this;
    check_.completed = [](io::Operation& operation) {
        static_cast<Check&>(operation).acceptor->check_homes();
    };
    resume_.acceptor = this;
    resume_.completed = [](io::Operation& operation) {
        static_cast<Resume&>(operation).acceptor->listen_again();
    };
    context_.released = [](void* owner, const WorkerGroup& group) {
        static_cast<Acceptor*>(owner)->connection_released(group);
    };
    context_.owner = this;
    context_.traffic = &traffic_;
}

Acceptor::~Acceptor() {
    PORTICO_ASSERT(open_connections() == 0);
    for (const std::unique_ptr<ListenSocket>& listen_socket : listen_sockets_) {
        PORTICO_ASSERT(listen_socket->closed || !started_);
    }
}

base::Result<io::Address> Acceptor::listen(const io::Address& address, std::uint64_t retry_until_ns,
                                           std::uint32_t listen_index) {
    PORTICO_ASSERT(!started_);
    auto listen_socket = std::make_unique<ListenSocket>();
    listen_socket->acceptor = this;
    listen_socket->listen_index = listen_index;
    listen_socket->stop.listen_socket = listen_socket.get();
    listen_socket->stop.completed = [](io::Operation& operation) {
        ListenSocket& stopped = *static_cast<ListenSocket::Stop&>(operation).listen_socket;
        stopped.acceptor->stop_listening(stopped);
    };
    if (const base::Result<void> listening = listen_socket->socket.listen(
            address, backlog, timeouts_of(context_.limits), retry_until_ns);
        !listening) {
        return base::Failure{listening.error(), listening.kind()};
    }
    if (const base::Result<void> attached = accepting_.port().attach(listen_socket->socket);
        !attached) {
        return base::Failure{attached.error()};
    }
    add_slots(*listen_socket, std::min<std::size_t>(accepting_.port().accepts_max(), slots_min));
    listen_socket->local = listen_socket->socket.local_address();
    listen_sockets_.push_back(std::move(listen_socket));
    return listen_sockets_.back()->local;
}

void Acceptor::add_slots(ListenSocket& listen_socket, std::size_t wanted) {
    // The clients of all slots may have to wait at once.
    holding_.reserve(slots_ + wanted - listen_socket.slots.size());
    while (listen_socket.slots.size() < wanted) {
        auto slot = std::make_unique<Slot>();
        slot->acceptor = this;
        slot->listen_socket = &listen_socket;
        slot->accept.slot = slot->backoff.slot = slot->begin.slot = slot.get();
        slot->accept.listener = &listen_socket.socket;
        slot->accept.completed = [](io::Operation& operation) {
            Slot& done = *static_cast<Slot::Accept&>(operation).slot;
            done.acceptor->accepted(done);
        };
        slot->backoff.completed = [](io::Operation& operation) {
            Slot& done = *static_cast<Slot::Backoff&>(operation).slot;
            done.acceptor->backed_off(done);
        };
        slot->begin.completed = [](io::Operation& operation) {
            Slot& done = *static_cast<Slot::Begin&>(operation).slot;
            done.acceptor->begun(done);
        };
        listen_socket.slots.push_back(std::move(slot));
        ++slots_;
    }
}

void Acceptor::start(std::function<void()> last_released) {
    const std::scoped_lock lock(mutex_);
    PORTICO_ASSERT(!started_ && !listen_sockets_.empty());
    started_ = true;
    last_released_ = std::move(last_released);
    for (const std::unique_ptr<ListenSocket>& listen_socket : listen_sockets_) {
        for (const std::unique_ptr<Slot>& slot : listen_socket->slots) {
            slot->state = SlotState::beginning;
            accepting_.port().post(slot->begin);
        }
    }
}

void Acceptor::stop(std::function<void()> stopped) {
    {
        const std::scoped_lock lock(mutex_);
        if (stopping_ && (on_stopped_ || resuming_)) {
            PORTICO_ASSERT(!on_also_stopped_);
            on_also_stopped_ = std::move(stopped);
            return;
        }
        if (!stopping_ && started_) {
            stopping_ = true;
            on_stopped_ = std::move(stopped);
            for (const std::unique_ptr<ListenSocket>& listen_socket : listen_sockets_) {
                accepting_.port().post(listen_socket->stop);
            }
            return;
        }
        stopping_ = true;
    }
    stopped();
}

bool Acceptor::resume(Resumed resumed) {
    const std::scoped_lock lock(mutex_);
    if (!started_ || !stopping_ || on_stopped_ || resuming_) {
        return false;
    }
    resuming_ = true;
    resume_.resumed = std::move(resumed);
    accepting_.port().post(resume_);
    return true;
}

bool Acceptor::cancel_resume() noexcept {
    const std::scoped_lock lock(mutex_);
    resume_cancelled_ = resuming_;
    return resuming_;
}

Acceptor::State Acceptor::state() noexcept {
    const std::scoped_lock lock(mutex_);
    if (!stopping_) {
        return State::accepting;
    }
    return on_stopped_ ? State::stopping : State::stopped;
}

void Acceptor::listen_again() {
    std::unique_lock lock(mutex_);
    const Resumed resumed = std::move(resume_.resumed);
    resume_.resumed = nullptr;
    const std::function<void()> stopped = std::move(on_also_stopped_);
    on_also_stopped_ = nullptr;
    std::vector<std::string> mistakes;
    if (stopped) {
        mistakes.emplace_back("the host is stopping");
    } else if (resume_cancelled_) {
        mistakes.emplace_back("it was drained again");
    } else {
        mistakes = open_again();
    }
    resuming_ = resume_cancelled_ = false;
    lock.unlock();
    resumed(mistakes);
    if (stopped) {
        stopped();
    }
}

// ---- events of a slot, each on a thread of the accepting group

void Acceptor::begun(Slot& slot) {
    // If the slot was woken while it held a client, there is a place for that client.
    const bool has_client = slot.accept.accepted != io::invalid_socket;
    const bool is_served = has_client && serve(slot);
    std::unique_lock lock(mutex_);
    if (has_client && !is_served) {
        back_off(slot);
    } else {
        accept_again(slot);
    }
    finish_event(lock);
}

void Acceptor::accepted(Slot& slot) {
    std::unique_lock lock(mutex_);
    for (int left = accepts_in_a_row_max; admit(slot, lock); --left) {
        if (left == 1 || stopping_) {
            accept_again(slot);
            break;
        }
        if (!accepting_.port().accept_at_once(slot.accept)) {
            break;
        }
    }
    finish_event(lock);
}

bool Acceptor::admit(Slot& slot, std::unique_lock<std::mutex>& lock) {
    io::AcceptOperation& accept = slot.accept;
    if (accept.error == io::Error::none && !stopping_) {
        if (places_ == context_.limits.connections) {
            slot.state = SlotState::holding;
            holding_.push_back(&slot);
            warn([&] {
                return "connection limit of " + std::to_string(context_.limits.connections) +
                       " reached: new clients wait";
            });
            return false;
        }
        ++places_;
        lock.unlock();
        const bool is_served = serve(slot);
        lock.lock();
        if (is_served) {
            post_more(*slot.listen_socket);
            return true;
        }
        back_off(slot);
    } else if (stopping_) {
        turn_away(slot);
        slot.state = SlotState::stopped;
    } else {
        if (accept.error != io::Error::aborted) {
            warn([&] {
                return "cannot accept: " + std::string(io::to_string(accept.error)) +
                       (accept.native_error != 0 ? ", " + io::native_error_text(accept.native_error)
                                                 : "") +
                       ": new clients wait";
            });
        }
        back_off(slot);
    }
    return false;
}

void Acceptor::backed_off(Slot& slot) {
    std::unique_lock lock(mutex_);
    accept_again(slot);
    finish_event(lock);
}

void Acceptor::stop_listening(ListenSocket& listen_socket) {
    std::unique_lock lock(mutex_);
    listen_socket.stop_seen = true;
    for (const std::unique_ptr<Slot>& slot : listen_socket.slots) {
        switch (slot->state) {
            case SlotState::not_begun: slot->state = SlotState::stopped; break;
            case SlotState::holding:
                std::erase(holding_, slot.get());
                turn_away(*slot);
                slot->state = SlotState::stopped;
                break;
            case SlotState::accepting: accepting_.port().cancel(slot->accept); break;
            case SlotState::backing_off: accepting_.port().cancel(slot->backoff); break;
            case SlotState::beginning:  // begun() finds that it must stop
            case SlotState::stopped: break;
        }
    }
    finish_event(lock);
}

// ---- a client's place

bool Acceptor::serve(Slot& slot) {
    io::AcceptOperation& accept = slot.accept;
    const io::NativeSocket native = std::exchange(accept.accepted, io::invalid_socket);
    Connection* connection = table_.take();
    if (connection == nullptr) {
        io::close_native(native);
        const std::scoped_lock lock(mutex_);
        give_place_on();
        traffic_.opener_row().count_refusal(Refusal::no_memory);
        warn([] {
            return std::string("out of memory: a client was turned away, new clients wait");
        });
        return false;
    }
    open_.fetch_add(1, std::memory_order_relaxed);
    accepted_.fetch_add(1, std::memory_order_relaxed);
    connection->take_socket(context_, native, accept.peer, slot.listen_socket->local,
                            slot.listen_socket->listen_index);
    place(*connection);
    return true;
}

void Acceptor::connection_released(const WorkerGroup& group) noexcept {
    // Counted before the next client gets the place, so that nobody ever sees more open connections
    // than the limit.
    const bool was_last = open_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    {
        const std::scoped_lock lock(mutex_);
        const auto home = std::find_if(homes_.begin(), homes_.end(),
                                       [&](const auto& one) { return one->group == &group; });
        --(*home)->connections;
        give_place_on();
    }
    if (was_last) {
        last_released_();
    }
}

bool Acceptor::take_place() noexcept {
    const std::scoped_lock lock(mutex_);
    if (places_ == context_.limits.connections) {
        return false;
    }
    ++places_;
    return true;
}

void Acceptor::give_place() noexcept {
    const std::scoped_lock lock(mutex_);
    give_place_on();
}

// ---- under mutex_

// A place is free. The client that has been held for longest gets it.
void Acceptor::give_place_on() noexcept {
    if (stopping_ || holding_.empty()) {
        --places_;
        return;
    }
    Slot& oldest = *holding_.front();
    holding_.erase(holding_.begin());
    oldest.state = SlotState::beginning;
    accepting_.port().post(oldest.begin);
}

void Acceptor::accept_again(Slot& slot) {
    if (stopping_) {
        slot.state = SlotState::stopped;
        return;
    }
    slot.state = SlotState::accepting;
    accepting_.port().accept(slot.accept);
}

void Acceptor::back_off(Slot& slot) {
    if (stopping_) {
        slot.state = SlotState::stopped;
        return;
    }
    slot.state = SlotState::backing_off;
    slot.backoff.deadline_ns = accepting_.port().now() + backoff_ns;
    accepting_.port().timer(slot.backoff);
}

// Closes a client that has no place, as the system does with the backlog of a closed listener.
void Acceptor::turn_away(Slot& slot) noexcept {
    if (const io::NativeSocket native = std::exchange(slot.accept.accepted, io::invalid_socket);
        native != io::invalid_socket) {
        io::close_native(native);
        traffic_.opener_row().count_refusal(Refusal::stopping);
    }
}

// On a thread of the accepting group.
void Acceptor::post_more(ListenSocket& listen_socket) {
    const std::size_t wanted = std::min<std::size_t>(accepting_.port().accepts_max(),
                                                     std::max<std::size_t>(slots_min, places_));
    if (stopping_ || listen_socket.slots.size() >= wanted) {
        return;
    }
    const std::size_t before = listen_socket.slots.size();
    try {
        add_slots(listen_socket, wanted);
    } catch (const std::bad_alloc&) {
        // The existing slots go on without it.
    }
    for (std::size_t i = before; i < listen_socket.slots.size(); ++i) {
        accept_again(*listen_socket.slots[i]);
    }
}

// On a thread of the accepting group: all addresses, or none.
std::vector<std::string> Acceptor::open_again() {
    std::vector<std::string> mistakes;
    for (const std::unique_ptr<ListenSocket>& listen_socket : listen_sockets_) {
        io::Socket& socket = listen_socket->socket;
        base::Result<void> opened = socket.listen(listen_socket->local, backlog,
                                                  timeouts_of(context_.limits), 0);
        if (opened) {
            listen_socket->closed = false;
            opened = accepting_.port().attach(socket);
        }
        if (!opened) {
            mistakes.push_back(opened.error());
        }
    }
    stopping_ = !mistakes.empty();
    for (const std::unique_ptr<ListenSocket>& listen_socket : listen_sockets_) {
        if (stopping_ && !listen_socket->closed) {
            accepting_.port().close(listen_socket->socket);
            listen_socket->closed = true;
        } else if (!stopping_) {
            listen_socket->stop_seen = false;
            for (const std::unique_ptr<Slot>& slot : listen_socket->slots) {
                accept_again(*slot);
            }
        }
    }
    return mistakes;
}

// Runs at the end of each event: closes the listening sockets that are done, and reports when
// nothing is left.
void Acceptor::finish_event(std::unique_lock<std::mutex>& lock) {
    if (!stopping_ || !on_stopped_) {
        return;
    }
    // Only a thread of its port may close a socket. Each listening socket's last event runs on one.
    for (const std::unique_ptr<ListenSocket>& listen_socket : listen_sockets_) {
        const auto is_stopped = [](const std::unique_ptr<Slot>& slot) {
            return slot->state == SlotState::stopped;
        };
        if (accepting_.is_current() && listen_socket->stop_seen && !listen_socket->closed &&
            std::all_of(listen_socket->slots.begin(), listen_socket->slots.end(), is_stopped)) {
            accepting_.port().close(listen_socket->socket);
            listen_socket->closed = true;
        }
    }
    const bool is_over = !checking_ &&
                         std::all_of(
                             listen_sockets_.begin(), listen_sockets_.end(),
                             [](const auto& listen_socket) { return listen_socket->closed; }) &&
                         std::all_of(homes_.begin(), homes_.end(), [](const auto& home) {
                             return !home->doorbell_posted && !home->is_opening &&
                                    home->arrivals.empty();
                         });
    if (is_over) {
        const std::function<void()> stopped = std::move(on_stopped_);
        const std::function<void()> also_stopped = std::move(on_also_stopped_);
        on_stopped_ = on_also_stopped_ = nullptr;
        lock.unlock();
        stopped();
        if (also_stopped) {
            also_stopped();
        }
    }
}

template <class Text>
void Acceptor::warn(Text&& text) noexcept {
    std::uint64_t unwritten = 0;
    if (warnings_.admits(accepting_.port().now(), unwritten)) {
        context_.log->compose(base::LogLevel::warn, context_.listener_name, 0,
                              [&] { return text() + base::WarningLimit::mention(unwritten); });
    }
}

}  // namespace portico::net
