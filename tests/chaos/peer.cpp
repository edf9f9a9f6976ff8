#include "peer.hpp"

#include <errno.h>
#include <linux/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>


namespace portico::chaos {

namespace {

constexpr Time never = Time::max();
constexpr Ms polled_every{40};
// The time from a movement of bytes until the host has noticed it and an end that it decides on is
// seen here.
constexpr Ms seen_within{100};
// TCP_CLOSE and others of the kernel: no header has them that can be included beside linux/tcp.h.
constexpr int tcp_close = 7;
constexpr int tcp_close_wait = 8;
constexpr int tcp_last_ack = 9;
constexpr int tcp_closing = 11;

void set_option(int socket, int level, int name, int value) {
    static_cast<void>(::setsockopt(socket, level, name, &value, sizeof value));
}

std::uint64_t seed_of(std::uint64_t seed, std::size_t act, std::size_t number) {
    return seed * 1'000'003 + act * 10'007 + number + 1;
}

char large_byte(std::uint64_t index) {
    return static_cast<char>(
        static_cast<unsigned char>(index * 7 + (index >> 8) * 13 + (index >> 16)));
}

}  // namespace

Peer::Peer(Scene& scene, std::size_t act, std::size_t number)
    : scene_(scene),
      act_(scene.plan.acts[act]),
      plan_(act_.peer),
      listener_(scene.plan.listeners[act_.listener]),
      name_("act " + std::to_string(act) + " (" + act_.what + " on " + listener_.name + "), peer " +
            std::to_string(number)),
      sending_(seed_of(scene.plan.seed, act, number), listener_.framing, plan_.message_bytes_max),
      expected_(seed_of(scene.plan.seed, act, number), listener_.framing, plan_.message_bytes_max) {
}

Peer::~Peer() {
    drop();
}

void Peer::drop() {
    if (socket_ >= 0) {
        ::close(socket_);
        socket_ = -1;
    }
    is_over_ = true;
}

bool Peer::connect(std::uint64_t tag) {
    const Connecting made = connect_to(scene_, act_.listener, SOCK_NONBLOCK, [this](int socket) {
        if (plan_.receive_buffer != 0)
            set_option(socket, SOL_SOCKET, SO_RCVBUF, plan_.receive_buffer);
        if (plan_.send_buffer != 0) set_option(socket, SOL_SOCKET, SO_SNDBUF, plan_.send_buffer);
        if (plan_.segment != 0) set_option(socket, IPPROTO_TCP, TCP_MAXSEG, plan_.segment);
        set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    });
    socket_ = made.socket;
    if (socket_ < 0) {
        return false;
    }
    if (made.result != 0 && errno != EINPROGRESS) {
        complain("connecting", std::strerror(errno));
        drop();
        return true;
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = tag;
    static_cast<void>(::epoll_ctl(scene_.epoll, EPOLL_CTL_ADD, socket_, &event));
    began_ = polled_ = arrived_least_ = arrived_most_ = heard_least_ = heard_most_ = Clock::now();
    return true;
}

void Peer::on_events(std::uint32_t events) {
    const Time now = Clock::now();
    is_readable_ = is_readable_ || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    is_writable_ = is_writable_ || (events & EPOLLOUT) != 0;
    if (!is_connected_ && (events & (EPOLLOUT | EPOLLIN)) != 0) {
        is_connected_ = true;
        write_due_ = now;
        read_due_ = plan_.read_after_ms == PeerPlan::never ? never : now + Ms(plan_.read_after_ms);
        heard_most_ = now;
    }
    if ((events & EPOLLERR) != 0) {
        host_ended(End::reset, now);
    } else if ((events & EPOLLRDHUP) != 0) {
        host_ended(End::orderly, now);
    }
}

void Peer::host_ended(End how, Time now) {
    if (end_ == End::none || (end_ == End::orderly && how == End::reset)) {
        poll_progress(now, how);
        if (end_ == End::none || !was_judged_) {
            // A reset after an orderly end is judged by its own time.
            end_at_ = now;
        }
        if (how == End::orderly) {
            orderly_at_ = now;
        }
        end_ = how;
        if (plan_.read_after_ms == PeerPlan::never && !is_released_ && !was_judged_) {
            judge(now);  // it does not read, and nothing more can arrive
        }
    }
}

std::uint32_t Peer::rate(Time now) const {
    return is_released_ || (plan_.hurry_after_ms != PeerPlan::never &&
                            now - began_ > Ms(plan_.hurry_after_ms))
               ? 0
               : plan_.read_rate;
}

bool Peer::poll_progress(Time now, End end) {
    if (socket_ < 0 || end_ != End::none) {
        return true;
    }
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return false;
    }
    // The end of the stream counts as a byte. A closed socket no longer shows whether there was
    // one: the event of its end does.
    std::uint64_t arrived = info.tcpi_bytes_received;
    const int state = info.tcpi_state;
    if (state == tcp_close && end == End::none) {
        return false;
    }
    if (arrived > 0 && (state == tcp_close_wait || state == tcp_last_ack ||
                        (state == tcp_close && end == End::orderly))) {
        --arrived;
    }
    if (arrived > arrived_) {
        note_gap(now);
        arrived_ = arrived;
        arrived_least_ = std::max(polled_, arrived_least_);
        arrived_most_ = now;
    }
    if (info.tcpi_bytes_acked > acknowledged_) {
        acknowledged_ = info.tcpi_bytes_acked;
        heard_most_ = now;
    }
    polled_ = now;
    return true;
}

void Peer::note_gap(Time now) {
    latest_gap_ = now - std::max(arrived_least_, heard_least_);
    longest_gap_ = std::max(longest_gap_, latest_gap_);
    gap_ended_ = now;
}

std::uint64_t Peer::owed() {
    switch (listener_.plugin) {
        case Plugin::ack:
            return listener_.framing == Framing::none
                       ? received_
                       : sending_.whole(sent_).messages * listener_.reply_bytes;
        case Plugin::ack_once:
            return listener_.framing == Framing::none
                       ? (sent_ > 0 ? listener_.reply_bytes : 0)
                       : (sending_.whole(sent_).messages > 0 ? listener_.reply_bytes : 0);
        case Plugin::large: return asked_units_ * listener_.unit_bytes;
        default: return sending_.whole(sent_).bytes;
    }
}

bool Peer::has_all() {
    const std::uint64_t got = std::max(received_, arrived_);
    if (listener_.plugin == Plugin::ack && listener_.framing == Framing::none) {
        return sent_ == 0 ? got == 0 : got > 0 && got % listener_.reply_bytes == 0;
    }
    return got >= owed();
}

// True if owed() is exact, so that the other checks can rely on it.
bool Peer::is_exact() const {
    return !(listener_.plugin == Plugin::ack && listener_.framing == Framing::none);
}

// The plugin may have stopped reading, so that the host does not see what this side does.
bool Peer::host_may_hold() {
    if (listener_.plugin == Plugin::holds) {
        return !is_released_;
    }
    if (!is_exact()) {
        return true;
    }
    const std::uint64_t wanted = owed(), got = std::max(received_, arrived_);
    return wanted > got &&
           (listener_.plugin == Plugin::large || wanted - got > listener_.send_queue_bytes / 4);
}

std::uint64_t Peer::memory_bound() const {
    constexpr std::uint64_t kib = 1'024;
    const std::uint64_t queued = std::min<std::uint64_t>(listener_.send_queue_bytes, most_owed_);
    return 2 * queued + (most_owed_ == 0 && sent_ == 0 ? 16 * kib : 64 * kib);
}

Time Peer::step(Time now) {
    if (is_over_) {
        return never;
    }
    if (!is_connected_) {
        return now + polled_every;
    }
    if (now >= write_due_ && is_writable_) {
        write(now);
    }
    if (!is_over_ && now >= read_due_ && is_readable_) {
        read(now);
    }
    if (!is_over_) {
        act_at_last(now);
    }
    if (is_over_) {
        return never;
    }
    if (now >= watch_due_) {
        watch_due_ = now + polled_every;
        const bool tells = poll_progress(now, End::none);
        most_owed_ = std::max(most_owed_, is_exact() ? owed() : sent_ * listener_.reply_bytes);
        if (tells) {
            look_for_lateness(now);
        }
    }
    Time due = watch_due_;
    if (is_writable_ && !own_end_ && write_due_ != never)
        due = std::min(due, std::max(write_due_, now));
    if (is_readable_ && read_due_ != never) due = std::min(due, std::max(read_due_, now));
    return due;
}

void Peer::write(Time now) {
    if (own_end_ || end_ == End::reset || is_lost_) {
        return;
    }
    if (plan_.asks_and_waits && sent_ > 0 && !has_all()) {
        write_due_ = never;  // read() sets the time
        return;
    }
    const std::uint64_t left = is_released_ ? pending_.size() : plan_.bytes - sent_;
    if (left == 0) {
        write_due_ = never;
        if (plan_.last == PeerPlan::Last::half_close ||
            (plan_.last == PeerPlan::Last::stay && (plan_.ends_its_side || is_released_))) {
            end_own_side(now);
        }
        return;
    }
    if (pending_.empty()) {
        pending_.resize(std::min<std::uint64_t>(plan_.write_bytes, left));
        sending_.produce(pending_);
        ++writes_;
    }
    const bool was_quiet = has_all() && !host_may_hold();
    const Time before = Clock::now();
    const ssize_t count = ::send(socket_, pending_.data(), pending_.size(), MSG_NOSIGNAL);
    if (count < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            is_writable_ = false;
        } else {
            is_lost_ = true;
            pending_.clear();
            is_readable_ = true;
            host_ended(End::reset, now);
        }
        return;
    }
    for (ssize_t i = 0; i < count; ++i) {
        asked_units_ += static_cast<unsigned char>(pending_[static_cast<std::size_t>(i)]);
    }
    sent_ += static_cast<std::uint64_t>(count);
    pending_.erase(0, static_cast<std::size_t>(count));
    heard_most_ = Clock::now();
    if (was_quiet) {
        note_gap(before);
        heard_least_ = before;
    }
    if (scene_.plan.has_long_callbacks && listener_.plugin == Plugin::slow) {
        scene_.long_callback_since = Clock::now();
    }
    if (!pending_.empty()) {
        is_writable_ = false;
    } else if (plan_.burst_writes != 0 && writes_ % plan_.burst_writes == 0) {
        write_due_ = now + Ms(plan_.silence_ms);
    } else {
        write_due_ = now + Ms(plan_.write_every_ms);
    }
    if (sent_ == plan_.bytes) {
        write_due_ = now;
    }
}

void Peer::end_own_side(Time now) {
    if (own_end_) {
        return;
    }
    const bool was_quiet = has_all() && !host_may_hold();
    own_end_ = true;
    own_end_at_ = heard_most_ = now;
    if (was_quiet) {
        note_gap(now);
        heard_least_ = now;
    }
    static_cast<void>(::shutdown(socket_, SHUT_WR));
}

void Peer::verify(const char* data, std::size_t size) {
    const auto wrong = [&](std::size_t at) {
        complain("wrong bytes",
                 "byte " + std::to_string(received_ + at) + " of the replies is wrong");
        is_wrong_ = true;
    };
    if (is_wrong_) {
        return;  // one violation is enough
    }
    switch (listener_.plugin) {
        case Plugin::ack:
        case Plugin::ack_once:
            for (std::size_t i = 0; i < size; ++i) {
                if (data[i] != ack_byte((received_ + i) % listener_.reply_bytes)) return wrong(i);
            }
            break;
        case Plugin::large:
            for (std::size_t i = 0; i < size; ++i) {
                if (data[i] != large_byte(received_ + i)) return wrong(i);
            }
            break;
        default: {
            std::string wanted(size, '\0');
            expected_.produce(wanted);
            if (std::memcmp(wanted.data(), data, size) != 0) {
                return wrong(static_cast<std::size_t>(
                    std::mismatch(wanted.begin(), wanted.end(), data).first - wanted.begin()));
            }
        }
    }
}

void Peer::read(Time now) {
    static char buffer[65'536];
    const std::uint32_t rate_now = rate(now);
    for (int turns = 0; turns < 16; ++turns) {
        const std::size_t wanted = is_released_ || (rate_now == 0 && plan_.read_rate != 0)
                                       ? sizeof buffer
                                       : std::min<std::size_t>(sizeof buffer, plan_.read_bytes);
        const ssize_t count = ::recv(socket_, buffer, wanted, 0);
        if (count > 0) {
            if (is_exact() && received_ + static_cast<std::uint64_t>(count) > owed()) {
                complain("wrong bytes",
                         "more came than it is owed (" + std::to_string(owed()) + " bytes)");
            }
            verify(buffer, static_cast<std::size_t>(count));
            received_ += static_cast<std::uint64_t>(count);
            poll_progress(Clock::now(), End::none);
            if (plan_.asks_and_waits && has_all()) {
                if (scene_.plan.has_long_callbacks && listener_.plugin == Plugin::slow) {
                    scene_.long_callback_since = Time{};
                    scene_.long_callback_ended = Clock::now();
                }
                write_due_ = now + Ms(plan_.write_every_ms);
            }
            if (rate_now != 0) {
                read_due_ = now +
                            std::chrono::microseconds(static_cast<std::int64_t>(plan_.read_bytes) *
                                                      1'000'000 / rate_now);
                return;
            }
            continue;
        }
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            is_readable_ = false;
            return;
        }
        if (count == 0) {
            host_ended(End::orderly, now);
            arrived_ = received_;
        } else {
            host_ended(End::reset, now);
        }
        read_due_ = never;
        if (!was_judged_) {
            judge(now);
        }
        if (plan_.abandons && !is_released_ && end_ == End::orderly) {
            is_abandoned_ = true;
            return;
        }
        finish(false);
        return;
    }
    read_due_ = now;
}

void Peer::act_at_last(Time now) {
    const bool is_due = now - began_ >= Ms(plan_.last_ms);
    switch (plan_.last) {
        case PeerPlan::Last::reset:
            if (is_due || is_released_) finish(true);
            return;
        case PeerPlan::Last::close:
            if (is_due || is_released_) finish(false);
            return;
        case PeerPlan::Last::leave:
            if ((sent_ == plan_.bytes || (is_released_ && pending_.empty())) && has_all() &&
                received_ >= arrived_ && end_ == End::none)
                finish(false);
            return;
        case PeerPlan::Last::stay:
            if (is_released_ && plan_.release != PeerPlan::Release::finish)
                finish(plan_.release == PeerPlan::Release::reset);
            return;
        case PeerPlan::Last::half_close: return;
    }
}

void Peer::finish(bool by_reset) {
    if (by_reset && socket_ >= 0) {
        const linger at_once{1, 0};
        static_cast<void>(::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    }
    if (listener_.plugin == Plugin::slow) {
        scene_.long_callback_since = Time{};
        scene_.long_callback_ended = Clock::now();
    }
    drop();
}

void Peer::release() {
    if (is_over_) {
        return;
    }
    is_released_ = true;
    if (is_abandoned_) {
        finish(false);
        return;
    }
    if (is_connected_) {
        set_option(socket_, SOL_SOCKET, SO_RCVBUF, 4 << 20);
        read_due_ = std::min(read_due_, Clock::now());
        write_due_ = Clock::now();
    }
    if (was_judged_) {
        finish(false);
    }
}

// True if one of the host's timeouts can have ended the connection at that moment.
bool Peer::timeout_explains(Time at) {
    const bool was_quiet = has_all();
    if (scene_.plan.on_windows && !plan_.reads_promptly()) {
        return true;  // Wine does not know what is acknowledged
    }
    // If bytes are queued for this peer, the host learns of progress in steps: half of the timeout
    // is enough then.
    const auto passed = [&](Clock::duration gap, std::uint32_t timeout_ms) {
        return gap >= (was_quiet ? Ms(timeout_ms) - Ms(30) : Ms(timeout_ms) / 2);
    };
    // Bytes that came just before the end came too late to be seen: the gap before them counts.
    Clock::duration gap = at - std::max(arrived_least_, heard_least_);
    // The gap also counts if the host decided then, but could act only after a batch of slow
    // callbacks.
    if (at - gap_ended_ < seen_within + Ms(scene_.plan.slow_ms)) {
        gap = std::max(gap, latest_gap_);
    }
    // An idle connection is closed in order, and queued bytes may still have moved after that.
    if (listener_.idle_ms != 0 && passed(std::max(gap, longest_gap_), listener_.idle_ms)) {
        return true;
    }
    if (own_end_ && listener_.plugin == Plugin::stays && passed(gap, listener_.half_close_ms)) {
        return true;
    }
    return (own_end_ || listener_.plugin == Plugin::ack_once) && passed(gap, listener_.close_ms);
}

void Peer::judge(Time now) {
    was_judged_ = true;
    if (scene_.stop_asked != Time{}) {
        // Its end is due at once. It is cut at the deadline only if the host got no processor.
        if (end_ == End::reset && act_.phase == Phase::stop && plan_.bytes <= 100 &&
            received_ > 0 && has_all() &&
            is_too_late(scene_.stop_asked, now, Ms(scene_.plan.drain_ms) / 2)) {
            complain("reset", "an idle connection was reset at the stop");
        }
        return;
    }
    scene_.findings.judged();
    const bool all = has_all();
    const auto since = [&](Time time) { return std::to_string(in_ms(end_at_ - time)) + " ms ago"; };
    const std::string what = std::to_string(std::max(received_, arrived_)) + " of " +
                             std::to_string(owed()) + " bytes have come, the last " +
                             since(arrived_least_) + "; it sent " + std::to_string(sent_) +
                             ", the last " + since(heard_most_) +
                             (own_end_ ? ", and its end " + since(own_end_at_) : std::string());
    if (end_ == End::orderly) {
        const bool is_due = own_end_ || listener_.plugin == Plugin::ack_once;
        if (all && is_due) {
            return;
        }
        if (timeout_explains(end_at_)) {
            return;
        }
        complain(all ? "ended early" : "bytes lost",
                 "the host ended in order, which nothing explains: " + what);
        return;
    }
    if (timeout_explains(end_at_) ||
        (orderly_at_ != Time{} && end_at_ - orderly_at_ >= Ms(listener_.close_ms) - Ms(30))) {
        return;
    }
    complain(all ? "reset" : "bytes lost", "reset by the host, which nothing explains: " + what);
}

// Reports timeouts that should have ended the connection, and bytes that should have come.
void Peer::look_for_lateness(Time now) {
    if (plan_.over_within_ms != PeerPlan::never && scene_.watch != nullptr && !was_judged_ &&
        is_too_late(began_, now, Ms(plan_.over_within_ms))) {
        complain("a newcomer waits",
                 "not over after " + std::to_string(in_ms(now - began_)) + " ms, where " +
                     std::to_string(plan_.over_within_ms) +
                     " are allowed; one worker is in a long callback, and another idle");
        return;
    }
    if (end_ != End::none || scene_.watch == nullptr || scene_.stop_asked != Time{} ||
        listener_.connections < 10'000) {
        return;
    }
    // The only worker also accepts, so callbacks that keep it busy delay every newcomer.
    if (scene_.plan.threads == 1 && scene_.plan.slow_ms != 0 && arrived_ == 0) {
        return;
    }
    // If callbacks keep every worker busy, the opening waits for some batches of them, the timer
    // for one, and so does the timer of the further chance that its lateness brings. And one batch
    // may pass before each buffer that the host reads of the bytes from this side: its end comes
    // last.
    const Ms slow = Ms(scene_.plan.slow_ms) * (4 + sent_ / scene_.plan.receive_buffer_bytes);
    const auto bar = [&](std::uint32_t timeout_ms) {
        return Ms(timeout_ms) * 3 / 2 + Ms(1'000) + slow;
    };
    const Time last = std::max(arrived_most_, heard_most_);
    const bool all = has_all();
    Clock::duration limit = Clock::duration::max();
    // After both sides have ended, the system may keep bytes that this side does not read, although
    // the host is done: nobody sees that from here.
    if (listener_.idle_ms != 0 && (all || !own_end_)) {
        // Queued bytes must still go out, or be given up.
        limit = bar(listener_.idle_ms) + (all ? Ms(0) : bar(listener_.close_ms));
    } else if (own_end_ && all && !host_may_hold()) {
        limit = bar(listener_.plugin == Plugin::stays ? listener_.half_close_ms
                                                      : listener_.close_ms);
    }
    if (limit != Clock::duration::max() && now - last > limit) {
        if (is_too_late(last, now, limit) && !host_is_done()) {
            complain("a timeout is late", "nothing has moved for " +
                                              std::to_string(in_ms(now - last)) +
                                              " ms, and the connection should have ended after " +
                                              std::to_string(in_ms(limit)) + " ms" +
                                              (own_end_ ? " (its side is ended)" : ""));
            end_ = End::reset;  // one violation is enough
        }
        return;
    }
    // It reads, everything that came is read, and more is owed.
    const Ms patience = Ms(6'000) + slow;
    if (read_due_ <= now && !is_readable_ && !all && listener_.plugin != Plugin::holds &&
        now - last > patience) {
        if (is_too_late(last, now, patience) && !system_holds_bytes()) {
            complain("owed bytes do not come", std::to_string(received_) + " of " +
                                                   std::to_string(owed()) +
                                                   " bytes have come, the last " +
                                                   std::to_string(in_ms(now - last)) + " ms ago");
            end_ = End::reset;
        }
    }
}

// The host's side of this connection, while the system has it.
std::optional<SystemSocket> Peer::hosts_socket() const {
    sockaddr_in6 name{};  // the port is where an IPv4 address has it, too
    socklen_t size = sizeof name;
    if (::getsockname(socket_, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
        return std::nullopt;
    }
    const std::uint16_t peers_port = ntohs(name.sin6_port);
    for (const SystemSocket& socket : system_sockets(listener_.is_v6)) {
        if (socket.local_port == scene_.ports[act_.listener] && socket.remote_port == peers_port) {
            return socket;
        }
    }
    return std::nullopt;
}

// True if the system has bytes for this peer that the host has sent. They then wait for the system:
// a peer whose receive memory was full may have had segments dropped, and the next attempt to send
// one comes as late again as the peer was away.
bool Peer::system_holds_bytes() const {
    const std::optional<SystemSocket> socket = hosts_socket();
    return socket && socket->to_send != 0;
}

// True if both sides have ended, and only the system cannot get the host's end through to a peer
// that does not read.
bool Peer::host_is_done() {
    if (!host_is_done_) {
        const std::optional<SystemSocket> socket = hosts_socket();
        host_is_done_ = socket && (socket->state == tcp_last_ack || socket->state == tcp_closing);
    }
    return host_is_done_;
}

// Judges something that may still come. While the cause of a delay is unknown, it waits on.
bool Peer::is_too_late(Time from, Time now, Clock::duration limit) {
    const Watch::Verdict verdict = scene_.watch->verdict(from, now, limit);
    if (verdict == Watch::Verdict::nobody_knows && !is_void_) {
        is_void_ = true;
        scene_.findings.judged();
        scene_.findings.void_judgement();
    }
    return verdict == Watch::Verdict::too_late;
}

void Peer::give_up(const char* why) {
    const bool still_moves = Clock::now() - arrived_most_ < Ms(2'000) && arrived_ > 0;
    if (is_over_ || was_judged_) {
        // It was reported already.
    } else if (still_moves || system_holds_bytes() || (is_released_ && arrived_ > received_)) {
        scene_.findings.void_judgement();  // the system, or the suite, has had no time for it
    } else {
        complain("not over", std::string(why) + ": " + std::to_string(received_) + " bytes of " +
                                 std::to_string(owed()) + " read, " + std::to_string(arrived_) +
                                 " have come; " + std::to_string(sent_) + " of " +
                                 std::to_string(plan_.bytes) + " sent" +
                                 (own_end_ ? ", its side ended" : "") +
                                 (is_connected_ ? "" : "; not connected"));
    }
    drop();
}

void Peer::complain(const char* kind, const std::string& text) {
    scene_.findings.violation(
        kind, name_ + " at " + std::to_string(in_ms(Clock::now() - began_)) + " ms: " + text);
    was_judged_ = true;
}

std::string Peer::text() const {
    return name_;
}

}  // namespace portico::chaos
