#include "watch.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace portico::chaos {

namespace {

constexpr Ms sampled_every{50};

}  // namespace

Watch::Watch(pid_t host, bool in_emulator) : host_(host) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/proc", error), end;
         in_emulator && !error && entry != end; entry.increment(error)) {
        std::string name;
        if (std::ifstream(entry->path() / "comm") >> name && name.starts_with("wineserver")) {
            servers_.push_back(static_cast<pid_t>(std::atoi(entry->path().filename().c_str())));
        }
    }
    thread_ = std::thread([this] { watch(); });
}

Watch::~Watch() {
    ends_ = true;
    thread_.join();
}

void Watch::add(const LoopClock& loop) {
    const std::scoped_lock lock(mutex_);
    loops_.push_back(&loop);
}

void Watch::add_suspension(Time from, Time to) {
    const std::scoped_lock lock(mutex_);
    suspensions_.push_back({from, to});
}

void Watch::watch() {
    while (!ends_) {
        memory_peak_kib_ = std::max<std::uint64_t>(memory_peak_kib_, memory_kib());
        {
            const std::scoped_lock lock(mutex_);
            samples_.push_back(sample());
        }
        std::this_thread::sleep_for(sampled_every);
    }
}

Watch::Sample Watch::sample() const {
    Sample taken{.at = Clock::now(), .late_ns = {}, .threads = threads_of(host_), .servers = {}};
    for (const pid_t server : servers_) {
        taken.servers.merge(threads_of(server));
    }
    for (const LoopClock* loop : loops_) {
        taken.late_ns.push_back(loop->late_ns());
    }
    return taken;
}

// The first two figures of "schedstat" are the nanoseconds for which a thread ran, and waited for a
// processor.
Watch::Threads Watch::threads_of(pid_t process) {
    Threads found;
    const std::string folder = "/proc/" + std::to_string(process) + "/task";
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        Thread thread;
        if (std::ifstream(entry->path() / "schedstat") >> thread.ran_ns >> thread.waited_ns) {
            found[static_cast<pid_t>(std::atoi(entry->path().filename().c_str()))] = thread;
        }
    }
    return found;
}

std::size_t Watch::count_own_threads(pid_t process) {
    std::size_t count = 0;
    std::error_code error;
    for (std::filesystem::directory_iterator
             entry("/proc/" + std::to_string(process) + "/task", error),
         end;
         !error && entry != end; entry.increment(error)) {
        std::string name;
        std::ifstream(entry->path() / "comm") >> name;
        count += name.starts_with("iou-wrk-") ? 0 : 1;
    }
    return count;
}

std::uint64_t Watch::memory_kib() const {
    std::ifstream status("/proc/" + std::to_string(host_) + "/status");
    for (std::string word; status >> word;) {
        std::uint64_t kib = 0;
        if (word == "RssAnon:" && status >> kib) {
            return kib;
        }
    }
    return 0;
}

Clock::duration Watch::deprived(Time from, Time to) const {
    const std::scoped_lock lock(mutex_);
    if (samples_.empty()) {
        return {};
    }
    const auto after = [](Time time, const Sample& sample) { return time < sample.at; };
    auto first = std::upper_bound(samples_.begin(), samples_.end(), from, after);
    first = first == samples_.begin() ? first : first - 1;
    const auto next = std::upper_bound(samples_.begin(), samples_.end(), to, after);
    const Sample last = next == samples_.end() ? sample() : *next;
    const auto worst_ns = [&](Threads Sample::*threads) {
        // A thread that has ended meanwhile counts up to its last sample.
        std::map<pid_t, std::int64_t> waited_ns;
        for (auto seen = first; seen != next; ++seen) {
            for (const auto& [id, thread] : (*seen).*threads) {
                waited_ns[id] = thread.waited_ns;
            }
        }
        for (const auto& [id, thread] : last.*threads) {
            waited_ns[id] = thread.waited_ns;
        }
        std::int64_t worst = 0;
        for (const auto& [id, waited] : waited_ns) {
            const auto before = ((*first).*threads).find(id);
            worst = std::max(
                worst,
                waited - (before == ((*first).*threads).end() ? 0 : before->second.waited_ns));
        }
        return worst;
    };
    // The host waits for each answer of the emulator's server, so the times of the two add up.
    const std::int64_t waited_ns = worst_ns(&Sample::threads) + worst_ns(&Sample::servers);
    std::int64_t latest_ns = 0;
    for (std::size_t i = 0; i < last.late_ns.size(); ++i) {
        latest_ns = std::max(latest_ns,
                             last.late_ns[i] - (i < first->late_ns.size() ? first->late_ns[i] : 0));
    }
    Clock::duration suspended{};
    for (const Span& span : suspensions_) {
        suspended += std::max(Clock::duration{}, std::min(span.to, to) - std::max(span.from, from));
    }
    return std::chrono::nanoseconds(waited_ns + latest_ns) + suspended;
}

Watch::Verdict Watch::verdict(Time from, Time to, Clock::duration limit) const {
    return to - from <= limit                        ? Verdict::in_time
           : to - from <= limit + deprived(from, to) ? Verdict::nobody_knows
                                                     : Verdict::too_late;
}

bool Watch::is_too_late(Findings& findings, Time from, Time to, Clock::duration limit) const {
    findings.judged();
    const Verdict found = verdict(from, to, limit);
    if (found == Verdict::nobody_knows) {
        findings.void_judgement();
    }
    return found == Verdict::too_late;
}

}  // namespace portico::chaos
