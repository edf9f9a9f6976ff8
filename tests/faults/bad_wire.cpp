// A bad wire between two network name spaces: it carries packets from one TUN interface to another,
// loses some, delays all, lets some overtake others and doubles some, as the seed decides. It does
// what `tc netem` does, even if the kernel has no netem.
//
//   bad_wire SEED HERE OTHER-NAMESPACE THERE
//
// HERE and THERE are existing TUN interfaces: HERE in the program's own name space, THERE in that
// of the file (/proc/PID/ns/net). Prints "ready" when it carries packets, and at SIGTERM what it
// has done:
//
//   carried N lost N overtaken N doubled N
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <queue>
#include <random>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t per_mille_lost = 20;
constexpr std::uint32_t per_mille_overtaken = 50;
constexpr std::uint32_t per_mille_doubled = 10;
constexpr std::chrono::microseconds delay{5'000};  // each way
// longer in flight than those that came after it
constexpr std::chrono::microseconds overtaken{3'000};
// in flight at once; any more are lost, as in any queue
constexpr std::size_t packets_max = 4'096;

volatile sig_atomic_t over = 0;

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

int attach(const char* name) {
    const int file = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        give_up("/dev/net/tun");
    }
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (::ioctl(file, TUNSETIFF, &request) != 0) {
        give_up(name);
    }
    return file;
}

struct Packet {
    Clock::time_point due;
    std::uint64_t number = 0;  // equal instants keep their order
    int to = -1;
    std::vector<char> bytes;
};
struct Later {
    bool operator()(const Packet& a, const Packet& b) const {
        return a.due != b.due ? a.due > b.due : a.number > b.number;
    }
};

class Wire {
public:
    explicit Wire(std::uint32_t seed) : random_(seed) {}

    void take_all(int from, int to) {
        std::array<char, 65'536> bytes;
        for (ssize_t size; (size = ::read(from, bytes.data(), bytes.size())) > 0;) {
            take(to, std::vector<char>(bytes.begin(), bytes.begin() + size));
        }
    }

    void give_what_is_due() {
        const Clock::time_point now = Clock::now();
        for (; !on_the_way_.empty() && on_the_way_.top().due <= now; on_the_way_.pop()) {
            const Packet& packet = on_the_way_.top();
            // A full interface loses it.
            if (::write(packet.to, packet.bytes.data(), packet.bytes.size()) > 0) {
                ++carried_;
            } else {
                ++lost_;
            }
        }
    }

    // At most a tenth of a second, so that a signal just before a wait is seen soon.
    [[nodiscard]] int ms_until_next() const {
        constexpr std::int64_t longest = 100;
        if (on_the_way_.empty()) {
            return longest;
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(on_the_way_.top().due -
                                                                       Clock::now());
        return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, longest));
    }

    void report() const {
        std::printf("carried %llu lost %llu overtaken %llu doubled %llu\n", carried_, lost_,
                    overtaken_, doubled_);
    }

private:
    void take(int to, std::vector<char> bytes) {
        if (happens(per_mille_lost) || on_the_way_.size() >= packets_max) {
            ++lost_;
            return;
        }
        Clock::time_point due = Clock::now() + delay;
        if (happens(per_mille_doubled)) {
            ++doubled_;
            on_the_way_.push({due, number_++, to, bytes});
        }
        if (happens(per_mille_overtaken)) {
            ++overtaken_;
            due += overtaken;
        }
        on_the_way_.push({due, number_++, to, std::move(bytes)});
    }

    bool happens(std::uint32_t per_mille) { return random_() % 1'000 < per_mille; }

    std::mt19937 random_;
    std::priority_queue<Packet, std::vector<Packet>, Later> on_the_way_;
    std::uint64_t number_ = 0;
    unsigned long long carried_ = 0;
    unsigned long long lost_ = 0;
    unsigned long long overtaken_ = 0;
    unsigned long long doubled_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fprintf(stderr, "usage: bad_wire SEED HERE OTHER-NAMESPACE THERE\n");
        return 2;
    }
    ::signal(SIGTERM, [](int) { over = 1; });
    const int here = attach(argv[2]);
    const int name_space = ::open(argv[3], O_RDONLY | O_CLOEXEC);
    if (name_space < 0 || ::setns(name_space, CLONE_NEWNET) != 0) {
        give_up(argv[3]);
    }
    const int there = attach(argv[4]);
    std::puts("ready");
    std::fflush(stdout);

    Wire wire(static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10)));
    while (over == 0) {
        pollfd ends[] = {{here, POLLIN, 0}, {there, POLLIN, 0}};
        ::poll(ends, 2, wire.ms_until_next());
        wire.take_all(here, there);
        wire.take_all(there, here);
        wire.give_what_is_due();
    }
    wire.report();
    return 0;
}
