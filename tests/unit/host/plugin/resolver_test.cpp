// The resolver of an instance, without an instance: its threads, its bounds, and its end, even
// while a lookup is under way.
#include "plugin/resolver.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace portico;
using plugin::Resolver;

namespace {

// A system's resolver that answers when the test says so. It outlives the threads that are left.
struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_open = false;
    int inside = 0;
    int left = 0;
    int requests_ended = 0;  // of this test

    void set(bool open) {
        const std::scoped_lock lock(mutex);
        is_open = open;
        changed.notify_all();
    }
    void wait_until_inside(int count) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return inside - left == count; });
    }
    void wait_until_left(int count) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return left == count; });
    }
    void end_request() {
        const std::scoped_lock lock(mutex);
        ++requests_ended;
        changed.notify_all();
    }
    void wait_until_ended(int count) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return requests_ended >= count; });
    }
};

Gate& gate() {
    static Gate* const made = new Gate;  // never freed: a thread may be inside
    return *made;
}

base::Result<std::vector<io::Address>> look_up(const std::string& host, std::uint16_t port) {
    Gate& its = gate();
    {
        std::unique_lock lock(its.mutex);
        ++its.inside;
        its.changed.notify_all();
        its.changed.wait(lock, [&] { return its.is_open; });
        ++its.left;
        its.changed.notify_all();
    }
    if (host == "unknown") {
        return base::Failure{"no such name", io::name_unknown};
    }
    if (host == "failing") {
        return base::Failure{"no answer"};
    }
    if (host == "memory") {
        throw std::bad_alloc();
    }
    io::Address address;
    address.family = io::Address::Family::v4;
    address.port = port;
    return std::vector{address};
}

struct Asked : Resolver::Request {
    explicit Asked(std::string its_host) {
        host = std::move(its_host);
        port = 7;
        begin = [](Resolver::Request& request) noexcept {
            ++static_cast<Asked&>(request).begun;
            return static_cast<Asked&>(request).begins;
        };
        found = [](Resolver::Request& request) noexcept {
            ++static_cast<Asked&>(request).answers;
            gate().end_request();
        };
        dropped = [](Resolver::Request& request) noexcept {
            ++static_cast<Asked&>(request).drops;
            gate().end_request();
        };
    }
    bool begins = true;
    int begun = 0;
    int answers = 0;
    int drops = 0;
};

struct Closed {
    Closed() {
        gate().set(false);
        gate().inside = gate().left = gate().requests_ended = 0;
    }
    ~Closed() { gate().set(true); }
};

}  // namespace

TEST_CASE("a resolver takes requests between open and end", "[resolver]") {
    const Closed closed;
    gate().set(true);
    Asked early("a");
    Asked asked("a");
    Asked refused("a");
    Asked late("a");
    Resolver resolver;
    resolver.use({look_up, true});
    CHECK(resolver.add(early) == Resolver::Added::unavailable);
    resolver.open();
    CHECK(resolver.add(asked) == Resolver::Added::added);
    refused.begins = false;
    CHECK(resolver.add(refused) == Resolver::Added::refused);
    gate().wait_until_ended(1);
    resolver.end();
    CHECK(resolver.add(late) == Resolver::Added::unavailable);
    resolver.end();
    resolver.stop();
    resolver.stop();
    CHECK(early.begun + late.begun == 0);
    CHECK(asked.begun == 1);
    CHECK(asked.answers == 1);
    CHECK(asked.outcome == Resolver::Outcome::found);
    REQUIRE(asked.addresses.size() == 1);
    CHECK(asked.addresses.front().port == 7);
    CHECK(refused.answers + refused.drops == 0);
}

TEST_CASE("a lookup's failures are told apart", "[resolver]") {
    const Closed closed;
    gate().set(true);
    Resolver resolver;
    resolver.use({look_up, true});
    resolver.open();
    Asked unknown("unknown");
    Asked failing("failing");
    Asked memory("memory");
    for (Asked* asked : {&unknown, &failing, &memory}) {
        CHECK(resolver.add(*asked) == Resolver::Added::added);
    }
    gate().wait_until_ended(3);
    CHECK(unknown.outcome == Resolver::Outcome::unknown);
    CHECK(failing.outcome == Resolver::Outcome::failed);
    CHECK(memory.outcome == Resolver::Outcome::no_memory);
}

TEST_CASE("slow lookups do not hold up others, up to the threads that there may be", "[resolver]") {
    const Closed closed;
    Resolver resolver;
    resolver.use({look_up, false});
    resolver.open();
    std::deque<Asked> slow;
    for (std::size_t i = 0; i < Resolver::threads_max; ++i) {
        CHECK(resolver.add(slow.emplace_back("a")) == Resolver::Added::added);
    }
    gate().wait_until_inside(static_cast<int>(Resolver::threads_max));
    std::deque<Asked> waiting;
    for (std::size_t i = 0; i < Resolver::queue_max; ++i) {
        CHECK(resolver.add(waiting.emplace_back("a")) == Resolver::Added::added);
    }
    Asked above("a");
    CHECK(resolver.add(above) == Resolver::Added::full);
    CHECK(above.begun == 0);
    resolver.unwant(waiting.front());
    gate().set(true);
    gate().wait_until_ended(static_cast<int>(Resolver::threads_max + Resolver::queue_max));
    resolver.end();
    resolver.stop();
    CHECK(waiting.front().drops == 1);
    CHECK(waiting.front().answers == 0);
    CHECK(waiting.back().answers == 1);
}

TEST_CASE("the end drops what waits and what is under way, and waits for no lookup", "[resolver]") {
    const Closed closed;
    {
        Resolver resolver;
        resolver.use({look_up, true});
        resolver.open();
        std::deque<Asked> all;
        for (std::size_t i = 0; i < Resolver::threads_max + 3; ++i) {
            CHECK(resolver.add(all.emplace_back("a")) == Resolver::Added::added);
        }
        gate().wait_until_inside(static_cast<int>(Resolver::threads_max));
        resolver.end();
        for (const Asked& asked : all) {
            CHECK(asked.drops == 1);
            CHECK(asked.answers == 0);
        }
        resolver.stop();
    }
    // The threads that were left behind end by themselves.
    gate().set(true);
    gate().wait_until_left(static_cast<int>(Resolver::threads_max));
}
