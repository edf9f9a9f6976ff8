#include "plan.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <random>
#include <sstream>

namespace portico::chaos {

namespace {

constexpr std::uint32_t frame_bytes_max = 65'536;
constexpr std::uint32_t traffic_ms = 6'000;  // the acts of the traffic begin within it

class Draw {
public:
    explicit Draw(Plan& plan) : plan_(plan), random_(plan.seed) {}

    void all() {
        draw_io();
        draw_listeners();
        draw_quiet_acts();
        draw_traffic();
        draw_suspensions();
        draw_stop();
    }

private:
    std::uint32_t between(std::uint32_t least, std::uint32_t most) {
        return least + static_cast<std::uint32_t>(random_() % (most - least + 1));
    }
    // Each magnitude is as likely as the others.
    std::uint32_t magnitude(std::uint32_t least, std::uint32_t most) {
        const double span = std::log2(static_cast<double>(most) / least);
        const double u = static_cast<double>(random_() >> 11) / 9007199254740992.0;
        return std::clamp(static_cast<std::uint32_t>(least * std::exp2(span * u)), least, most);
    }
    bool one_in(std::uint32_t chance) { return random_() % chance == 0; }
    template <class T>
    T any_of(std::initializer_list<T> values) {
        return *(values.begin() + random_() % values.size());
    }
    std::uint32_t scaled(std::uint32_t count) const {
        return plan_.on_windows ? std::max(1U, count / 8) : count;
    }

    void draw_io() {
        plan_.threads = between(1, 4);
        plan_.receive_buffer_bytes = any_of<std::uint32_t>({512, 4'096, 16'384, 65'536});
        plan_.receive_buffers = any_of<std::uint32_t>({64, 64, 256, 4'096});
        plan_.drain_ms = any_of<std::uint32_t>({300, 1'000, 2'500});
    }

    std::size_t add(ListenerPlan listener) {
        listener.is_v6 = one_in(4);
        plan_.listeners.push_back(std::move(listener));
        return plan_.listeners.size() - 1;
    }
    Framing any_framing() {
        return any_of({Framing::none, Framing::none, Framing::delimiter, Framing::length_prefix});
    }
    std::uint32_t any_queue() {
        return any_of<std::uint32_t>({2'048, 16'384, 65'536, 262'144, 1'048'576});
    }
    std::uint32_t any_timeout(std::uint32_t least, std::uint32_t most) {
        return magnitude(least, most) / 50 * 50;
    }

    void draw_listeners() {
        add({.name = "beside"});
        echo_ = add({.name = "echo",
                     .framing = any_framing(),
                     .send_queue_bytes = any_queue(),
                     .close_ms = any_timeout(600, 2'500)});
        timed_ = add({.name = "timed",
                      .framing = any_framing(),
                      .send_queue_bytes = any_queue(),
                      .idle_ms = any_timeout(400, 2'000),
                      .close_ms = any_timeout(600, 2'500)});
        ack_ = add({.name = "ack",
                    .plugin = Plugin::ack,
                    .framing = any_of({Framing::none, Framing::delimiter}),
                    .send_queue_bytes = any_queue(),
                    .close_ms = any_timeout(600, 2'500),
                    .reply_bytes = magnitude(1, 4'096)});
        once_ = add({.name = "once",
                     .plugin = Plugin::ack_once,
                     .framing = any_of({Framing::none, Framing::delimiter}),
                     .close_ms = any_timeout(600, 2'500),
                     .reply_bytes = magnitude(1, 65'536)});
        large_ = add({.name = "large",
                      .plugin = Plugin::large,
                      .send_queue_bytes = any_queue(),
                      .close_ms = any_timeout(600, 2'500),
                      .unit_bytes = magnitude(1'024, 65'536)});
        holds_ = add({.name = "holds", .plugin = Plugin::holds});
        stays_ = add({.name = "stays",
                      .plugin = Plugin::stays,
                      .framing = any_framing(),
                      .send_queue_bytes = any_queue(),
                      .half_close_ms = any_timeout(600, 2'500),
                      .close_ms = any_timeout(600, 2'500)});
        narrow_ = add({.name = "narrow", .framing = any_framing(), .connections = between(1, 24)});
        slow_ = add({.name = "slow", .plugin = Plugin::slow, .framing = Framing::delimiter});
        door_ = add({.name = "door", .connections = between(1, 4)});
    }

    // The acts before the traffic lead to a state in which nothing can move.
    void draw_quiet_acts() {
        if (!one_in(4)) {
            Act& act = begin("stuck", Phase::before, any_of({echo_, echo_, stays_}), between(1, 6));
            // The end of its stream arrives if the host's own buffers take the rest.
            act.peer.bytes = one_in(2) ? magnitude(100'000, 8'000'000)
                                       : between(2'000'000, 7'000'000);
            act.peer.receive_buffer = one_in(3) ? 0 : any_buffer();
            stick(act.peer);
        }
        if (!one_in(3)) {
            Act& act = begin("asked for too much", Phase::before, large_, between(1, 6));
            act.peer.bytes = between(1, 2);
            act.peer.receive_buffer = any_buffer();
            stick(act.peer);
        }
        if (one_in(3)) {
            Act& act = begin("acknowledged, and does not read", Phase::before, ack_,
                             between(1, 90));
            act.peer.bytes = magnitude(10'000, 200'000);
            act.peer.write_bytes = 4'096;
            act.peer.receive_buffer = 2'048;
            act.peer.send_buffer = 4'096;
            stick(act.peer);
        }
        if (one_in(2)) {
            // More peers than there are buffers, each with something unread besides.
            const std::uint32_t buffers = plan_.receive_buffers *
                                          (plan_.ports == "per_core" ? plan_.threads : 1);
            Act& act = begin("held", Phase::before, holds_,
                             buffers <= 512 && one_in(2) ? buffers + buffers / 3 : between(1, 200));
            act.peer.bytes = between(2, 4);
            act.peer.write_bytes = 1;
            act.peer.write_every_ms = between(20, 100);
            act.peer.last = PeerPlan::Last::stay;
            act.peer.release = any_of(
                {PeerPlan::Release::finish, PeerPlan::Release::finish, PeerPlan::Release::reset});
        }
        if (one_in(2)) {
            Act& act = begin("idle by the thousand", Phase::before,
                             any_of<std::size_t>({0, echo_, ack_}), scaled(magnitude(50, 3'000)));
            act.spread_ms = between(1, 1'500);
            act.peer.last = PeerPlan::Last::stay;
            act.peer.release = any_of(
                {PeerPlan::Release::finish, PeerPlan::Release::reset, PeerPlan::Release::close});
        }
        if (one_in(6)) {
            // Uses up the chunks of a pool, and then sends replies of a few bytes beyond it.
            plan_.listeners[large_].send_queue_bytes = plan_.listeners[ack_]
                                                           .send_queue_bytes = 1'048'576;
            plan_.listeners[ack_].framing = Framing::delimiter;
            plan_.listeners[ack_].reply_bytes = any_of<std::uint32_t>({1, 1, 2, 29});
            plan_.listeners[large_].unit_bytes = 65'536;
            plan_.receive_buffers = 64;  // so that little other memory is allowed
            Act& filler = begin("full queues", Phase::before, large_, 70 * plan_.threads);
            filler.peer.bytes = 1;
            filler.peer.receive_buffer = 2'048;
            filler.peer.segment = 536;
            stick(filler.peer);
            // They are too many to get all that they are owed in time.
            filler.peer.release = PeerPlan::Release::reset;
            Act& crumbs = begin("crumbs", Phase::before, ack_, between(1, 2));
            crumbs.start_ms = 1'000;
            crumbs.peer.bytes = 700'000 / plan_.listeners[ack_].reply_bytes;
            crumbs.peer.message_bytes_max = 1;
            crumbs.peer.write_bytes = 60'000;
            crumbs.peer.receive_buffer = 2'048;
            crumbs.peer.segment = 536;
            stick(crumbs.peer);
        }
    }

    void stick(PeerPlan& peer) {
        peer.read_after_ms = PeerPlan::never;
        peer.ends_its_side = one_in(2);
        peer.last = PeerPlan::Last::stay;
        peer.release = any_of({PeerPlan::Release::finish, PeerPlan::Release::finish,
                               PeerPlan::Release::reset, PeerPlan::Release::close});
    }

    int any_buffer() { return static_cast<int>(magnitude(1'024, 262'144)); }
    int any_segment() { return one_in(3) ? static_cast<int>(magnitude(88, 16'000)) : 0; }

    Act& begin(const char* what, Phase phase, std::size_t listener, std::uint32_t count) {
        Act& act = plan_.acts.emplace_back();
        act.what = what;
        act.phase = phase;
        act.listener = listener;
        act.count = count;
        if (phase == Phase::traffic) {
            act.start_ms = between(0, traffic_ms);
            act.spread_ms = one_in(2) ? 0 : between(0, 1'500);
        }
        return act;
    }

    void draw_traffic() {
        draw_slow_callbacks();
        for (std::uint32_t acts = between(5, 9); acts > 0; --acts) {
            switch (between(0, 11)) {
                case 0:
                case 1: steady_reader(); break;
                case 2: byte_by_byte(); break;
                case 3: bursts(); break;
                case 4: storm(); break;
                case 5: resets(); break;
                case 6: idle_for_a_time(); break;
                case 7: reads_late(); break;
                case 8: ordinary(); break;
                case 9: crowd_before_a_door(); break;
                case 10: stays_half_closed(); break;
                default: large_replies(); break;
            }
        }
    }

    // A host that was suspended must look at what has come meanwhile before it calls a connection
    // idle.
    void draw_suspensions() {
        if (plan_.on_windows || plan_.has_long_callbacks || !one_in(4)) {
            return;
        }
        std::uint32_t after_ms = 0;
        for (std::uint32_t count = between(1, 4); count > 0; --count) {
            const Suspension next{after_ms + between(500, 1'500), between(100, 1'000)};
            plan_.suspensions.push_back(next);
            after_ms = next.after_ms + next.for_ms;
        }
        bursts();
        plan_.acts.back().listener = timed_;
        plan_.acts.back().peer.silence_ms = plan_.listeners[timed_].idle_ms * 2 / 5;
    }

    // Half of the rounds have callbacks that hold up their worker: many short ones, or one at a
    // time that takes seconds.
    void draw_slow_callbacks() {
        ListenerPlan& listener = plan_.listeners[slow_];
        const std::uint32_t kind = between(0, 3);
        if (kind == 0 || (kind == 1 && plan_.threads < 2)) {
            listener.callback_ms = between(2, 20);
            Act& act = begin("many callbacks that take their time", Phase::traffic, slow_,
                             between(4, 40));
            act.start_ms = between(0, 1'500);
            plan_.slow_ms = listener.callback_ms * act.count;
            act.peer.bytes = 4'000;
            act.peer.message_bytes_max = 1;
            act.peer.write_bytes = 1;
            act.peer.asks_and_waits = true;
            act.peer.last = PeerPlan::Last::stay;
            idle_for_a_time();  // it must be cut in time nevertheless
        } else if (kind == 1) {
            listener.callback_ms = between(1'800, 3'000);
            plan_.slow_ms = listener.callback_ms;
            plan_.has_long_callbacks = true;
            Act& act = begin("a callback of seconds", Phase::traffic, slow_, 1);
            act.start_ms = between(0, 1'500);
            act.peer.bytes = 2;
            act.peer.message_bytes_max = 1;
            act.peer.write_bytes = 1;
            act.peer.write_every_ms = 1'300;
            act.peer.asks_and_waits = true;
            act.peer.last = PeerPlan::Last::leave;
            const std::uint32_t begins_ms = act.start_ms;
            // Another worker serves clients that come meanwhile, and also the client that gets the
            // place of one that has left.
            Act& door = begin("through a narrow door while a worker is busy", Phase::traffic, door_,
                              between(5, 16));
            door.start_ms = begins_ms + 400;
            door.spread_ms = 0;
            door.peer.bytes = 1;
            door.peer.over_within_ms = 1'000;
        }
    }

    // Reads all the time, at its rate, from a larger reply that is ready.
    void steady_reader() {
        Act& act = begin("a steady reader", Phase::traffic, any_of({echo_, echo_, timed_, stays_}),
                         between(1, 5));
        act.peer.receive_buffer = any_buffer();
        act.peer.segment = any_segment();
        act.peer.read_rate = magnitude(1'000, 1'000'000);
        act.peer.read_bytes = std::max(1U, act.peer.read_rate / 20);
        act.peer.bytes = std::max<std::uint64_t>(1'000,
                                                 std::uint64_t{act.peer.read_rate} * between(2, 8));
        if (one_in(2)) {
            // Some get just as much as the host's buffers take at once: then the host has only to
            // flush.
            act.peer.bytes = one_in(2) ? magnitude(500'000, 6'000'000)
                                       : between(2'400'000, 3'800'000);
        }
        act.peer.hurry_after_ms = between(5'000, 8'000);
        act.start_ms = between(0, traffic_ms / 3);
    }

    void byte_by_byte() {
        Act& act = begin("byte by byte", Phase::traffic, any_of({echo_, timed_, ack_, stays_}),
                         between(1, 12));
        act.peer.bytes = between(10, 600);
        act.peer.write_bytes = 1;
        act.peer.write_every_ms = between(
            1, std::min(60U, 4'000U / static_cast<std::uint32_t>(act.peer.bytes) + 1));
        act.peer.read_bytes = one_in(2) ? 1 : 65'536;
        end_somehow(act.peer);
    }

    void bursts() {
        Act& act = begin("bursts and silences", Phase::traffic, any_of({echo_, timed_, ack_}),
                         between(1, 12));
        act.peer.bytes = magnitude(1'000, 2'000'000);
        act.peer.write_bytes = magnitude(10, 65'536);
        act.peer.bytes = std::min<std::uint64_t>(act.peer.bytes, act.peer.write_bytes * 200ULL);
        act.peer.burst_writes = between(1, 50);
        // Either well within the idle timeout, or well beyond it.
        const std::uint32_t idle_ms = plan_.listeners[act.listener].idle_ms;
        act.peer.silence_ms = idle_ms == 0 ? between(50, 1'500) : idle_ms * 2 / 5;
        act.peer.bytes = std::min<std::uint64_t>(
            act.peer.bytes, std::uint64_t{act.peer.write_bytes} * act.peer.burst_writes *
                                std::max(1U, 4'000 / act.peer.silence_ms));
        act.peer.receive_buffer = one_in(2) ? any_buffer() : 0;
        end_somehow(act.peer);
    }

    void storm() {
        Act& act = begin("a storm", Phase::traffic, any_of({echo_, ack_, once_, narrow_, timed_}),
                         scaled(magnitude(30, 800)));
        act.spread_ms = one_in(2) ? 0 : 300;
        act.peer.bytes = between(1, 500);
        act.peer.last = any_of(
            {PeerPlan::Last::half_close, PeerPlan::Last::half_close, PeerPlan::Last::reset});
        act.peer.last_ms = between(0, 300);
    }

    void resets() {
        Act& act = begin("resets", Phase::traffic,
                         any_of({echo_, timed_, ack_, large_, stays_, once_}), between(1, 60));
        act.spread_ms = between(0, 2'000);
        act.peer.bytes = magnitude(1, 1'000'000);
        if (act.listener == large_) {
            act.peer.bytes = between(1, 3);
        }
        act.peer.receive_buffer = one_in(2) ? any_buffer() : 0;
        act.peer.read_after_ms = one_in(2) ? PeerPlan::never : 0;
        act.peer.last = any_of({PeerPlan::Last::reset, PeerPlan::Last::close});
        act.peer.last_ms = magnitude(1, 2'000);
    }

    void idle_for_a_time() {
        Act& act = begin("idle until the timeout", Phase::traffic, timed_, between(1, 40));
        act.peer.bytes = one_in(2) ? 0 : between(1, 100);
        act.peer.last = PeerPlan::Last::stay;
        act.peer.abandons = one_in(3);
        act.start_ms = between(0, 3'000);
    }

    void reads_late() {
        Act& act = begin("reads late", Phase::traffic, any_of({echo_, once_, ack_, large_}),
                         between(1, 10));
        act.peer.bytes = act.listener == large_ ? between(1, 3) : magnitude(1, 300'000);
        act.peer.receive_buffer = one_in(2) ? any_buffer() : 0;
        act.peer.segment = any_segment();
        act.peer.read_after_ms = plan_.listeners[act.listener].close_ms / 3;
        act.peer.read_bytes = magnitude(100, 65'536);
    }

    void ordinary() {
        Act& act = begin("ordinary", Phase::traffic, any_of({echo_, timed_, ack_, stays_}),
                         between(1, 30));
        act.peer.bytes = magnitude(1, 1'000'000);
        act.peer.write_bytes = magnitude(100, 65'536);
        act.peer.send_buffer = one_in(3) ? any_buffer() : 0;
        act.peer.receive_buffer = one_in(3) ? any_buffer() : 0;
        act.peer.segment = any_segment();
        end_somehow(act.peer);
    }

    void crowd_before_a_door() {
        Act& act = begin("a crowd before a narrow door", Phase::traffic, narrow_, between(10, 60));
        act.spread_ms = between(0, 1'000);
        act.peer.bytes = between(1, 2'000);
        act.peer.write_bytes = 100;
        act.peer.write_every_ms = between(1, 5);
    }

    void stays_half_closed() {
        Act& act = begin("waits at its half-close", Phase::traffic, stays_, between(1, 20));
        act.peer.bytes = between(1, 20'000);
        act.peer.abandons = one_in(4);
        act.start_ms = between(0, 3'000);
    }

    void large_replies() {
        Act& act = begin("large replies", Phase::traffic, large_, between(1, 8));
        act.peer.bytes = between(1, 2);
        act.peer.receive_buffer = one_in(2) ? any_buffer() : 0;
        act.peer.segment = any_segment();
        act.peer.read_rate = one_in(2) ? 0 : magnitude(10'000, 1'000'000);
        act.peer.read_bytes = act.peer.read_rate == 0 ? magnitude(100, 65'536)
                                                      : act.peer.read_rate / 20;
        act.peer.hurry_after_ms = between(4'000, 8'000);
        act.start_ms = between(0, traffic_ms / 3);
    }

    void end_somehow(PeerPlan& peer) {
        peer.last = any_of({PeerPlan::Last::half_close, PeerPlan::Last::half_close,
                            PeerPlan::Last::half_close, PeerPlan::Last::leave});
        peer.abandons = one_in(10);
    }

    // Connections that are open when the host is told to stop.
    void draw_stop() {
        Act& idle = begin("idle at the stop", Phase::stop,
                          any_of<std::size_t>({0, echo_, ack_, holds_}), between(0, 60));
        idle.peer.bytes = one_in(2) ? 0 : 20;
        idle.peer.last = PeerPlan::Last::stay;
        Act& busy = begin("busy at the stop", Phase::stop, any_of({echo_, ack_, stays_}),
                          between(0, 8));
        busy.peer.bytes = 50'000'000;
        busy.peer.write_bytes = magnitude(100, 65'536);
        busy.peer.write_every_ms = 1;
        busy.peer.last = PeerPlan::Last::stay;
        if (one_in(2)) {
            Act& stuck = begin("stuck at the stop", Phase::stop, any_of({echo_, large_, stays_}),
                               between(1, 6));
            stuck.peer.bytes = stuck.listener == large_ ? 2 : magnitude(10'000, 4'000'000);
            stuck.peer.receive_buffer = any_buffer();
            stick(stuck.peer);
        }
    }

    Plan& plan_;
    std::mt19937_64 random_;
    std::size_t echo_ = 0, timed_ = 0, ack_ = 0, once_ = 0, large_ = 0, holds_ = 0, stays_ = 0,
                narrow_ = 0, slow_ = 0, door_ = 0;
};

const char* name_of(Plugin plugin) {
    switch (plugin) {
        case Plugin::echo: return "echo";
        case Plugin::ack:
        case Plugin::ack_once: return "ack";
        case Plugin::slow: return "chaotic#slow";
        case Plugin::large: return "chaotic#large";
        case Plugin::holds: return "chaotic#holds";
        case Plugin::stays: return "chaotic#stays";
    }
    return "";
}

const char* name_of(Framing framing) {
    switch (framing) {
        case Framing::none: return "none";
        case Framing::delimiter: return "delimiter";
        case Framing::length_prefix: return "length_prefix";
    }
    return "";
}

std::string settings_of(const ListenerPlan& listener) {
    std::ostringstream text;
    switch (listener.plugin) {
        case Plugin::ack:
        case Plugin::ack_once:
            text << R"({ "reply": ")" << ack_reply(listener.reply_bytes) << R"(", "close_after": )"
                 << (listener.plugin == Plugin::ack_once ? "true" : "false") << " }";
            break;
        case Plugin::slow: text << R"({ "callback_ms": )" << listener.callback_ms << " }"; break;
        case Plugin::large: text << R"({ "unit_bytes": )" << listener.unit_bytes << " }"; break;
        default: text << "{}";
    }
    return text.str();
}

}  // namespace

char ack_byte(std::uint64_t index) {
    return static_cast<char>('a' + index % 26);
}

std::string ack_reply(std::uint32_t bytes) {
    std::string text(bytes, ' ');
    for (std::uint32_t i = 0; i < bytes; ++i) {
        text[i] = ack_byte(i);
    }
    return text;
}

Plan draw_plan(std::uint64_t seed, const std::string& backend, const std::string& ports) {
    Plan plan;
    plan.seed = seed;
    plan.backend = backend;
    plan.ports = ports;
    plan.on_windows = backend == "iocp";
    Draw(plan).all();
    return plan;
}

std::string configuration_of(const Plan& plan, const std::string& plugin_directory) {
    std::ostringstream text;
    text << R"({ "plugin_directory": ")" << plugin_directory << "\",\n  \"io\": { \"backend\": \""
         << plan.backend << R"(", "ports": ")" << plan.ports << R"(", "threads": )" << plan.threads
         << R"(, "receive_buffer_bytes": )" << plan.receive_buffer_bytes
         << R"(, "receive_buffers": )" << plan.receive_buffers << " },\n  \"listeners\": [\n";
    const char* separator = "";
    for (const ListenerPlan& listener : plan.listeners) {
        text << separator << R"(    { "name": ")" << listener.name << R"(", "listen": ")"
             << (listener.is_v6 ? "[::1]:0" : "127.0.0.1:0") << R"(", "plugin": ")"
             << (listener.name == "echo" && !plan.plant.empty() ? "chaotic#" + plan.plant
                                                                : name_of(listener.plugin))
             << R"(", "settings": )" << settings_of(listener)
             << ",\n      \"framing\": { \"type\": \"" << name_of(listener.framing) << "\"";
        if (listener.framing != Framing::none) {
            text << R"(, "max_bytes": )" << frame_bytes_max;
        }
        text << " },\n      \"limits\": { \"connections\": " << listener.connections
             << R"(, "send_queue_bytes": )" << listener.send_queue_bytes
             << R"(, "idle_timeout_ms": )" << listener.idle_ms << R"(, "half_close_timeout_ms": )"
             << listener.half_close_ms << R"(, "close_timeout_ms": )" << listener.close_ms
             << " } }";
        separator = ",\n";
    }
    text << " ],\n  \"log\": { \"level\": \"debug\" }, \"shutdown\": { \"drain_ms\": "
         << plan.drain_ms << " } }\n";
    return text.str();
}

std::string text_of(const PeerPlan& plan) {
    std::ostringstream text;
    text << "sends " << plan.bytes << " bytes";
    if (plan.message_bytes_max == 1) text << ", each a message";
    if (plan.bytes > 0) {
        text << " (" << plan.write_bytes << " at once";
        if (plan.write_every_ms != 0) text << ", every " << plan.write_every_ms << " ms";
        if (plan.burst_writes != 0)
            text << ", after each " << plan.burst_writes << " silent for " << plan.silence_ms
                 << " ms";
        if (plan.asks_and_waits) text << ", waits for each answer";
        text << ")";
    }
    text << (plan.read_after_ms == PeerPlan::never ? ", never reads"
             : plan.read_after_ms != 0
                 ? ", reads after " + std::to_string(plan.read_after_ms) + " ms"
                 : ", reads");
    if (plan.read_rate != 0) text << " at " << plan.read_rate << " bytes a second";
    if (plan.hurry_after_ms != PeerPlan::never)
        text << " (fast after " << plan.hurry_after_ms << " ms)";
    if (plan.read_bytes != 65'536) text << ", " << plan.read_bytes << " at once";
    if (plan.receive_buffer != 0) text << ", SO_RCVBUF " << plan.receive_buffer;
    if (plan.send_buffer != 0) text << ", SO_SNDBUF " << plan.send_buffer;
    if (plan.segment != 0) text << ", segments of " << plan.segment;
    static constexpr const char* releases[] = {"finishes", "resets", "closes"};
    switch (plan.last) {
        case PeerPlan::Last::half_close: text << ", half-closes"; break;
        case PeerPlan::Last::leave: text << ", leaves when answered"; break;
        case PeerPlan::Last::stay:
            text << (plan.ends_its_side ? ", half-closes" : "") << ", stays, then "
                 << releases[static_cast<int>(plan.release)];
            break;
        case PeerPlan::Last::reset: text << ", resets after " << plan.last_ms << " ms"; break;
        case PeerPlan::Last::close: text << ", closes after " << plan.last_ms << " ms"; break;
    }
    if (plan.over_within_ms != PeerPlan::never)
        text << ", must be over within " << plan.over_within_ms << " ms";
    if (plan.abandons) text << ", does not close when the host has";
    return text.str();
}

std::string text_of(const Plan& plan) {
    std::ostringstream text;
    text << "seed " << plan.seed << ": " << plan.backend << " " << plan.ports << ", "
         << plan.threads << " threads, " << plan.receive_buffers << " buffers of "
         << plan.receive_buffer_bytes << " bytes, drain " << plan.drain_ms << " ms";
    if (plan.slow_ms != 0) {
        text << (plan.has_long_callbacks ? ", a callback of " : ", callbacks that may add up to ")
             << plan.slow_ms << " ms";
    }
    text << "\n";
    for (const ListenerPlan& listener : plan.listeners) {
        text << "  " << listener.name << ": " << name_of(listener.plugin) << ", framing "
             << name_of(listener.framing) << ", connections " << listener.connections << ", queue "
             << listener.send_queue_bytes << ", idle " << listener.idle_ms << " ms, half-close "
             << listener.half_close_ms << " ms, close " << listener.close_ms << " ms";
        if (listener.reply_bytes != 0) text << ", replies of " << listener.reply_bytes;
        if (listener.unit_bytes != 0) text << ", unit " << listener.unit_bytes;
        if (listener.is_v6) text << ", IPv6";
        if (listener.callback_ms != 0) text << ", callbacks of " << listener.callback_ms << " ms";
        text << "\n";
    }
    for (const Suspension& suspension : plan.suspensions) {
        text << "  stopped " << suspension.after_ms << " ms after the traffic began, for "
             << suspension.for_ms << " ms\n";
    }
    static constexpr const char* phases[] = {"before", "traffic", "stop"};
    for (std::size_t i = 0; i < plan.acts.size(); ++i) {
        const Act& act = plan.acts[i];
        text << "  act " << i << " (" << phases[static_cast<int>(act.phase)] << ", from "
             << act.start_ms << " ms over " << act.spread_ms << " ms): " << act.count << " x "
             << act.what << " on " << plan.listeners[act.listener].name << ": " << text_of(act.peer)
             << "\n";
    }
    return text.str();
}

}  // namespace portico::chaos
