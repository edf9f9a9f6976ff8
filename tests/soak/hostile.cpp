// Peers that no server wishes for: slow readers, resets, half-closes, silence, garbage, frames that
// are too long or never end, and swarms that come and go. Where the protocol leaves no doubt what
// the host must do with them, that is checked as well.
#include <algorithm>
#include <iterator>
#include <string>
#include <thread>

#include "support/peer.hpp"
#include "world.hpp"

namespace portico::soak {

namespace {

using test::Peer;

Peer connect(World& world, const char* listener, int receive_buffer) {
    io::Address address;
    address.family = io::Address::Family::v4;
    address.bytes = {127, 0, 0, 1};
    address.port = world.ports.at(listener);
    Peer peer;
    if (peer.connect(address, receive_buffer)) {
        ++world.connections;
    } else {
        world.complain(std::string("cannot connect to ") + listener);
    }
    return peer;
}

class Hostile {
public:
    Hostile(World& world, Random& random) : world_(world), random_(random) {}

    void act() {
        ++world_.hostile_acts;
        switch (between(random_, 0, 8)) {
            case 0: return read_slowly();
            case 1: return reset();
            case 2: return half_close();
            case 3: return be_silent();
            case 4: return send_garbage();
            case 5: return announce_too_much();
            case 6: return leave_a_frame_unfinished();
            case 7: return swarm();
            default: return be_cut_for_silence();
        }
    }

private:
    Peer connect(const char* listener, int receive_buffer = 0) {
        return soak::connect(world_, listener, receive_buffer);
    }

    std::string bytes(std::uint64_t least, std::uint64_t most) {
        std::string text(between(random_, least, most), '\0');
        std::generate(text.begin(), text.end(), [this] { return static_cast<char>(random_()); });
        return text;
    }

    void rest(std::uint64_t most_ms) {
        std::this_thread::sleep_for(std::chrono::milliseconds(between(random_, 0, most_ms)));
    }

    void leave(Peer& peer) { between(random_, 0, 1) == 0 ? peer.close() : peer.abort(); }

    // A little of a large echo, bit by bit, and then no more.
    void read_slowly() {
        Peer peer = connect("echo", 4'096);
        std::thread sender([&peer, text = bytes(200'000, 2'000'000)] { peer.send_all(text); });
        char buffer[512];
        for (std::uint64_t turns = between(random_, 1, 100); turns > 0; --turns) {
            if (peer.receive(buffer).outcome != Peer::Outcome::data) {
                break;
            }
            rest(3);
        }
        peer.finish_sending();  // ends the sender
        sender.join();
        leave(peer);
    }

    void reset() {
        Peer peer = connect(between(random_, 0, 1) == 0 ? "echo" : "ack");
        peer.send_all(bytes(1, 50'000));
        rest(2);
        peer.abort();
    }

    // The echo of everything comes although the peer has said that it will send no more.
    void half_close() {
        Peer peer = connect("echo");
        const std::string text = bytes(1, 100'000);
        std::thread sender([&] {
            peer.send_all(text);
            peer.finish_sending();
        });
        Peer::Outcome outcome{};
        const std::string got = peer.receive_to_end(outcome);
        sender.join();
        if (got != text || outcome != Peer::Outcome::end) {
            world_.complain("a half-closed connection got " + std::to_string(got.size()) + " of " +
                            std::to_string(text.size()) + " bytes" +
                            (text.starts_with(got) ? "" : ", and not those that it sent"));
            ++world_.lost;
        } else {
            ++world_.replies;
        }
    }

    void be_silent() {
        std::vector<Peer> peers;
        for (std::uint64_t i = between(random_, 1, 20); i > 0; --i) {
            peers.push_back(
                connect(listener_names[between(random_, 0, std::size(listener_names) - 1)]));
        }
        rest(300);
        for (Peer& peer : peers) {
            leave(peer);
        }
    }

    void send_garbage() {
        Peer peer = connect(listener_names[between(random_, 0, std::size(listener_names) - 1)]);
        peer.send_all(bytes(1, 60'000));
        rest(20);
        leave(peer);
    }

    // A frame longer than allowed: the host ends the connection.
    void announce_too_much() {
        const bool prefixed = between(random_, 0, 1) == 0;
        Peer peer = connect(prefixed ? "messages" : "lines");
        peer.send_all(prefixed ? std::string("\xff\xff\xff\xff and more", 13)
                               : std::string(frame_bytes_max + 1'000, 'x'));
        Peer::Outcome outcome{};
        static_cast<void>(peer.receive_to_end(outcome));
        if (outcome != Peer::Outcome::end && outcome != Peer::Outcome::reset) {
            world_.complain("a frame that is too long does not end the connection");
        }
    }

    void leave_a_frame_unfinished() {
        const bool prefixed = between(random_, 0, 1) == 0;
        Peer peer = connect(prefixed ? "messages" : "lines");
        peer.send_all(prefixed ? std::string("\0\0\x10\0half", 8) : std::string("half"));
        rest(50);
        leave(peer);
    }

    // More than "narrow" may have, all at once.
    void swarm() {
        std::vector<Peer> peers;
        for (std::uint64_t i = between(random_, narrow_connections, 2 * narrow_connections); i > 0;
             --i) {
            peers.push_back(connect("narrow"));
        }
        for (Peer& peer : peers) {
            leave(peer);
        }
    }

    void be_cut_for_silence() {
        Peer peer = connect("impatient");
        Peer::Outcome outcome{};
        static_cast<void>(peer.receive_to_end(outcome));
        if (outcome != Peer::Outcome::end) {
            world_.complain("a silent connection is not ended by its idle timeout");
        }
    }

    World& world_;
    Random& random_;
};

}  // namespace

void surge(World& world, const std::function<bool()>& is_over) {
    constexpr std::size_t connections = 350;
    const std::string text(1'000'000, 's');
    std::vector<Peer> peers(connections);
    std::vector<std::thread> senders;
    for (Peer& peer : peers) {
        peer = connect(world, "echo", 4'096);
        senders.emplace_back([&] { peer.send_all(text); });
    }
    while (!is_over()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    for (Peer& peer : peers) {
        peer.finish_sending();  // ends its sender
    }
    for (std::thread& sender : senders) {
        sender.join();
    }
}

void run_hostile_peers(World& world, Random random) {
    Hostile hostile(world, random);
    while (!world.let_go) {
        hostile.act();
    }
}

}  // namespace portico::soak
