// Posts from any thread reach the thread that waits.
#include "contract/world.hpp"

using namespace portico;
using namespace portico::test;

namespace {

struct SequencePost : io::PostOperation {
    int thread = 0;
    int number = 0;
    std::atomic<int> completions{0};
};

}  // namespace

TEST_CASE("a post completes once, out of wait", "[contract][post]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Tracked<io::PostOperation> post(world);
    for (int i = 1; i <= 3; ++i) {
        world.complete(post);
        CHECK(post.completions == i);
        CHECK(post.error == io::Error::none);
    }
    world.require_balanced();
}

TEST_CASE("posts of many threads: each exactly once, each thread's in order", "[contract][post]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    const std::size_t batch = GENERATE(as<std::size_t>{}, 1, 7, 64);
    CAPTURE(batch);
    World world(kind, {.batch = batch});
    constexpr int threads = 4;
    constexpr int each = 3'000;
    static int last[threads];
    static int seen;
    static int disordered;
    std::fill(std::begin(last), std::end(last), -1);
    seen = 0;
    disordered = 0;
    std::vector<SequencePost> posts(threads * each);
    std::vector<std::thread> posters;
    for (int thread = 0; thread < threads; ++thread) {
        posters.emplace_back([&, thread] {
            for (int number = 0; number < each; ++number) {
                SequencePost& post = posts[static_cast<std::size_t>(thread * each + number)];
                post.thread = thread;
                post.number = number;
                post.completed = [](io::Operation& operation) {
                    auto& self = static_cast<SequencePost&>(operation);
                    ++self.completions;
                    ++seen;
                    disordered += self.number == last[self.thread] + 1 ? 0 : 1;
                    last[self.thread] = self.number;
                };
                world.port().post(post);
            }
        });
    }
    const bool is_well = world.run_until([&] { return seen == threads * each; });
    for (std::thread& poster : posters) {
        poster.join();
    }
    CHECK(is_well);
    CHECK(seen == threads * each);
    CHECK(disordered == 0);
    int wrong = 0;
    for (const SequencePost& post : posts) {
        wrong += post.completions == 1 ? 0 : 1;
    }
    CHECK(wrong == 0);
    world.require_balanced();
}

TEST_CASE("a post wakes a wait that blocks", "[contract][post]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Tracked<io::PostOperation> post(world);
    constexpr int rounds = 300;
    std::atomic<int> round{0};
    std::atomic<bool> is_over{false};
    std::thread poster([&] {
        for (int i = 1; i <= rounds; ++i) {
            while (round.load() != i) {
                if (is_over) {
                    return;
                }
                std::this_thread::yield();
            }
            if (i % 3 == 0) {
                // by now the wait blocks, in most cases
                std::this_thread::sleep_for(std::chrono::microseconds(i * 5));
            }
            world.port().post(post);
        }
    });
    int missed = 0;
    for (int i = 1; i <= rounds && missed == 0; ++i) {
        const int before = post.completions;
        const std::uint64_t deadline = world.port().now() + patience_ns;
        round = i;
        while (post.completions == before && world.port().now() < deadline) {
            world.step(deadline);
        }
        missed += post.completions == before + 1 ? 0 : 1;
    }
    is_over = true;
    poster.join();
    CHECK(missed == 0);
    world.require_balanced();
}

TEST_CASE("a post out of a handler completes in a later wait", "[contract][post]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Tracked<io::PostOperation> first(world);
    Tracked<io::PostOperation> second(world);
    bool is_inside = false;
    bool was_inside = false;
    second.then = [&] { was_inside = is_inside; };
    first.then = [&] {
        is_inside = true;
        world.submit(second);
        is_inside = false;
    };
    world.submit(first);
    REQUIRE(world.run_until([&] { return second.is_done(); }));
    CHECK_FALSE(was_inside);
    world.require_balanced();
}
