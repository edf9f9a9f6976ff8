// The mailbox of a strand, with several senders.
#include "net/mailbox.hpp"

#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace portico;

TEST_CASE("a mailbox asks exactly one sender to schedule, and delivers in order", "[mailbox]") {
    struct Numbered : net::Mail {
        int sender = 0;
        int number = 0;
    };
    constexpr int senders = 4;
    constexpr int each = 20'000;
    net::Mailbox mailbox;
    std::vector<std::vector<Numbered>> mails(senders, std::vector<Numbered>(each));
    std::atomic<int> scheduled{0};  // runs that are due: never more than one
    std::atomic<bool> twice{false};
    std::vector<std::thread> threads;
    for (int sender = 0; sender < senders; ++sender) {
        threads.emplace_back([&, sender] {
            for (int i = 0; i < each; ++i) {
                mails[static_cast<std::size_t>(sender)][static_cast<std::size_t>(i)]
                    .sender = sender;
                mails[static_cast<std::size_t>(sender)][static_cast<std::size_t>(i)].number = i;
                if (mailbox.push(
                        mails[static_cast<std::size_t>(sender)][static_cast<std::size_t>(i)]) &&
                    scheduled.fetch_add(1) != 0) {
                    twice = true;
                }
            }
        });
    }
    std::vector<int> next(senders, 0);
    int received = 0;
    bool in_order = true;
    base::Fifo<net::Mail> taken;
    while (received < senders * each) {
        if (scheduled.load() == 0) {
            std::this_thread::yield();
            continue;
        }
        mailbox.take_all(taken);
        while (auto* mail = static_cast<Numbered*>(taken.pop_front())) {
            in_order = in_order && next[static_cast<std::size_t>(mail->sender)]++ == mail->number;
            ++received;
        }
        scheduled.fetch_sub(1);
        if (!mailbox.try_idle()) {
            scheduled.fetch_add(1);
        }
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(in_order);
    CHECK_FALSE(twice);
}
