// The soak: the real host under random load for minutes. Honest clients verify every reply, others
// are killed, and hostile peers do what they can; meanwhile the host's memory, descriptors and
// threads are watched.
//
// The load comes in cycles, and after each it is let go to nothing, so that what is compared is a
// host at rest, and no moment of a busy one:
//   - descriptors and threads must be exactly as many as when the host was ready, before its first
//     connection;
//   - memory (resident, anonymous) after each cycle may exceed its peak after the first cycles by
//     memory_growth_kib_max. The first cycles begin with a surge, so what the host keeps (slots and
//     buffers, as many as it ever needed at once) is there after them; and the allocator is set to
//     give back what is free. What grows after that is a leak.
// At the end the host is stopped: it has no connection to drain, and its exit code is 0.
//
//   soak --host PROGRAM --client PROGRAM --plugins DIR --work DIR
//        [--seconds S] [--cycle-seconds S] [--rest-seconds S] [--seed N]
//        [--ports shared|per_core] [--backend epoll|io_uring] [--plant DEFECT]
//
// --plant takes for "echo" the plugin soaked#DEFECT (tests/plugins/soaked.c), which the soak must
// find. Exit codes: 0 all flat and right, 1 not, 2 wrong usage.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "host_log.hpp"
#include "process.hpp"
#include "world.hpp"

namespace portico::soak {

void World::complain(const std::string& text) {
    constexpr std::uint64_t printed_max = 20;
    const std::scoped_lock lock(mutex_);
    if (++complaints_ <= printed_max) {
        std::printf("WRONG: %s\n", text.c_str());
        std::fflush(stdout);
    }
}

std::uint64_t World::complaints() {
    const std::scoped_lock lock(mutex_);
    return complaints_;
}

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr int warm_up_cycles = 2;
constexpr std::uint64_t memory_growth_kib_max = 2'048;
constexpr std::size_t honest_count = 3;
constexpr std::size_t killed_count = 1;
constexpr std::size_t hostile_count = 6;

volatile sig_atomic_t interrupted = 0;

struct Options {
    std::string host, client, plugins, work, plant;
    std::string ports = "per_core";
    std::string backend = "epoll";
    seconds duration{120};
    seconds rest{30};  // within which everything must be given back
    seconds cycle{0};  // 0: as long as gives eight, from 10 s to a minute
    std::uint64_t seed = static_cast<std::uint64_t>(
        std::chrono::system_clock::now().time_since_epoch().count());
};

bool parse(int argc, char** argv, Options& options) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        const std::string value = argv[i + 1];
        const auto number = [&] { return std::strtoull(value.c_str(), nullptr, 10); };
        if (name == "--host") {
            options.host = value;
        } else if (name == "--client") {
            options.client = value;
        } else if (name == "--plugins") {
            options.plugins = value;
        } else if (name == "--work") {
            options.work = value;
        } else if (name == "--plant") {
            options.plant = value;
        } else if (name == "--ports") {
            options.ports = value;
        } else if (name == "--backend") {
            options.backend = value;
        } else if (name == "--seconds") {
            options.duration = seconds(number());
        } else if (name == "--cycle-seconds") {
            options.cycle = seconds(number());
        } else if (name == "--rest-seconds") {
            options.rest = seconds(number());
        } else if (name == "--seed") {
            options.seed = number();
        } else {
            return false;
        }
    }
    if (options.cycle.count() == 0) {
        options.cycle = std::clamp(options.duration / 8, seconds(10), seconds(60));
    }
    return argc % 2 == 1 && !options.host.empty() && !options.client.empty() &&
           !options.plugins.empty() && !options.work.empty();
}

// Small buffers, so that a pool that grows once more by what it grows at once makes little
// difference.
void write_configuration(const Options& options, const std::string& name) {
    const std::string echo = options.plant.empty() ? "echo" : "soaked#" + options.plant;
    const std::string frame_bytes = std::to_string(frame_bytes_max);
    std::ofstream(name)
        << R"({ "plugin_directory": ")" << options.plugins << R"(", "io": { "backend": ")"
        << options.backend << R"(", "ports": ")" << options.ports
        << R"(", "threads": 4, "receive_buffer_bytes": 4096, "receive_buffers": 256 },
  "listeners": [
    { "name": "echo", "listen": "127.0.0.1:0", "plugin": ")"
        << echo << R"(", "limits": { "connections": 400, "send_queue_bytes": 65536 } },
    { "name": "narrow", "listen": "127.0.0.1:0", "plugin": "echo", "limits": { "connections": )"
        << narrow_connections << R"(, "send_queue_bytes": 65536 } },
    { "name": "lines", "listen": "127.0.0.1:0", "plugin": "echo",
      "framing": { "type": "delimiter", "delimiter": "\r\n", "max_bytes": )"
        << frame_bytes << R"( }, "limits": { "connections": 200, "send_queue_bytes": 65536 } },
    { "name": "messages", "listen": "127.0.0.1:0", "plugin": "echo",
      "framing": { "type": "length_prefix", "max_bytes": )"
        << frame_bytes << R"( }, "limits": { "connections": 200, "send_queue_bytes": 65536 } },
    { "name": "ack", "listen": "127.0.0.1:0", "plugin": "ack",
      "limits": { "connections": 200, "send_queue_bytes": 65536 } },
    { "name": "blocking", "listen": "127.0.0.1:0", "plugin": "soaked#blocking",
      "limits": { "connections": 200, "send_queue_bytes": 65536 } },
    { "name": "impatient", "listen": "127.0.0.1:0", "plugin": "echo",
      "limits": { "connections": 100, "idle_timeout_ms": )"
        << impatient_timeout_ms << R"(, "send_queue_bytes": 65536 } } ],
  "log": { "level": "debug", "access": false } }
)";
}

template <class Condition>
bool eventually(Condition&& condition, seconds limit) {
    const auto deadline = Clock::now() + limit;
    while (!condition()) {
        if (Clock::now() >= deadline) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
}

std::string mib(std::uint64_t kib) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", static_cast<double>(kib) / 1'024);
    return text;
}

class Soak {
public:
    explicit Soak(const Options& options)
        : options_(options), random_(options.seed), begun_(Clock::now()) {
        world_.client = options.client;
        world_.work = options.work;
    }

    bool run() {
        if (!start()) {
            return false;
        }
        for (int cycle = 1; cycle <= warm_up_cycles + 1 ||
                            (Clock::now() - begun_ + options_.cycle <= options_.duration);
             ++cycle) {
            load(cycle);
            if (!come_to_rest(cycle) || interrupted != 0) {
                break;
            }
        }
        stop();
        print_table();
        return world_.complaints() == 0;
    }

private:
    struct Cycle {
        double seconds = 0;
        std::uint64_t connections = 0, replies = 0, acts = 0, kills = 0, busiest_kib = 0;
        Process::Resources at_rest;
    };

    bool start() {
        const std::string name = options_.work + "/soak.json";
        write_configuration(options_, name);
        log_ = std::make_unique<HostLog>(options_.work + "/host.pipe", options_.work + "/host.log");
        host_ = std::make_unique<Process>(std::vector<std::string>{options_.host, "--config", name},
                                          options_.work + "/host.pipe");
        if (!eventually(
                [&] { return !log_->line_with(" ready").empty() || host_->wait({}).has_value(); },
                seconds(60)) ||
            log_->line_with(" ready").empty()) {
            world_.complain("the host does not become ready; see " + options_.work + "/host.log");
            return false;
        }
        for (const char* listener : listener_names) {
            const std::string line = log_->line_with("listener=" + std::string(listener) +
                                                     " listening on ");
            world_.ports[listener] = static_cast<std::uint16_t>(
                std::strtoul(line.substr(line.rfind(':') + 1).c_str(), nullptr, 10));
        }
        ready_ = host_->resources();
        say("ready: " + text_of(ready_));
        return true;
    }

    // One after the other from the soak's one seed, so that a run with the same seed does the same.
    void load(int cycle) {
        const auto began = Clock::now();
        world_.let_go = false;
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < honest_count; ++i) {
            threads.emplace_back(run_honest_clients, std::ref(world_), Random(random_()), i);
        }
        for (std::size_t i = 0; i < killed_count; ++i) {
            threads.emplace_back(run_killed_clients, std::ref(world_), Random(random_()), i);
        }
        for (std::size_t i = 0; i < hostile_count; ++i) {
            threads.emplace_back(run_hostile_peers, std::ref(world_), Random(random_()));
        }
        Cycle& now = cycles_.emplace_back();
        if (cycle <= warm_up_cycles) {
            // Until the memory stands still, or for five seconds.
            std::uint64_t before = 0;
            int still = 0;
            const auto give_up = Clock::now() + seconds(5);
            surge(world_, [&] {
                now.busiest_kib = std::max(now.busiest_kib, host_->resources().memory_kib);
                const std::uint64_t last = std::exchange(before, host_->resources().memory_kib);
                still = before == last ? still + 1 : 0;
                return still == 5 || Clock::now() >= give_up;
            });
        }
        const auto until = began + options_.cycle;
        while (Clock::now() < until && interrupted == 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
            now.busiest_kib = std::max(now.busiest_kib, host_->resources().memory_kib);
            if (Clock::now() >= next_line_) {
                next_line_ += seconds(10);
                say("cycle " + std::to_string(cycle) + ": " + figures() + "; " +
                    text_of(host_->resources()));
            }
        }
        world_.let_go = true;
        for (std::thread& thread : threads) {
            thread.join();
        }
    }

    bool come_to_rest(int cycle) {
        Cycle& now = cycles_.back();
        const bool is_flat = eventually(
            [&] {
                now.at_rest = host_->resources();
                return now.at_rest.descriptors == ready_.descriptors &&
                       now.at_rest.threads == ready_.threads;
            },
            options_.rest);
        now.seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
        now.connections = world_.connections;
        now.replies = world_.replies;
        now.acts = world_.hostile_acts;
        now.kills = world_.kills;
        if (!is_flat) {
            world_.complain(host_->wait({}) ? "the host is gone; see " + options_.work + "/host.log"
                                            : "the host at rest has " + text_of(now.at_rest) +
                                                  "; when it was ready " + text_of(ready_));
            return false;
        }
        if (cycle <= warm_up_cycles) {
            warm_kib_ = std::max(warm_kib_, now.at_rest.memory_kib);
            warm_connections_ = now.connections;
        } else if (now.at_rest.memory_kib > warm_kib_ + memory_growth_kib_max) {
            world_.complain("the host at rest has " + mib(now.at_rest.memory_kib) +
                            " MiB of memory; after " + std::to_string(warm_up_cycles) + " cycles " +
                            mib(warm_kib_) + " MiB, and " + mib(memory_growth_kib_max) +
                            " more are allowed");
        }
        return world_.complaints() == 0;
    }

    void stop() {
        host_->signal(SIGTERM);
        const auto code = host_->wait(seconds(60));
        if (code != 0) {
            world_.complain("the host " + (code ? "ended with " + std::to_string(*code)
                                                : std::string("does not end")));
            host_.reset();
        }
        log_.reset();  // has read everything
        const std::string log = text_of_file(options_.work + "/host.log");
        if (code == 0 && (log.find("draining 0 connections") == std::string::npos ||
                          !log.ends_with(" stopped\n"))) {
            world_.complain("the host had connections to drain, or did not say \"stopped\"; see " +
                            options_.work + "/host.log");
        }
    }

    void print_table() const {
        std::printf("\n%5s %8s %12s %14s %10s %8s %12s %8s %11s %14s\n", "cycle", "seconds",
                    "connections", "replies", "hostile", "killed", "descriptors", "threads",
                    "memory MiB", "when busy MiB");
        int number = 0;
        for (const Cycle& cycle : cycles_) {
            std::printf("%5d %8.1f %12llu %14llu %10llu %8llu %12llu %8llu %11s %14s\n", ++number,
                        cycle.seconds, of(cycle.connections), of(cycle.replies), of(cycle.acts),
                        of(cycle.kills), of(cycle.at_rest.descriptors), of(cycle.at_rest.threads),
                        mib(cycle.at_rest.memory_kib).c_str(), mib(cycle.busiest_kib).c_str());
        }
        std::printf("replies wrong %llu, lost %llu\n", of(world_.wrong), of(world_.lost));
        if (cycles_.size() > warm_up_cycles && cycles_.back().connections > warm_connections_) {
            std::printf(
                "memory may grow by %s MiB after cycle %d: a leak of %llu bytes for each "
                "connection would have been found\n",
                mib(memory_growth_kib_max).c_str(), warm_up_cycles,
                of(memory_growth_kib_max * 1'024 /
                   (cycles_.back().connections - warm_connections_)));
        }
    }

    static unsigned long long of(std::uint64_t number) { return number; }

    static std::string text_of(const Process::Resources& resources) {
        return std::to_string(resources.descriptors) + " descriptors, " +
               std::to_string(resources.threads) + " threads, " + mib(resources.memory_kib) +
               " MiB";
    }

    std::string figures() const {
        return std::to_string(world_.connections) + " connections, " +
               std::to_string(world_.replies) + " replies, " + std::to_string(world_.wrong) +
               " wrong, " + std::to_string(world_.lost) + " lost; " +
               std::to_string(world_.hostile_acts) + " hostile acts, " +
               std::to_string(world_.kills) + " kills";
    }

    void say(const std::string& text) const {
        const auto since = std::chrono::duration_cast<seconds>(Clock::now() - begun_);
        std::printf("[%4lld s] %s\n", static_cast<long long>(since.count()), text.c_str());
        std::fflush(stdout);
    }

    const Options& options_;
    Random random_;
    World world_;
    const Clock::time_point begun_;
    Clock::time_point next_line_ = begun_ + seconds(10);
    std::unique_ptr<HostLog> log_;  // ends after the host
    std::unique_ptr<Process> host_;
    Process::Resources ready_;
    std::vector<Cycle> cycles_;
    std::uint64_t warm_kib_ = 0;
    std::uint64_t warm_connections_ = 0;
};

}  // namespace
}  // namespace portico::soak

int main(int argc, char** argv) {
    using namespace portico::soak;
    Options options;
    if (!parse(argc, argv, options)) {
        std::fprintf(stderr, "usage: see tests/soak/main.cpp\n");
        return 2;
    }
    for (const int number : {SIGINT, SIGTERM}) {
        ::signal(number, [](int) { interrupted = 1; });
    }
    ::signal(SIGPIPE, SIG_IGN);
    // Free memory goes back to the system, or it would hide what is lost.
    ::setenv("MALLOC_TRIM_THRESHOLD_", "65536", 1);
    ::setenv("MALLOC_MMAP_THRESHOLD_", "65536", 1);
    std::filesystem::create_directories(options.work);
    std::printf("seed %llu, %s, %s\n", static_cast<unsigned long long>(options.seed),
                options.backend.c_str(), options.ports.c_str());
    std::fflush(stdout);
    const bool is_right = Soak(options).run();
    std::printf("%s\n", is_right ? "flat, and nothing wrong or lost"
                                 : "NOT as it must be; the same again: --seed with the seed above");
    return is_right ? 0 : 1;
}
