// The slot's word, the production code itself, in every order: a connection shares it with the
// threads that hold its handle.
#include "net/slot_word.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "net/shared_address.hpp"
#include "sim/interleave/atomic.hpp"
#include "sim/interleave/expect.hpp"

using namespace portico;
using namespace portico::interleave;

namespace {

using SlotWord = net::BasicSlotWord<Atomic>;
using SharedAddress = net::BasicSharedAddress<Atomic>;
using net::Reserve;
using Mark = SlotWord::Mark;
using Change = Plant::Change;

constexpr std::uint32_t high = 10;
constexpr auto low = [] { return std::uint32_t{5}; };

std::string describe(std::uint64_t word) {
    std::string text = "generation " + std::to_string(SlotWord::generation_of(word)) + ", " +
                       std::to_string(SlotWord::reserved_of(word));
    constexpr std::array<const char*, 5> flags{"blocked", "closing", "final", "finished",
                                               "aborting"};
    for (std::size_t i = 0; i < flags.size(); ++i) {
        text += (word >> (32 + i) & 1) != 0 ? std::string(" ") + flags[i] : "";
    }
    return text;
}

// A slot with a connection of generation 1. `life` stands for the connection apart from its word:
// it is written while nobody else may look at it, and read by each thread that has a reservation.
struct Slot {
    explicit Slot(Machine& world) : machine(world) {
        machine.name("word", &describe);
        word.emplace();
        machine.name("the connection");
        life.emplace(1);
        word->open();
    }

    // A thread with a handle of generation 1: sends `bytes`, which later reach the system.
    Reserve send(std::uint32_t bytes) {
        const Reserve reserved = word->reserve(1, bytes, high);
        if (reserved == Reserve::accepted) {
            machine.check(life->read() == 1, "a send was accepted by another connection");
        }
        return reserved;
    }
    [[nodiscard]] bool call(bool even_closing, Mark mark = Mark::nothing) {
        const bool accepted = word->reserve_call(1, even_closing, mark);
        if (accepted) {
            machine.check(life->read() == 1, "a call was accepted by another connection");
        }
        return accepted;
    }
    // The strand: closes, and lets the next connection in.
    void close() {
        word->begin_closing();
        while (!word->close_for_good()) {
            machine.await();
        }
        life->write(0);
        machine.check(SlotWord::reserved_of(word->load()) == 0,
                      "something is reserved after the end");
    }
    void open_next() {
        life->write(2);
        word->open();
    }

    Machine& machine;
    std::optional<SlotWord> word;
    std::optional<Plain<int>> life;
};

struct Flow : Slot {
    using Slot::Slot;
    std::array<int, 5> accepted{};  // each thread has its own entry
    std::array<int, 5> refused{};
    std::array<int, 5> unblocked{};
};

// Senders that each try `sends` times, and give back at once what was accepted. Each blockage must
// end once, and nothing may be left over.
Machine::World blockage(unsigned senders, int sends, std::uint32_t bytes) {
    return [=](Machine& machine) {
        auto slot = std::make_shared<Flow>(machine);
        for (unsigned sender = 0; sender < senders; ++sender) {
            machine.thread("sender " + std::string(1, static_cast<char>('a' + sender)), [=] {
                for (int i = 0; i < sends; ++i) {
                    const Reserve reserved = slot->send(bytes);
                    if (reserved == Reserve::accepted) {
                        ++slot->accepted[sender];
                        slot->machine.check(
                            SlotWord::reserved_of(slot->word->load()) < high + bytes,
                            "more than one message past the watermark");
                        slot->unblocked[sender] += slot->word->give_back(bytes, low) ? 1 : 0;
                    } else {
                        slot->machine.check(reserved == Reserve::would_block,
                                            "an open connection is neither open nor full");
                        ++slot->refused[sender];
                    }
                }
            });
        }
        machine.finally([=, &machine] {
            int refused = 0;
            int unblocked = 0;
            for (unsigned sender = 0; sender < senders; ++sender) {
                refused += slot->refused[sender];
                unblocked += slot->unblocked[sender];
            }
            machine.check(SlotWord::reserved_of(slot->word->load()) == 0,
                          "what was reserved was not given back");
            machine.check(unblocked <= refused, "more blockages ended than began");
            machine.check((refused == 0) == (unblocked == 0),
                          "a refused sender is not told that there is room");
            machine.check(!slot->word->give_back(0, low), "a blockage has not ended");
        });
    };
}

// The strand answers directly while another thread sends by mail, and, if `with_close`, closes. An
// answer must not overtake a mail that was accepted and has not arrived.
Machine::World direct_answer(bool with_close) {
    return [=](Machine& machine) {
        struct Strand : Flow {
            explicit Strand(Machine& world) : Flow(world) {
                world.name("mails on their way");
                on_the_way.emplace(0U);
            }
            std::optional<Atomic<std::uint32_t>> on_the_way;
        };
        auto slot = std::make_shared<Strand>(machine);
        machine.thread("strand", [=] {
            // A direct answer of 1 byte after nothing; then, if that was accepted, one after it;
            // both leave.
            for (std::uint32_t queued = 0; queued < 2; ++queued) {
                const std::uint32_t mails = slot->on_the_way->load(std::memory_order_acquire);
                if (!slot->word->reserve_at_once(queued, 1, 1, high)) {
                    break;
                }
                slot->machine.check(mails == 0, "an accepted mail is overtaken");
                ++slot->accepted[0];
            }
            static_cast<void>(
                slot->word->give_back(static_cast<std::uint32_t>(slot->accepted[0]), low));
            if (with_close) {
                slot->word->begin_closing();
                slot->machine.check(!slot->word->reserve_at_once(0, 1, 1, high),
                                    "an answer is accepted after the end");
                slot->machine.check(!slot->word->reserve_at_once(0, 2, 1, high),
                                    "an answer is accepted by another connection");
            }
        });
        machine.thread("sender", [slot] {
            if (slot->send(2) == Reserve::accepted) {
                slot->on_the_way->store(1, std::memory_order_release);
                ++slot->accepted[1];
            }
        });
        machine.finally([slot, &machine] {
            machine.check(SlotWord::reserved_of(slot->word->load()) ==
                              2U * static_cast<unsigned>(slot->accepted[1]),
                          "reservations do not add up");
        });
    };
}

// A close and the next connection race with holders of the old handle: senders, a post, an abort.
Machine::World close_against(unsigned senders, bool with_call) {
    return [=](Machine& machine) {
        auto slot = std::make_shared<Slot>(machine);
        machine.thread("strand", [slot] {
            slot->close();
            slot->open_next();
        });
        for (unsigned sender = 0; sender < senders; ++sender) {
            machine.thread("sender " + std::string(1, static_cast<char>('a' + sender)), [slot] {
                if (slot->send(high) == Reserve::accepted) {
                    static_cast<void>(slot->word->give_back(high, low));
                }
            });
        }
        if (with_call) {
            machine.thread("caller", [slot] {
                if (slot->call(true, Mark::aborting)) {
                    static_cast<void>(slot->word->give_back(1, low));
                }
            });
        }
        machine.finally([slot, &machine] {
            const std::uint64_t word = slot->word->load();
            machine.check(SlotWord::generation_of(word) == 2 && !SlotWord::is_closing(word),
                          "the next connection is not open");
            machine.check(SlotWord::reserved_of(word) == 0,
                          "something is reserved of the next connection");
            machine.check(!slot->word->give_back(0, low),
                          "the next connection owes an on_writable");
        });
    };
}

// Calls of which only one may be accepted: two closes by mail, two aborts.
Machine::World only_one(Mark mark) {
    return [=](Machine& machine) {
        auto slot = std::make_shared<Flow>(machine);
        for (unsigned caller = 0; caller < 2; ++caller) {
            machine.thread("caller " + std::string(1, static_cast<char>('a' + caller)), [=] {
                slot->accepted[caller] = slot->call(mark == Mark::aborting, mark) ? 1 : 0;
            });
        }
        machine.thread("sender",
                       [slot] { slot->refused[2] = slot->send(1) == Reserve::accepted ? 0 : 1; });
        machine.finally([slot, &machine] {
            machine.check(slot->accepted[0] + slot->accepted[1] == 1,
                          "not exactly one of the two calls was accepted");
            machine.check(SlotWord::reserved_of(slot->word->load()) ==
                              2U - static_cast<unsigned>(slot->refused[2]),
                          "reservations do not add up");
            machine.check(slot->send(1) == Reserve::gone, "a send is accepted after a close");
        });
    };
}

// finish_sending races with a sender: nothing may be accepted after the call.
Machine::World finish() {
    return [](Machine& machine) {
        auto slot = std::make_shared<Flow>(machine);
        machine.thread("finisher", [slot] {
            slot->machine.check(slot->call(false, Mark::finished),
                                "a call of an open connection is refused");
            slot->machine.check(slot->send(1) == Reserve::finished,
                                "a send is accepted behind the end of the sending side");
        });
        machine.thread("sender", [slot] {
            for (int i = 0; i < 2; ++i) {
                const Reserve reserved = slot->send(1);
                slot->machine.check(reserved == Reserve::accepted || reserved == Reserve::finished,
                                    "an open connection is gone");
                slot->machine.check(reserved == Reserve::finished || slot->refused[1] == 0,
                                    "a send is accepted after one was told of the end");
                ++(reserved == Reserve::accepted ? slot->accepted[1] : slot->refused[1]);
            }
        });
        machine.finally([slot, &machine] {
            machine.check(SlotWord::reserved_of(slot->word->load()) ==
                              1U + static_cast<unsigned>(slot->accepted[1]),
                          "reservations do not add up");
        });
    };
}

// A holder of the old handle reads the address of a slot while the next connection moves in. If
// `late`, the first connection has no address yet when it begins.
Machine::World addresses(bool late) {
    return [late](Machine& machine) {
        struct Home : Slot {
            Home(Machine& world, const io::Address& first) : Slot(world) {
                machine.name("address");
                peer.emplace();
                peer->store(first);
            }
            static io::Address of(std::uint8_t number) {
                io::Address address;
                address.bytes.fill(number);
                address.port = number;
                address.family = io::Address::Family::v6;
                return address;
            }
            std::optional<SharedAddress> peer;
        };
        auto home = std::make_shared<Home>(machine, late ? io::Address{} : Home::of(1));
        machine.thread("strand", [=] {
            if (late) {
                home->peer->store(Home::of(1));
            }
            home->close();
            home->peer->store(Home::of(2));
            home->open_next();
        });
        machine.thread("reader", [=] {
            // Connection::info() does the same.
            const auto is_it = [](std::uint64_t word) {
                return SlotWord::generation_of(word) == 1 && !SlotWord::is_closing(word);
            };
            if (!is_it(home->word->load())) {
                return;
            }
            const io::Address found = home->peer->load();
            if (is_it(home->word->load())) {
                home->machine.check(found == Home::of(1) || (late && found == io::Address{}),
                                    "an address of the next connection, or half of it");
            }
        });
        machine.finally([] {});
    };
}

// A thread that guesses a handle of generation 2, and tries it while that generation opens.
Machine::World early_handle(bool with_call) {
    return [=](Machine& machine) {
        auto slot = std::make_shared<Slot>(machine);
        machine.thread("strand", [slot] {
            slot->close();
            slot->open_next();
        });
        machine.thread("holder", [=] {
            const bool accepted = with_call ? slot->word->reserve_call(2, true)
                                            : slot->word->reserve(2, 1, high) == Reserve::accepted;
            if (accepted) {
                slot->machine.check(slot->life->read() == 2, "accepted by another connection");
            }
        });
        machine.finally([] {});
    };
}

}  // namespace

TEST_CASE("reservations add up, and a blockage ends once: all orders", "[slot_word]") {
    expect_all(blockage(2, 1, high), 568);
    expect_all(blockage(2, 2, high), 7'424, bounded(0, 0));
    expect_all(blockage(3, 1, high), 33'114, bounded(1, 0));
}

TEST_CASE("after the end nothing is accepted, and the next connection is not met: all orders",
          "[slot_word]") {
    expect_all(close_against(1, false), 211);
    expect_all(close_against(0, true), 730);
    expect_all(close_against(2, false), 32'682, bounded(1, 1));
    expect_all(close_against(1, true), 17'546, bounded(0, 0));
    expect_all(early_handle(false), 23);
    expect_all(early_handle(true), 23);
}

TEST_CASE("of two closes, and of two aborts, one is accepted: all orders", "[slot_word]") {
    expect_all(only_one(Mark::closing), 792);
    expect_all(only_one(Mark::aborting), 792);
}

TEST_CASE("behind the end of the sending side no send is accepted: all orders", "[slot_word]") {
    expect_all(finish(), 196);
}

TEST_CASE("a direct answer overtakes no mail, and is not accepted after the end: all orders",
          "[slot_word]") {
    expect_all(direct_answer(false), 484);
    expect_all(direct_answer(true), 2'988);
}

TEST_CASE("an address is the asked connection's or refused: all orders", "[slot_word]") {
    expect_all(addresses(false), 211);
    expect_all(addresses(true), 547);
}

TEST_CASE("a slot under five threads, drawn", "[slot_word]") {
    expect_sampled(blockage(5, 3, 4), 10'000);
    expect_sampled(close_against(3, true), 10'000);
}

TEST_CASE("defects of the slot's word are found", "[slot_word][defects]") {
    expect_found(blockage(2, 1, high), {"reserve", Change::torn},
                 "what was reserved was not given back");
    expect_found(blockage(2, 1, high), {"give_back", Change::torn}, "a refused sender is not told");
    expect_found(blockage(2, 1, high), {"give_back", Change::left_out},
                 "what was reserved was not given back");
    // The mark `blocked` is forgotten: a refused sender never gets its on_writable.
    expect_found(blockage(2, 1, high),
                 {"reserve", Change::rewritten,
                  [](std::uint64_t word) { return word & ~(std::uint64_t{1} << 32); }},
                 "a refused sender is not told");
    expect_found(close_against(1, false), {"reserve", Change::unconditional},
                 "a send was accepted by another connection");
    expect_found(close_against(1, false), {"begin_closing", Change::torn},
                 "race: strand writes the connection");
    expect_found(close_against(1, false), {"begin_closing", Change::left_out}, "assertion failed");
    expect_found(close_against(1, false), {"give_back", Change::no_release}, "race: ");
    expect_found(close_against(0, true), {"reserve_call", Change::torn},
                 "race: caller reads the connection");
    expect_found(close_against(0, true), {"close_for_good", Change::torn},
                 "race: strand writes the connection");
    expect_found(close_against(0, true), {"close_for_good", Change::unconditional},
                 "race: strand writes the connection");
    expect_found(close_against(0, true), {"close_for_good", Change::no_acquire}, "race: ");
    expect_found(early_handle(false), {"open", Change::relaxed}, "race: ");
    expect_found(only_one(Mark::closing), {"reserve_call", Change::torn}, "not exactly one");
    expect_found(only_one(Mark::aborting), {"reserve_call", Change::torn}, "not exactly one");
    expect_found(finish(), {"reserve", Change::torn}, "reservations do not add up");
    expect_found(direct_answer(false), {"reserve_at_once", Change::unconditional},
                 "reservations do not add up");
    expect_found(direct_answer(false), {"reserve_at_once", Change::torn},
                 "reservations do not add up");
    expect_found(addresses(false), {"store", Change::relaxed}, "address of the next connection");
    expect_found(addresses(false), {"load", Change::relaxed}, "address of the next connection");
}
