#include "sim/world/peers.hpp"

#include <algorithm>

namespace portico::sim {

namespace {

constexpr std::uint64_t us = 1'000;
constexpr std::size_t content_max = 4'000;
constexpr std::size_t steady_content_max = 16'000;
constexpr std::size_t settling_portion_min = 256;
constexpr std::size_t everything = SIZE_MAX;

}  // namespace

ScriptedPeer::ScriptedPeer(Scheduler& scheduler, Network& network, Ledger& ledger,
                           const std::vector<std::unique_ptr<Service>>& services, Random random)
    : scheduler_(scheduler),
      network_(network),
      ledger_(ledger),
      services_(services),
      random_(random),
      peer_(network),
      attempts_left_(static_cast<std::uint32_t>(1 + random_.skewed(4))),
      room_(8'192) {
    peer_.on_change = [this] { on_change(); };
}

void ScriptedPeer::begin(std::uint64_t within_ns) {
    schedule(random_.skewed(within_ns));
}

void ScriptedPeer::begin_as_newcomer(const Service& service) {
    attempts_left_ = 0;
    has_begun_ = true;
    attempt_ = &ledger_.add_attempt(service);
    attempt_->is_eager = true;
    ends_ = Ends::stays;
    draw_content();
    attempt_->has_too_long = false;  // it sends only the first message
    const std::size_t first = attempt_->messages.empty() ? 0 : attempt_->messages.front().end;
    goal_ = service.is_framed() ? first : std::min<std::size_t>(attempt_->content.size(), 200);
    connect_to(service, 0, 0);
    schedule(0);
}

void ScriptedPeer::settle() {
    is_settling_ = true;
    schedule(1);
}

void ScriptedPeer::end_with_this() {
    attempts_left_ = 0;
}

void ScriptedPeer::come_again() {
    if (attempt_ == nullptr) {
        attempts_left_ = 1;
        comes_late_ = true;
        schedule(random_.skewed(2 * ms));
    }
}

void ScriptedPeer::stop() {
    is_stopped_ = true;
    attempts_left_ = 0;
    leave(false);
}

void ScriptedPeer::schedule(std::uint64_t delay_ns) {
    if (!is_acting_) {
        is_acting_ = true;
        scheduler_.after(1 + delay_ns, [this] {
            is_acting_ = false;
            act();
        });
    }
}

// ---- one attempt

void ScriptedPeer::connect() {
    --attempts_left_;
    has_begun_ = true;
    const Service& service = *random_.pick(services_);
    attempt_ = &ledger_.add_attempt(service);
    attempt_->peer = &peer_;
    reads_ = random_.one_in(3) ? (random_.one_in(2) ? Reads::slowly : Reads::late) : Reads::eagerly;
    if (is_settling_) {
        reads_ = Reads::eagerly;
    }
    attempt_->is_eager = reads_ == Reads::eagerly;
    if (random_.chance(steady_chance_)) {
        reads_ = Reads::steadily;
        attempt_->is_eager = false;
        portion_ = 1 + static_cast<std::size_t>(random_.skewed(500));
        portion_gap_ns_ = 100 * us + random_.skewed(10 * ms);
    }
    static constexpr Ends ways[] = {
        Ends::finishes, Ends::finishes, Ends::finishes,          Ends::closes,
        Ends::resets,   Ends::stays,    Ends::finishes_and_stays};
    ends_ = ways[random_.below(std::size(ways))];
    if (comes_late_ && random_.one_in(2)) {
        ends_ = Ends::stays;  // then only the host ends it
    }
    is_patient_ = random_.one_in(4);
    closes_at_end_ = ends_ != Ends::finishes_and_stays && !random_.one_in(6);
    patience_ = static_cast<std::uint32_t>(random_.skewed(20));
    gap_ns_max_ = random_.one_in(2) ? random_.skewed(100 * us) : random_.skewed(20 * ms);
    draw_content();
    const std::size_t size = attempt_->content.size();
    goal_ = random_.one_in(3) ? static_cast<std::size_t>(random_.below(size + 1)) : size;
    if (random_.one_in(10)) {
        goal_ = 0;  // connects and sends nothing
    }
    piece_max_ = random_.one_in(5) && goal_ <= 100
                     ? 1
                     : static_cast<std::size_t>(1 + random_.skewed(2'000));
    const auto room = static_cast<std::uint32_t>(random_.one_in(2) ? 0
                                                                   : 32 + random_.skewed(4'000));
    connect_to(service, static_cast<std::uint32_t>(random_.below(service.addresses.size())), room);
    if (reads_ == Reads::steadily) {
        read_a_portion();
    }
}

void ScriptedPeer::connect_to(const Service& service, std::uint32_t listen_index,
                              std::uint32_t room) {
    attempt_->listen_index = listen_index;
    peer_.connect(service.addresses[listen_index], room);
    ledger_.connected_from(*attempt_, peer_.local_address().port);
    scheduler_.trace("peer {}: connects to service {}, from port {}, to say {} bytes",
                     attempt_->number, attempt_->service->number, peer_.local_address().port,
                     goal_);
}

// A steady reader reads its portion in any case, until the attempt is over.
void ScriptedPeer::read_a_portion() {
    scheduler_.after(portion_gap_ns_, [this, number = attempt_->number] {
        if (is_stopped_ || attempt_ == nullptr || attempt_->number != number) {
            return;
        }
        read(is_settling_ ? std::max(portion_, settling_portion_min) : portion_);
        if (attempt_ != nullptr) {
            read_a_portion();
        }
    });
}

// Draws its content: meaningless bytes, or messages of the listener's framing, at times followed by
// one that is too long or cut off.
void ScriptedPeer::draw_content() {
    const config::Framing& framing = attempt_->service->plan->framing;
    std::vector<std::byte>& content = attempt_->content;
    const std::size_t size = random_.one_in(4) ? 0
                                               : static_cast<std::size_t>(
                                                     1 + random_.skewed(reads_ == Reads::steadily
                                                                            ? steady_content_max
                                                                            : content_max));
    if (framing.type == config::Framing::Type::none) {
        content.resize(size);
        const std::uint64_t salt = random_.next();
        for (std::size_t at = 0; at < size; ++at) {
            content[at] = static_cast<std::byte>((at * 31 + (at >> 8)) ^ salt);
        }
        return;
    }
    const bool is_delimited = framing.type == config::Framing::Type::delimiter;
    const auto append = [&](std::size_t payload) {
        const std::size_t begin = content.size();
        if (!is_delimited) {
            for (std::uint32_t i = 0; i < framing.prefix_bytes; ++i) {
                const std::uint32_t place = framing.order == config::Framing::ByteOrder::big
                                                ? framing.prefix_bytes - 1 - i
                                                : i;
                content.push_back(static_cast<std::byte>(payload >> (8 * place)));
            }
        }
        // The letters of delimiters, except their last one.
        static constexpr char letters[] = {'a', '-', '\r', 'b'};
        for (std::size_t i = 0; i < payload; ++i) {
            content.push_back(static_cast<std::byte>(letters[random_.below(std::size(letters))]));
        }
        if (is_delimited) {
            for (const char letter : framing.delimiter) {
                content.push_back(static_cast<std::byte>(letter));
            }
        }
        return Attempt::Message{content.size(), is_delimited ? 0 : framing.prefix_bytes,
                                content.size() - begin};
    };
    while (content.size() < size) {
        const std::size_t payload = static_cast<std::size_t>(random_.skewed(framing.max_bytes));
        Attempt::Message message = append(payload);
        message.payload_size = payload;
        attempt_->messages.push_back(message);
    }
    const std::uint64_t longest = framing.type == config::Framing::Type::length_prefix &&
                                          framing.prefix_bytes == 1
                                      ? 255
                                      : 65'535;
    if (random_.one_in(12) && framing.max_bytes < longest) {
        attempt_->has_too_long = true;
        static_cast<void>(append(framing.max_bytes + 1 +
                                 static_cast<std::size_t>(random_.below(
                                     std::min<std::uint64_t>(longest - framing.max_bytes, 50)))));
    }
}

void ScriptedPeer::act() {
    if (is_stopped_) {
        return;
    }
    if (attempt_ == nullptr) {
        if (attempts_left_ != 0) {
            connect();
            schedule(random_.below(gap_ns_max_ + 1));
        }
        return;
    }
    if (peer_.state() == SimPeer::State::open) {
        if (reads_ == Reads::slowly && !is_settling_) {
            read(1 + static_cast<std::size_t>(random_.below(64)));
        } else if (reads_at_once()) {
            read(everything);
        }
        if (attempt_ == nullptr || peer_.state() != SimPeer::State::open) {
            return;
        }
        if (!attempt_->is_finished) {
            say_some();
        }
    } else if (peer_.state() == SimPeer::State::connecting) {
        if (ends_ == Ends::resets && goal_ == 0 && random_.one_in(8)) {
            part();  // before it is there
            return;
        }
    } else {
        on_change();
        return;
    }
    // As long as there is something to do; otherwise news wakes it.
    const bool reads_on = reads_ == Reads::slowly && !is_settling_;
    if (attempt_ != nullptr && (!attempt_->is_finished || reads_on) &&
        !(attempt_->sent == goal_ && ends_ == Ends::stays && !reads_on)) {
        schedule(random_.below(gap_ns_max_ + 1) + 20 * us);
    }
}

void ScriptedPeer::say_some() {
    if (attempt_->sent < goal_) {
        const bool must_wait = is_patient_ && !is_settling_ && attempt_->service->is_echo() &&
                               attempt_->received < attempt_->answerable();
        if (must_wait) {
            return;
        }
        // With thousands of bytes left, sending them one by one would take longer than a settling
        // world waits.
        const std::size_t most = is_settling_ ? std::max(piece_max_, settling_portion_min)
                                              : piece_max_;
        const std::size_t piece = std::min<std::size_t>(
            goal_ - attempt_->sent, 1 + static_cast<std::size_t>(random_.below(most)));
        attempt_->last_sent_ns = scheduler_.now();
        attempt_->sent += peer_.send(std::span(attempt_->content).subspan(attempt_->sent, piece));
        return;
    }
    if (patience_ > 0 && !is_settling_) {
        --patience_;
        return;
    }
    part();
}

void ScriptedPeer::part() {
    switch (ends_) {
        case Ends::finishes:
        case Ends::finishes_and_stays:
            attempt_->is_finished = true;
            scheduler_.trace("peer {}: ends its stream, after {} bytes", attempt_->number,
                             attempt_->sent);
            peer_.finish_sending();
            return;
        case Ends::closes: leave(false); return;
        case Ends::resets: leave(true); return;
        case Ends::stays: return;
    }
}

// Something has changed at its end: bytes, the host's end, or a reset.
void ScriptedPeer::on_change() {
    if (is_stopped_ || attempt_ == nullptr) {
        return;
    }
    switch (peer_.state()) {
        case SimPeer::State::idle:
        case SimPeer::State::connecting: return;
        case SimPeer::State::open:
            if (attempt_->connected_ns == 0) {
                attempt_->connected_ns = scheduler_.now();
            }
            if (reads_at_once()) {
                read(everything);
            }
            if (attempt_ != nullptr && !attempt_->is_finished) {
                schedule(random_.below(gap_ns_max_ + 1));
            }
            return;
        case SimPeer::State::reset: read(everything); [[fallthrough]];
        case SimPeer::State::refused:
            if (attempt_ != nullptr) {
                attempt_->saw_reset = peer_.state() == SimPeer::State::reset;
                leave(false);
            }
            return;
    }
}

void ScriptedPeer::read(std::size_t bytes_max) {
    for (std::size_t left = bytes_max; left > 0;) {
        const std::size_t got = peer_.receive(std::span(room_).first(std::min(left, room_.size())));
        if (got == 0) {
            break;
        }
        ledger_.received(*attempt_, std::span(room_).first(got));
        left -= got;
    }
    if (!peer_.at_end()) {
        return;
    }
    ledger_.ended(*attempt_);
    if (peer_.state() == SimPeer::State::open && (closes_at_end_ || is_settling_)) {
        leave(false);  // like a client that knows its protocol: nothing more will come
    }
}

void ScriptedPeer::leave(bool by_reset) {
    if (attempt_ == nullptr) {
        return;
    }
    attempt_->has_left = attempt_->has_left || by_reset ||
                         !(attempt_->saw_end || attempt_->saw_reset);
    attempt_->is_finished = attempt_->is_finished || !by_reset;
    attempt_->peer = nullptr;
    scheduler_.trace(by_reset ? "peer {}: resets, after {} bytes received"
                              : "peer {}: leaves, after {} bytes received",
                     attempt_->number, attempt_->received);
    attempt_ = nullptr;
    by_reset ? peer_.reset() : peer_.close();
    if (attempts_left_ != 0) {
        schedule(random_.skewed(20 * ms));
    }
}

}  // namespace portico::sim
