// Clients come one by one and stay: which of a server's threads do their work? They connect
// MILLISECONDS apart, each with one message and its reply. Then they are all served in rounds, a
// message of each and then the reply of each, so that each makes as much work as the others.
//
//     placement PORT CONNECTIONS MILLISECONDS SECONDS
//
// Prints "open" when the rounds begin and "closing" when they are over, so that the caller can read
// the threads' clocks; it has until it sends the next line of standard input. Then prints the
// figures. Each reply is checked. Linux only.
#include <chrono>
#include <thread>
#include <vector>

#include "suite/clients.hpp"

using namespace bench;
using Clock = std::chrono::steady_clock;

namespace {

void receive_whole(Connection& connection) {
    while (!connection.receive(0)) {
    }
}

void say_and_wait(const char* what) {
    std::printf("%s\n", what);
    std::fflush(stdout);
    for (int letter = std::getchar(); letter != '\n' && letter != EOF;) {
        letter = std::getchar();
    }
}

}  // namespace

int main(int argc, char** argv) {
    program_name = "placement";
    program_usage = "usage: placement PORT CONNECTIONS MILLISECONDS SECONDS";
    if (argc != 5) {
        std::fprintf(stderr, "%s\n", program_usage);
        return 2;
    }
    const auto port = static_cast<std::uint16_t>(number_of(argv[1], 65'535));
    const auto count = static_cast<std::uint32_t>(number_of(argv[2], 10'000));
    const std::chrono::milliseconds apart(number_of(argv[3], 10'000));
    const std::chrono::seconds span(number_of(argv[4], 3'600));

    std::vector<Connection> connections(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        connections[i].open(port);
        connections[i].send_next(i);
        receive_whole(connections[i]);
        std::this_thread::sleep_for(apart);
    }
    say_and_wait("open");
    const auto begin = Clock::now();
    std::uint64_t messages = 0;
    while (Clock::now() - begin < span) {
        for (std::uint32_t i = 0; i < count; ++i) {
            connections[i].send_next(i);
        }
        for (Connection& connection : connections) {
            receive_whole(connection);
        }
        messages += count;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    say_and_wait("closing");
    std::printf("messages %llu\nmessages_per_second %.0f\n",
                static_cast<unsigned long long>(messages), static_cast<double>(messages) / seconds);
    return 0;
}
