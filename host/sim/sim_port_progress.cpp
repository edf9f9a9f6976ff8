// What becomes of the operations that are in flight, and when.
#include "sim/sim_port_internals.hpp"

namespace portico::sim {

namespace {

// The free driver: how often a receive without a buffer tries again.
constexpr std::uint64_t starved_retry_ns = base::nanoseconds_per_millisecond;

}  // namespace

void SimPort::Internals::on_news(Handle handle) noexcept {
    const auto found = sockets.find(handle);
    if (found == sockets.end()) {
        return;
    }
    const Attached& socket = found->second;
    for (Record* record : {socket.connect, socket.receive, socket.send}) {
        if (record != nullptr) {
            try_now(*record);
        }
    }
    for (Record* record : socket.accepts) {
        try_now(*record);
    }
}

bool SimPort::Internals::is_done_at_once(Record& record) {
    record.state = Record::State::trying;
    if (!attempt(record)) {
        record.state = Record::State::waiting;
        return false;
    }
    scheduler.trace(record.type == io::OperationType::send ? "port {}: a send is done at once"
                                                           : "port {}: an accept is done at once",
                    options.number);
    static_cast<void>(hand_out(record));
    return true;
}

void SimPort::Internals::try_now(Record& record) {
    if (record.state != Record::State::waiting || record.type == io::OperationType::timer ||
        scheduler.now() < record.earliest_ns) {
        return;
    }
    record.state = Record::State::trying;
    if (attempt(record)) {
        decided(record);
    } else if (record.state == Record::State::trying) {
        record.state = Record::State::waiting;
    }
}

bool SimPort::Internals::attempt(Record& record) {
    if (record.planned != io::Error::none) {
        record.error = record.planned;
        return true;
    }
    switch (record.type) {
        case io::OperationType::accept: return attempt_accept(record);
        case io::OperationType::connect: return attempt_connect(record);
        case io::OperationType::receive: return attempt_receive(record);
        case io::OperationType::send: return attempt_send(record);
        case io::OperationType::timer:
        case io::OperationType::post: break;
    }
    return true;
}

bool SimPort::Internals::attempt_accept(Record& record) {
    if (network.listener_of(record.handle, "an accept").queue.empty()) {
        return false;
    }
    counters.accepts.fetch_add(1, std::memory_order_relaxed);
    if (random.chance(faults.accept_no_descriptors)) {
        record.error = io::Error::no_descriptors;
        return true;
    }
    if (random.chance(faults.accept_no_memory)) {
        record.error = io::Error::no_buffers;
        return true;
    }
    const Handle accepted = network.accept(record.handle);
    record.accepted = Network::Internals::native_of(accepted);
    record.peer = network.end_of(accepted, "an accept").remote;
    return true;
}

bool SimPort::Internals::attempt_connect(Record& record) {
    const End& end = network.end_of(record.handle, "a connect");
    switch (end.state) {
        case End::State::fresh:
        case End::State::connecting: return false;
        case End::State::open: return true;
        case End::State::failed:
        case End::State::dead: break;
    }
    record.error = end.error;
    return true;
}

bool SimPort::Internals::attempt_receive(Record& record) {
    End& end = network.end_of(record.handle, "a receive");
    if (end.incoming.size() == 0) {
        if (end.state == End::State::dead) {
            record.error = end.error;
            return true;
        }
        return end.is_input_ended;  // no bytes and no error
    }
    counters.receives.fetch_add(1, std::memory_order_relaxed);
    const io::Buffer buffer = pool.take();
    if (buffer.data == nullptr) {
        record.state = Record::State::starved;
        starved.push_back(&record);
        scheduler.trace("port {}: the receive of socket {} finds no buffer", options.number,
                        Network::Internals::native_of(record.handle));
        if (scheduler.is_free()) {
            later<&Internals::look_for_buffers>(scheduler.now() + starved_retry_ns, record);
        }
        return false;
    }
    std::size_t bytes = std::min<std::size_t>(end.incoming.size(), pool.buffer_bytes());
    if (bytes > 1 && random.chance(faults.partial_receive)) {
        bytes = 1 + static_cast<std::size_t>(random.below(bytes - 1));
    }
    record.bytes = network.read(end, buffer.data, bytes);
    record.buffer = buffer;
    poison(buffer.data, pool.buffer_bytes());  // until it is handed out
    return true;
}

bool SimPort::Internals::attempt_send(Record& record) {
    End& end = network.end_of(record.handle, "a send");
    if (end.state == End::State::dead) {
        record.error = end.error;
        return true;
    }
    if (end.state != End::State::open || end.is_finished) {
        fail("a send of a socket that is not connected, or has ended its stream: " +
             std::to_string(Network::Internals::native_of(record.handle)));
    }
    const std::size_t room = Network::Internals::room(end);
    std::size_t bytes = std::min(room, bytes_of(record));
    if (bytes == 0 || (record.found_no_room && room < end.send_room / 3)) {
        record.found_no_room = faults.room_in_steps;
        return false;
    }
    counters.sends.fetch_add(1, std::memory_order_relaxed);
    if (bytes > 1 && random.chance(faults.partial_send)) {
        bytes = 1 + static_cast<std::size_t>(random.below(bytes - 1));
    }
    record.bytes = bytes;
    // All at once, so that the segments do not show the parts.
    outgoing.clear();
    for (const io::ConstBuffer& part : record.parts) {
        const std::size_t of_this = std::min(part.size, bytes);
        if (of_this == 0) {
            continue;
        }
        unpoison(part.data, of_this);
        outgoing.insert(outgoing.end(), part.data, part.data + of_this);
        poison(part.data, of_this);
        bytes -= of_this;
    }
    static_cast<void>(network.write(end, outgoing.data(), outgoing.size()));
    return true;
}

void SimPort::Internals::look_for_buffers(Record& record) {
    retry_starved();
    if (record.state == Record::State::starved) {
        later<&Internals::look_for_buffers>(scheduler.now() + starved_retry_ns, record);
    }
}

void SimPort::Internals::retry_starved() {
    for (std::size_t left = starved.size(); left > 0 && has_buffers(); --left) {
        Record& record = *starved.front();
        starved.pop_front();
        record.state = Record::State::waiting;
        try_now(record);
    }
}

void SimPort::Internals::decided(Record& record) {
    record.state = Record::State::done;
    std::uint64_t time = scheduler.now();
    if (record.type != io::OperationType::timer) {
        time += draw_delay();
    }
    if (record.type == io::OperationType::post) {  // posts of one thread keep their order
        time = last_post_ns = std::max(last_post_ns, time);
    }
    if (time > scheduler.now()) {
        later<&Internals::show>(time, record);
    } else {
        show(record);
    }
}

void SimPort::Internals::show(Record& record) {
    if (is_held(record)) {
        record.state = Record::State::late;
        record.completed_late = true;
        late.push_back(&record);
        return;
    }
    record.state = Record::State::ready;
    ready.push_back(&record);
    if (is_expired(record)) {
        sort_newest_timer();
    }
    scheduler.changed();
}

void SimPort::Internals::release_late() {
    for (Record* record : std::exchange(late, {})) {
        record->may_complete_late = false;
        show(*record);
    }
}

void SimPort::Internals::expedite(Record& record) {
    record.may_complete_late = false;
    if (record.state == Record::State::late) {
        late.erase(std::find(late.begin(), late.end(), &record));
        show(record);
    }
}

void SimPort::Internals::sort_newest_timer() noexcept {
    std::size_t at = ready.size() - 1;
    for (std::size_t before = at; before-- > 0;) {
        if (!is_expired(*ready[before])) {
            continue;
        }
        if (ready[before]->deadline_ns <= ready[at]->deadline_ns) {
            return;
        }
        std::swap(ready[before], ready[at]);
        at = before;
    }
}

void SimPort::Internals::add_timer(Record& record) {
    timers.insert(std::upper_bound(timers.begin(), timers.end(), &record, is_later), &record);
    set_alarm();
}

void SimPort::Internals::set_alarm() {
    if (timers.empty() || due_ns(*timers.back()) >= alarm_ns) {
        return;
    }
    alarm_ns = due_ns(*timers.back());
    Network::Internals* its_network = &network;
    scheduler.at(alarm_ns, [its_network, its_slot = slot] {
        if (Internals* port = its_network->ports[its_slot]) {
            port->alarm_ns = UINT64_MAX;
            port->expire_timers();
            port->set_alarm();
        }
    });
}

void SimPort::Internals::expire_timers() {
    while (!timers.empty() && due_ns(*timers.back()) <= scheduler.now()) {
        Record& record = *timers.back();
        timers.pop_back();
        decided(record);
    }
}

void SimPort::Internals::abort(Record& record) {
    expedite(record);
    if (record.state == Record::State::starved) {
        starved.erase(std::find(starved.begin(), starved.end(), &record));
    } else if (record.state != Record::State::waiting) {
        return;  // too late
    }
    if (record.type == io::OperationType::timer) {
        timers.erase(std::lower_bound(timers.begin(), timers.end(), &record, is_later));
    }
    record.error = io::Error::aborted;
    decided(record);
}

}  // namespace portico::sim
