#include "crowd.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace portico::chaos {

namespace {

constexpr Ms turn_lasts{10};

}  // namespace

Crowd::Crowd(Scene& scene, LoopClock& clock) : scene_(scene), clock_(clock) {
    scene_.epoll = ::epoll_create1(EPOLL_CLOEXEC);
}

Crowd::~Crowd() {
    drop_all();
    ::close(scene_.epoll);
}

void Crowd::begin(Phase phase) {
    const Time now = Clock::now();
    for (std::size_t i = 0; i < scene_.plan.acts.size(); ++i) {
        const Act& act = scene_.plan.acts[i];
        for (std::uint32_t number = 0; act.phase == phase && number < act.count; ++number) {
            coming_.push({now + Ms(act.start_ms + act.spread_ms * number / std::max(1U, act.count)),
                          i, number});
        }
    }
}

void Crowd::let_come(Time now) {
    // A few at a time, so that the peers that are there need not wait.
    for (int some = 64; some > 0 && !coming_.empty() && coming_.top().at <= now; --some) {
        const Coming next = coming_.top();
        coming_.pop();
        auto peer = std::make_unique<Peer>(scene_, next.act, next.number);
        if (!peer->connect(peers_.size())) {
            scene_.findings.violation("the suite", "no more descriptors of its own");
            continue;
        }
        peers_.push_back(std::move(peer));
        due_at_.push_back(now);
        due_.push({now, peers_.size() - 1});
    }
}

void Crowd::step(std::size_t peer) {
    const Time next = peers_[peer]->step(Clock::now());
    due_at_[peer] = next;
    if (next != Time::max()) {
        due_.push({next, peer});
    }
}

void Crowd::run_until(Time until, const std::function<bool()>& is_done) {
    clock_.pauses();
    while (true) {
        clock_.comes_around();
        const Time now = Clock::now();
        if (now >= until || (is_done && is_done())) {
            return;
        }
        let_come(now);
        // Peers that are due again at once wait until the others had their turn, and the sockets
        // were polled.
        while (!due_.empty() && due_.top().at <= now && Clock::now() - now < turn_lasts) {
            const Due next = due_.top();
            due_.pop();
            if (due_at_[next.peer] == next.at) {
                step(next.peer);
            }
        }
        if (is_released_ && now >= key_due_) {
            key_due_ = now + Ms(500);
            turn_key();
        }
        if (now >= measure_due_) {
            measure_due_ = now + Ms(100);
            measure(now);
        }
        Time next = now + LoopClock::period;
        if (!due_.empty()) next = std::min(next, due_.top().at);
        if (!coming_.empty()) next = std::min(next, coming_.top().at);
        const auto wait_ms = std::clamp<long long>(
            in_ms(next - now + Ms(1) - std::chrono::nanoseconds(1)), 0, LoopClock::period.count());
        std::array<epoll_event, 256> events;
        const int count = ::epoll_wait(scene_.epoll, events.data(), events.size(),
                                       static_cast<int>(wait_ms));
        for (int i = 0; i < count; ++i) {
            const auto peer = static_cast<std::size_t>(
                events[static_cast<std::size_t>(i)].data.u64);
            if (!peers_[peer]->is_over()) {
                peers_[peer]->on_events(events[static_cast<std::size_t>(i)].events);
                step(peer);
            }
        }
    }
}

void Crowd::measure(Time) {
    std::uint64_t bound = 0;
    for (const auto& peer : peers_) {
        bound += peer->is_over() ? 0 : peer->memory_bound();
    }
    memory_bound_peak_ = std::max(memory_bound_peak_, bound);
}

void Crowd::release() {
    is_released_ = true;
    coming_ = {};
    const Time now = Clock::now();
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        peers_[i]->release();
        if (!peers_[i]->is_over()) {
            due_at_[i] = now;
            due_.push({now, i});
        }
    }
}

// Releases the connections that chaotic#holds holds, again and again, because one may have come
// later. The host does not read a held connection, so it does not notice if the peer is gone: this
// goes on for those, too.
void Crowd::turn_key() {
    const auto& listeners = scene_.plan.listeners;
    const auto holds = std::find_if(listeners.begin(), listeners.end(), [](const auto& listener) {
        return listener.plugin == Plugin::holds;
    });
    const auto place = static_cast<std::size_t>(holds - listeners.begin());
    if (std::none_of(peers_.begin(), peers_.end(),
                     [&](const auto& peer) { return peer->listener() == place; })) {
        return;
    }
    const Connecting key = connect_to(scene_, place, 0, [](int) {});
    if (key.result == 0) {
        static_cast<void>(::send(key.socket, "\1", 1, MSG_NOSIGNAL));
    }
    ::close(key.socket);
}

std::size_t Crowd::active() const {
    return coming_.size() + static_cast<std::size_t>(
                                std::count_if(peers_.begin(), peers_.end(), [](const auto& peer) {
                                    return !peer->is_over() && !peer->is_abandoned();
                                }));
}

std::uint64_t Crowd::moved() const {
    std::uint64_t sum = peers_.size();
    for (const auto& peer : peers_) {
        sum += peer->moved() + (peer->is_over() ? 1 : 0);
    }
    return sum;
}

void Crowd::give_up(const char* why) {
    for (const auto& peer : peers_) {
        if (!peer->is_abandoned()) {
            peer->give_up(why);
        }
    }
}

void Crowd::drop_all() {
    is_released_ = false;
    for (const auto& peer : peers_) {
        peer->drop();
    }
}

}  // namespace portico::chaos
