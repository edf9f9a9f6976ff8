// The project's own client, run again and again with random options: one kind works to its end, and
// every reply is verified; the other is killed with SIGKILL at a random moment.
#include <algorithm>
#include <csignal>
#include <iterator>
#include <sstream>
#include <thread>

#include "process.hpp"
#include "world.hpp"

namespace portico::soak {

namespace {

struct Run {
    std::vector<std::string> command;
    std::uint64_t replies = 0;  // that must come
};

std::string number_text(std::uint64_t number) {
    return std::to_string(number);
}

// Of a size that takes about a second at most.
Run draw(const World& world, Random& random) {
    static constexpr const char* kinds[] = {"echo",     "echo", "narrow",  "lines",
                                            "messages", "ack",  "blocking"};
    const std::string kind = kinds[between(random, 0, std::size(kinds) - 1)];
    static constexpr std::uint64_t sizes[] = {20, 500, 4'000, 30'000, 60'000};
    std::uint64_t size = sizes[between(random, 0, std::size(sizes) - 1)];
    std::uint64_t connections = between(random, 1, 64);
    std::uint64_t depth = between(random, 1, 16);
    std::uint64_t count_max = 200;
    std::vector<std::string> more;
    if (kind == "echo" && between(random, 0, 7) == 0) {
        size = 1'000'000;
        connections = between(random, 1, 8);
    } else if (kind == "lines") {
        more = {"--framing", "delimiter:\\r\\n"};
    } else if (kind == "messages") {
        more = {"--framing", "length_prefix:4"};
    } else if (kind == "ack") {
        // Unframed: a message must come in one piece to be one message.
        more = {"--expect", "text:Message received successfully"};
        size = 100;
        depth = 1;
    } else if (kind == "blocking") {
        count_max = 10;  // its callbacks sleep
    }
    constexpr std::uint64_t bytes_in_all = 20'000'000;
    const std::uint64_t count = between(
        random, 1, std::clamp<std::uint64_t>(bytes_in_all / (size * connections), 1, count_max));
    Run run;
    run.replies = connections * count;
    run.command = {world.client,
                   "127.0.0.1",
                   number_text(world.ports.at(kind)),
                   "--size",
                   "1-" + number_text(size),
                   "--connections",
                   number_text(connections),
                   "--count",
                   number_text(count),
                   "--depth",
                   number_text(depth),
                   "--seed",
                   number_text(random()),
                   "--timeout",
                   "30s"};
    run.command.insert(run.command.end(), more.begin(), more.end());
    return run;
}

// A figure of the client's summary.
std::uint64_t figure(const std::string& summary, const std::string& name) {
    std::istringstream lines(summary);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string first;
        std::uint64_t value = 0;
        if (words >> first >> value && first == name) {
            return value;
        }
    }
    return 0;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : " ") +
                (word.find(' ') == std::string::npos ? word : "\"" + word + "\"");
    }
    return text;
}

}  // namespace

void run_honest_clients(World& world, Random random, std::size_t number) {
    const std::string output = world.work + "/honest_" + std::to_string(number) + ".out";
    while (!world.let_go) {
        const Run run = draw(world, random);
        Process client(run.command, output);
        const auto code = client.wait(std::chrono::minutes(3));
        const std::string summary = text_of_file(output);
        const std::uint64_t received = figure(summary, "received");
        world.connections += figure(summary, "connections_opened");
        world.replies += received;
        world.wrong += figure(summary, "wrong");
        world.lost += figure(summary, "lost");
        if (code != 0 || received != run.replies) {
            world.complain(
                "an honest client " +
                (code ? "ended with " + std::to_string(*code) : std::string("did not end")) + ": " +
                joined(run.command) + "\n" + summary);
        }
    }
}

void run_killed_clients(World& world, Random random, std::size_t number) {
    const std::string output = world.work + "/killed_" + std::to_string(number) + ".out";
    while (!world.let_go) {
        Run run = draw(world, random);
        for (std::size_t i = 0; i < run.command.size(); ++i) {
            if (run.command[i] == "--count") {
                run.command[i] = "--duration";
                run.command[i + 1] = "1m";
            }
        }
        Process client(run.command, output);
        // The kill's moment is random; nothing is waited for.
        std::this_thread::sleep_for(std::chrono::milliseconds(between(random, 5, 400)));
        client.signal(SIGKILL);
        const auto code = client.wait(std::chrono::minutes(1));
        if (code != 128 + SIGKILL) {
            world.complain("a client ended before it was killed: " + joined(run.command) + "\n" +
                           text_of_file(output));
        }
        ++world.kills;
    }
}

}  // namespace portico::soak
