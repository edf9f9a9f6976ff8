// The handle of a plugin's instance, the production code itself, in every order: a thread that the
// plugin has left running never uses an instance that is freed, and the owner never waits for
// nobody.
#include "plugin/instance_handle.hpp"

#include <memory>
#include <optional>
#include <string>

#include "sim/interleave/atomic.hpp"
#include "sim/interleave/expect.hpp"

using namespace portico;
using namespace portico::interleave;

namespace {

using Change = Plant::Change;

// What the instance has is written by its owner at the beginning and at the end, when it is freed.
struct Owned {
    Plain<bool> is_alive{false};
    Plain<int> calls{0};
};

using Handle = plugin::BasicInstanceHandle<Atomic, Owned>;

class Server {
public:
    explicit Server(Machine& machine) : machine_(machine) {
        machine.name("handle");
        handle_.emplace();
        machine.name("instance");
        owned_.emplace();
        machine.label(&*owned_, "instance");
        owned_->is_alive.write(true);
        handle_->open(*owned_);
    }

    // A host function, on a thread that is in no callback. Calls of several threads are ordered by
    // what they do; here only one thread counts.
    void call(bool counts) {
        Owned* found = handle_->enter();
        if (found == nullptr) {
            return;
        }
        machine_.check(found->is_alive.read(), "a freed instance was used");
        if (counts) {
            found->calls.change() += 1;
        }
        handle_->leave();
    }

    // After destroy.
    void end() {
        handle_->close([this] { machine_.await(); });
        owned_->is_alive.write(false);
        owned_->calls.write(-1);
    }

    void check_end() {
        machine_.check(handle_->enter() == nullptr, "an ended instance is found");
        machine_.check(!owned_->is_alive.read(), "the instance was not freed");
    }

private:
    Machine& machine_;
    std::optional<Handle> handle_;
    std::optional<Owned> owned_;
};

Machine::World server(unsigned callers, unsigned calls) {
    return [=](Machine& machine) {
        auto server = std::make_shared<Server>(machine);
        for (unsigned i = 0; i < callers; ++i) {
            machine.thread("caller " + std::to_string(i), [=] {
                for (unsigned call = 0; call < calls; ++call) {
                    server->call(i == 0);
                }
            });
        }
        machine.thread("owner", [server] { server->end(); });
        machine.finally([server] { server->check_end(); });
    };
}

}  // namespace

TEST_CASE("a call finds the instance alive or not at all: all orders", "[instance_handle]") {
    expect_all(server(1, 1), 12);
    expect_all(server(1, 2), 127);
    expect_all(server(2, 1), 3'548);
}

TEST_CASE("the end of an instance under four threads, drawn", "[instance_handle]") {
    expect_sampled(server(4, 3), 10'000);
}

TEST_CASE("defects of the instance's handle are found", "[instance_handle][defects]") {
    expect_found(server(1, 1), {"enter", Change::relaxed}, "race: ");
    expect_found(server(1, 1), {"enter", Change::left_out}, "owner waits");
    expect_found(server(1, 1), {"leave", Change::relaxed}, "race: ");
    expect_found(server(1, 1), {"leave", Change::left_out}, "owner waits");
    expect_found(server(1, 1), {"close", Change::relaxed}, "race: ");
    expect_found(server(1, 1), {"close", Change::left_out}, "an ended instance is found");
}
