#include "neighbour.hpp"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace portico::chaos {

namespace {

constexpr std::size_t staying = 4, newcomers_max = 24;
constexpr Ms ask_every{60}, come_every{120}, answered_within{1'000}, given_up_after{8'000};
// After this time the host knows that a callback is a long one.
constexpr Ms long_since{200};
constexpr char question[64] = "The well-behaved client asks for the time of day, and waits....";

}  // namespace

Neighbour::Neighbour(Scene& scene) : scene_(scene) {}

Neighbour::~Neighbour() {
    stop();
}

void Neighbour::start() {
    ends_ = false;
    thread_ = std::thread([this] { run(); });
}

void Neighbour::stop() {
    if (thread_.joinable()) {
        ends_ = true;
        thread_.join();
        clock_.pauses();
    }
}

void Neighbour::leave(Caller& caller) {
    if (caller.socket >= 0) {
        ::close(caller.socket);
        caller.socket = -1;
    }
    caller.waits = false;
}

void Neighbour::begin(Caller& caller, Time now) {
    // Loopback: the kernel connects it at once, or the backlog is full.
    const Connecting made = connect_to(scene_, 0, 0, [](int) {});
    caller.socket = made.socket;
    if (made.result != 0) {
        scene_.findings.violation("the neighbour",
                                  std::string("cannot connect: ") + std::strerror(errno));
        leave(caller);
    }
    caller.next = now;
}

void Neighbour::run() {
    std::vector<Caller> callers(staying + newcomers_max);
    Time come_due = Clock::now();
    while (!ends_) {
        clock_.comes_around();
        const Time now = Clock::now();
        bool comes = now >= come_due;
        for (std::size_t i = 0; i < callers.size(); ++i) {
            Caller& caller = callers[i];
            caller.stays = i < staying;
            if (caller.socket < 0 && (caller.stays || comes)) {
                begin(caller, now);
                if (!caller.stays) {
                    comes = false;
                    come_due = now + come_every;
                }
            }
            if (caller.socket >= 0 && !caller.waits && now >= caller.next) {
                caller.asked = Clock::now();
                caller.got = 0;
                caller.was_late = false;
                caller.waits = ::send(caller.socket, question, sizeof question,
                                      MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof question;
                if (!caller.waits) {
                    scene_.findings.violation("the neighbour",
                                              std::string("cannot ask: ") + std::strerror(errno));
                    leave(caller);
                }
            }
            if (caller.waits && now - caller.asked > given_up_after) {
                judge(caller, now, false);
                leave(caller);
            }
        }
        std::vector<pollfd> polled;
        std::vector<Caller*> whose;
        for (Caller& caller : callers) {
            if (caller.waits) {
                polled.push_back({caller.socket, POLLIN, 0});
                whose.push_back(&caller);
            }
        }
        if (::poll(polled.data(), polled.size(), 10) > 0) {
            for (std::size_t i = 0; i < polled.size(); ++i) {
                if (polled[i].revents != 0) {
                    go_on(*whose[i], Clock::now());
                }
            }
        }
    }
    for (Caller& caller : callers) {
        if (caller.waits && Clock::now() - caller.asked > answered_within) {
            judge(caller, Clock::now(), false);
        }
        leave(caller);
    }
}

void Neighbour::go_on(Caller& caller, Time now) {
    char reply[sizeof question];
    const ssize_t count = ::recv(caller.socket, reply, sizeof reply - caller.got, MSG_DONTWAIT);
    if (count <= 0) {
        scene_.findings.violation("the neighbour", count == 0
                                                       ? std::string("its connection was ended")
                                                       : std::strerror(errno));
        leave(caller);
        return;
    }
    if (std::memcmp(reply, question + caller.got, static_cast<std::size_t>(count)) != 0) {
        scene_.findings.violation("the neighbour", "its answer is wrong");
    }
    caller.got += static_cast<std::uint32_t>(count);
    if (caller.got < sizeof question) {
        return;
    }
    ++answers_;
    judge(caller, now, true);
    caller.waits = false;
    caller.next = now + ask_every;
    if (!caller.stays) {
        leave(caller);
    }
}

// While a callback takes seconds, the clients of its worker must wait for it. Only a newcomer need
// not, if it comes when the host can have noticed the callback.
bool Neighbour::may_be_judged(const Caller& caller) const {
    const Time since = scene_.long_callback_since;
    const Time ended = scene_.long_callback_ended;
    const bool was_meanwhile = since != Time{} || (ended != Time{} && ended >= caller.asked);
    if (!was_meanwhile) {
        return true;
    }
    if (caller.stays) {
        return false;
    }
    const Time began = since != Time{} ? since : ended - Ms(scene_.plan.slow_ms);
    return caller.asked >= began + long_since && caller.asked < began + Ms(scene_.plan.slow_ms);
}

void Neighbour::judge(Caller& caller, Time now, bool is_answered) {
    if (scene_.watch == nullptr || !may_be_judged(caller)) {
        return;
    }
    slowest_ms_ = std::max<long long>(slowest_ms_, in_ms(now - caller.asked));
    // Nothing is promised while every worker is busy. But a newcomer needs several turns of a
    // worker (the accept, the handing over, the question, the answer), and many short callbacks may
    // be before it in each of them.
    const Ms limit = answered_within + (scene_.plan.has_long_callbacks
                                            ? Ms(0)
                                            : Ms(scene_.plan.slow_ms) * (caller.stays ? 4 : 8));
    if (scene_.watch->is_too_late(scene_.findings, caller.asked, now, limit)) {
        scene_.findings.violation(caller.stays ? "the neighbour waits" : "a newcomer waits",
                                  std::string(is_answered ? "answered after " : "no answer for ") +
                                      std::to_string(in_ms(now - caller.asked)) + " ms, where " +
                                      std::to_string(limit.count()) + " are allowed" +
                                      (scene_.plan.has_long_callbacks
                                           ? "; a worker was in a long callback, and another idle"
                                           : ""));
    }
}

}  // namespace portico::chaos
