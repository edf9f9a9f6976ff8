// The plugin boundary: a plugin that does anything (fuzzed_plugin) meets the real Instance,
// Connection, Acceptor and Worker, on a port whose every outcome the input decides too
// (driven_port), in virtual time. After the last bytes peers end in order, the host drains, and all
// must be over.
//
// Two threads take turns, so each input is one run. On the worker the port asks for the next step.
// This one does on demand what other threads of a server do (a plugin's own, the one that stops).
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

#include "base/log.hpp"
#include "fuzz/driven_port.hpp"
#include "fuzz/fuzzed_plugin.hpp"
#include "fuzz/input.hpp"
#include "net/acceptor.hpp"
#include "net/drain.hpp"
#include "plugin/instance.hpp"

using namespace portico;

namespace {

class SilentLog final : public base::Log {
public:
    SilentLog() : Log(base::LogLevel::trace) {}
    void write(base::LogLevel, std::string_view, std::uint64_t,
               std::string_view text) noexcept override {
        size_ += text.size();
    }

private:
    std::size_t size_ = 0;
};

// Makes the other thread do something, and waits for it.
class Elsewhere {
public:
    void call(std::function<void()> action) {
        std::unique_lock lock(mutex_);
        action_ = std::move(action);
        changed_.notify_all();
        changed_.wait(lock, [&] { return action_ == nullptr; });
    }
    void end() {
        const std::scoped_lock lock(mutex_);
        ended_ = true;
        changed_.notify_all();
    }
    // The other thread: does what is asked of it until the end.
    void serve() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [&] { return action_ != nullptr || ended_; });
            if (action_ == nullptr) {
                return;
            }
            action_();
            action_ = nullptr;
            changed_.notify_all();
        }
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::function<void()> action_;
    bool ended_ = false;
};

constexpr std::size_t whole = SIZE_MAX;
constexpr std::size_t peers_max = 16;
constexpr std::uint64_t stop_deadline_ns = 4'711;  // the drain only passes it on

config::Listener read_listener(fuzz::Input& input) {
    config::Listener listener;
    listener.name = std::string(1 + input.byte() % 80, 'n');
    listener.plugin = "fuzzed";
    listener.settings.json = input.byte() % 16 == 15 ? R"({"never":"read"})" : "{}";
    config::Limits& limits = listener.limits;
    limits.connections = input.from_to(1, 4);
    limits.send_queue_bytes = input.from_to(64, 319);
    limits.send_queue_low_bytes = input.byte() % limits.send_queue_bytes;
    limits.max_send_bytes = input.from_to(1, 900);
    limits.unconsumed_bytes = input.from_to(1, 256);
    limits.idle_timeout_ms = input.flag() ? input.from_to(1, 256) : 0;
    limits.half_close_timeout_ms = input.from_to(1, 256);
    limits.close_timeout_ms = input.from_to(1, 512);
    config::Framing& framing = listener.framing;
    switch (input.byte() % 4) {
        case 2:
            framing.type = config::Framing::Type::delimiter;
            framing.delimiter = input.flag() ? "\n" : "ab";
            break;
        case 3:
            framing.type = config::Framing::Type::length_prefix;
            framing.prefix_bytes = 1U << input.byte() % 3;
            framing.order = input.flag() ? config::Framing::ByteOrder::little
                                         : config::Framing::ByteOrder::big;
            break;
        default: break;
    }
    framing.max_bytes = input.from_to(1, 64);
    return listener;
}

class World {
public:
    explicit World(fuzz::Input& input)
        : input_(input),
          listener_(read_listener(input)),
          plugin_(input, listener_),
          buffers_(input.from_to(1, 64), input.from_to(1, 8), io::BufferPool::Use::single,
                   net::SendQueue::chunk_overhead),
          chunks_(net::SendQueue::chunk_overhead + input.from_to(1, 128), input.from_to(1, 4),
                  io::BufferPool::Use::single),
          table_(listener_.limits.connections) {
        auto port = std::make_unique<fuzz::DrivenPort>(buffers_, [this](bool idle) { step(idle); });
        port_ = port.get();
        port_->batch_max = 1 + input.byte() % 8;
        port_->attach_fails = [this] { return input_.byte() == 0xFF; };
        port_->taken_at_once = [this](fuzz::Peer& peer, std::size_t bytes) {
            return taken_at_once(peer, bytes);
        };
        net::WorkerOptions options;
        options.batch = 64;
        options.mail_budget = input.from_to(1, 4);
        group_ = std::make_unique<net::WorkerGroup>(std::move(port), chunks_, options);
    }

    // The life of a server, in the steps of host/server.
    void run() {
        const plugin::Loaded loaded{nullptr, &plugin_.table(), "/plugins/fuzzed.so"};
        static_cast<void>(plugin::Instance(loaded, listener_, log_).validate(1));
        plugin_.check_gone();
        plugin_.serve(*port_);
        net::ConnectionContext context{.listener_name = listener_.name,
                                       .limits = listener_.limits,
                                       .framing = listener_.framing,
                                       .log = &log_,
                                       .pace = {},
                                       .loss_warnings = {}};
        auto instance = std::make_unique<plugin::Instance>(loaded, listener_, log_);
        context.protocol = instance.get();
        instance->strand().set_home(*group_);
        net::Acceptor acceptor(table_, *group_, {group_.get()},
                               instance->is_serial() ? &instance->strand() : nullptr, context);
        PORTICO_ASSERT(static_cast<bool>(acceptor.listen({})));
        acceptor_ = &acceptor;
        net::Drain drain(table_, {&acceptor}, [] {});
        drain_ = &drain;
        PORTICO_ASSERT(static_cast<bool>(group_->start()));
        if (instance->create(table_, context, *group_, 1).empty()) {
            group_->begin();
            acceptor.start([] {});
            elsewhere_.serve();
            PORTICO_ASSERT(acceptor.open_connections() == 0);
        } else {
            plugin_.unwind();
            port_->leave_alone();  // functions that create posted before it failed still run
            group_->begin();
        }
        instance->finish();
        group_->stop();
        plugin_.check_over();
        instance.reset();
        plugin_.check_destroyed();
        PORTICO_ASSERT(buffers_.in_use() == 0 && chunks_.in_use() == 0 &&
                       port_->outstanding() == 0);
    }

private:
    // The input decides what happens next: one thing, or several at once. When it is used up,
    // everything goes to its end in order.
    void step(bool idle) {
        PORTICO_ASSERT(acceptor_->open_connections() <= listener_.limits.connections);
        if (idle) {
            // not on the worker, whose last callback's connection may still count as its own
            elsewhere_.call([this] { plugin_.check_idle(); });
        }
        if (input_.empty()) {
            if (idle) {
                step_to_the_end();
            }
            return;
        }
        std::uint8_t what = 0;
        do {
            what = input_.byte();
            happen(what % 16);
        } while (what >= 0x80);
    }

    void happen(int what) {
        switch (what) {
            case 0:
            case 1: connect(); break;
            case 2:
            case 3:
            case 4: talk(); break;
            case 5:
                with_peer([&](fuzz::Peer& peer) { port_->complete_receive(peer, input_.byte()); });
                break;
            case 6:
                with_peer([&](fuzz::Peer& peer) { port_->complete_send(peer, input_.byte()); });
                break;
            case 7: with_peer([&](fuzz::Peer& peer) { port_->complete_send(peer, whole); }); break;
            case 8:
                with_peer([&](fuzz::Peer& peer) {
                    peer.ended = true;
                    port_->complete_receive(peer, whole);
                });
                break;
            case 9: misfortune(); break;
            case 10: port_->abort_cancelled(input_.byte()); break;
            case 11: port_->pass_time(input_.byte() * base::nanoseconds_per_millisecond); break;
            case 12:
            case 13:
            case 14: elsewhere_.call([this] { plugin_.act_elsewhere(); }); break;
            default: stop(); break;
        }
    }

    // The driver's share of one action with one of the peers that the host has not closed.
    template <class Action>
    void with_peer(Action action) {
        std::vector<fuzz::Peer*> open;
        for (fuzz::Peer& peer : port_->peers()) {
            if (peer.is_open) {
                open.push_back(&peer);
            }
        }
        if (!open.empty()) {
            action(*open[input_.byte() % open.size()]);
        }
    }

    void connect() {
        if (port_->peers().size() < peers_max) {
            port_->accept_peer();
        }
    }

    void talk() {
        with_peer([&](fuzz::Peer& peer) {
            if (!peer.ended) {
                peer.stream += input_.text(input_.byte() % 64);
            }
            port_->complete_receive(peer, input_.byte());
        });
    }

    void misfortune() {
        static constexpr io::Error errors[] = {io::Error::reset, io::Error::timed_out,
                                               io::Error::no_buffers, io::Error::other};
        const std::uint8_t kind = input_.byte();
        const io::Error error = errors[kind >> 4 & 3];
        switch (kind % 4) {
            case 0: port_->fail_accept(error); return;
            case 1:
                with_peer([&](fuzz::Peer& peer) {
                    peer.unacknowledged = kind >= 0x80 ? std::nullopt
                                                       : std::optional<std::uint64_t>(kind >> 4);
                });
                return;
            default: break;
        }
        with_peer([&](fuzz::Peer& peer) {
            peer.broken = peer.broken == io::Error::none ? error : peer.broken;
            if (kind % 4 == 2) {
                port_->complete_receive(peer, 0);
            } else {
                port_->complete_send(peer, 0);
            }
        });
    }

    std::size_t taken_at_once(fuzz::Peer& peer, std::size_t bytes) {
        const std::uint8_t kind = input_.byte();
        if (kind == 0xFF && peer.broken == io::Error::none) {
            peer.broken = io::Error::reset;
        }
        return kind < 0x40 ? bytes : kind < 0x80 ? 0 : std::min<std::size_t>(bytes, kind - 0x7F);
    }

    // Tells the host to stop; the third time, the deadline has passed.
    void stop() {
        elsewhere_.call([this] {
            if (!draining_) {
                draining_ = true;
                plugin_.drain_begun(stop_deadline_ns);
                drain_->begin({net::DrainReason::stop, stop_deadline_ns});
                over_ = drain_->step(false);
            } else if (!looked_again_) {
                looked_again_ = true;  // on_stop has returned meanwhile, or will never
                over_ = drain_->step(false);
            } else {
                plugin_.cut_begun();
                over_ = drain_->step(true);
            }
        });
    }

    // Lets one thing go on as in a world without faults, each in turn until nothing does. Then time
    // passes, and then the host stops.
    void step_to_the_end() {
        PORTICO_ASSERT(++last_steps_ < 10'000);
        bool goes_on = false;
        while (port_->abort_cancelled(0)) {
            goes_on = true;
        }
        for (fuzz::Peer& peer : port_->peers()) {
            if (peer.is_open) {
                goes_on = port_->complete_send(peer, whole) || goes_on;
                peer.ended = true;
                goes_on = port_->complete_receive(peer, whole) || goes_on;
            }
        }
        if (goes_on) {
            return;
        }
        if (const std::optional<std::uint64_t> next = port_->until_next_timer();
            next && times_passed_ < 64) {
            ++times_passed_;
            port_->pass_time(*next);
            return;
        }
        if (!over_) {
            stop();
            times_passed_ = 0;
            return;
        }
        port_->leave_alone();
        elsewhere_.end();
    }

    fuzz::Input& input_;
    const config::Listener listener_;
    SilentLog log_;
    fuzz::FuzzedPlugin plugin_;
    io::BufferPool buffers_;
    io::BufferPool chunks_;
    net::ConnectionTable table_;
    fuzz::DrivenPort* port_ = nullptr;  // group_'s
    std::unique_ptr<net::WorkerGroup> group_;
    const net::Acceptor* acceptor_ = nullptr;
    net::Drain* drain_ = nullptr;
    Elsewhere elsewhere_;
    bool draining_ = false;
    bool looked_again_ = false;
    bool over_ = false;
    int last_steps_ = 0;
    int times_passed_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    World world(input);
    world.run();
    return 0;
}
