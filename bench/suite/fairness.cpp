// Measures how fairly a server serves many connections. Each of them always has one message in
// flight; after some seconds the program compares the most and the least served, and counts how
// many were served at all.
//
//     fairness PORT CONNECTIONS SECONDS [--until-all-served] [--work]
//
// --until-all-served: it ends after every connection has had a reply. The number of messages until
// then, and the time, show how soon a server admits new clients while those that it has keep it
// busy. --work: each message asks for 5 ms of work (servers/common/work.h).
//
// Each reply is checked. This side treats the connections alike: each connection that is ready is
// served once, then the others. Linux only.
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <vector>

#include "suite/clients.hpp"

using namespace bench;
using Clock = std::chrono::steady_clock;

namespace {

void print(const char* name, std::uint64_t value) {
    std::printf("%s %llu\n", name, static_cast<unsigned long long>(value));
}

}  // namespace

int main(int argc, char** argv) {
    program_name = "fairness";
    program_usage = "usage: fairness PORT CONNECTIONS SECONDS [--until-all-served] [--work]";
    bool until_all_served = false;
    bool asks_for_work = false;
    bool is_understood = argc >= 4;
    for (int i = 4; i < argc; ++i) {
        const std::string_view option = argv[i];
        until_all_served = until_all_served || option == "--until-all-served";
        asks_for_work = asks_for_work || option == "--work";
        is_understood = is_understood && (option == "--until-all-served" || option == "--work");
    }
    if (!is_understood) {
        std::fprintf(stderr, "%s\n", program_usage);
        return 2;
    }
    const auto port = static_cast<std::uint16_t>(number_of(argv[1], 65'535));
    const auto count = static_cast<std::uint32_t>(number_of(argv[2], 100'000));
    const std::chrono::seconds span(number_of(argv[3], 3'600));

    std::vector<Connection> connections(count);
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    if (poll < 0) {
        fail("epoll_create1");
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        if (asks_for_work) connections[i].ask_for_work();
        connections[i].open(port);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u32 = i;
        if (::epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].socket(), &event) != 0) {
            fail("epoll_ctl");
        }
    }
    const auto begin = Clock::now();
    for (std::uint32_t i = 0; i < count; ++i) {
        connections[i].send_next(i);
    }
    std::uint64_t messages = 0;
    std::uint32_t served = 0;
    std::vector<epoll_event> ready(count);
    while (Clock::now() - begin < span && !(until_all_served && served == count)) {
        const int events = ::epoll_wait(poll, ready.data(), static_cast<int>(count), 1'000);
        if (events < 0 && errno != EINTR) {
            fail("epoll_wait");
        }
        for (int i = 0; i < events && !(until_all_served && served == count); ++i) {
            const std::uint32_t number = ready[static_cast<std::size_t>(i)].data.u32;
            Connection& connection = connections[number];
            if (connection.receive(MSG_DONTWAIT)) {
                ++messages;
                served += connection.served() == 1 ? 1 : 0;
                connection.send_next(number);
            }
        }
    }
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count();
    std::uint64_t least = UINT64_MAX, most = 0;
    for (const Connection& connection : connections) {
        least = std::min(least, connection.served());
        most = std::max(most, connection.served());
    }
    print("messages", messages);
    print("least", least);
    print("most", most);
    print("served", served);
    print("milliseconds", static_cast<std::uint64_t>(milliseconds));
    return 0;
}
