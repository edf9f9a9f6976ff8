// The acceptor's choice of a home for each new connection, and the rescue of clients that arrived
// at a home that has stalled. acceptor.hpp describes it.
#include <algorithm>
#include <tuple>
#include <utility>

#include "net/acceptor.hpp"

namespace portico::net {

namespace {

// If a home's thread has not come back for so long, the home gets no new connections and loses
// those that it has not opened.
constexpr std::uint64_t stalled_ns = 10 * base::nanoseconds_per_millisecond;

// The thread opens so many arrivals before it looks at its other connections again.
constexpr int opened_at_once_max = 16;

}  // namespace

void Acceptor::place(Connection& connection) {
    if (homes_.size() == 1) {
        {
            const std::scoped_lock lock(mutex_);
            ++homes_.front()->connections;
        }
        connection.open(*homes_.front()->group, shared_strand_);
        connection.begin();
        return;
    }
    const std::scoped_lock lock(mutex_);
    const std::uint64_t now = accepting_.port().now();
    arrive(choose_home(now), connection, now);
    check_later();
}

// Returns the home with the fewest connections among those that have not stalled. Among equals it
// prefers one that is idle now.
Acceptor::Home& Acceptor::choose_home(std::uint64_t now) noexcept {
    Home* best = nullptr;
    std::tuple<bool, std::uint32_t, bool> best_rank;
    for (const std::unique_ptr<Home>& home : homes_) {
        const std::tuple rank(has_stalled(*home, now), home->connections,
                              WorkerGroup::is_busy(home->group->round()));
        if (best == nullptr || rank < best_rank) {
            best = home.get();
            best_rank = rank;
        }
    }
    return *best;
}

bool Acceptor::has_stalled(Home& home, std::uint64_t now) noexcept {
    const std::uint64_t round = home.group->round();
    if (round != home.round || !WorkerGroup::is_busy(round)) {
        home.round = round;
        home.round_seen_ns = now;
    }
    return home.group->is_stuck() || now - home.round_seen_ns >= stalled_ns ||
           (!home.arrivals.empty() && now - home.taken_ns >= stalled_ns);
}

void Acceptor::arrive(Home& home, Connection& connection, std::uint64_t now) noexcept {
    ++home.connections;
    if (home.arrivals.empty()) {
        home.taken_ns = now;
    }
    home.arrivals.push_back(connection);
    post_doorbell(home);
}

// A doorbell may still be on its way after its arrivals were taken back. It serves the new ones
// too.
void Acceptor::post_doorbell(Home& home) noexcept {
    if (!home.doorbell_posted) {
        home.doorbell_posted = true;
        home.group->port().post(home.doorbell);
    }
}

void Acceptor::check_later() noexcept {
    if (!checking_ && std::any_of(homes_.begin(), homes_.end(),
                                  [](const auto& home) { return !home->arrivals.empty(); })) {
        checking_ = true;
        check_.deadline_ns = accepting_.port().now() + stalled_ns;
        accepting_.port().timer(check_);
    }
}

void Acceptor::check_homes() {
    std::unique_lock lock(mutex_);
    checking_ = false;
    const std::uint64_t now = accepting_.port().now();
    for (const std::unique_ptr<Home>& home : homes_) {
        if (home->arrivals.empty() || !has_stalled(*home, now)) {
            continue;
        }
        base::Fifo<ConnectionNode> taken_back = std::move(home->arrivals);
        while (ConnectionNode* node = taken_back.pop_front()) {
            --home->connections;
            arrive(choose_home(now), static_cast<Connection&>(*node), now);
        }
    }
    check_later();
    finish_event(lock);
}

void Acceptor::arrived(Home& home) {
    std::unique_lock lock(mutex_);
    home.doorbell_posted = false;
    home.is_opening = true;
    for (int opened = 0; opened < opened_at_once_max; ++opened) {
        ConnectionNode* node = home.arrivals.pop_front();
        if (node == nullptr) {
            break;
        }
        home.taken_ns = home.group->port().now();
        lock.unlock();
        auto& connection = static_cast<Connection&>(*node);
        connection.open(*home.group, nullptr);
        connection.begin_at_home();
        lock.lock();
    }
    if (!home.arrivals.empty()) {
        post_doorbell(home);
    }
    home.is_opening = false;
    finish_event(lock);
}

}  // namespace portico::net
