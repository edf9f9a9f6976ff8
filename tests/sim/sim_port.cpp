#include "sim/sim_port.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "sim/network_internals.hpp"
#include "sim/poison.hpp"

namespace portico::sim {

namespace {

using Handle = Network::Internals::Index;
using End = Network::Internals::End;

// The free driver: how often a receive without a buffer tries again.
constexpr std::uint64_t starved_retry_ns = base::nanoseconds_per_millisecond;
constexpr std::uint64_t look_ns_max = 20'000;
constexpr std::uint64_t late_cancel_ns_max = 3 * base::nanoseconds_per_millisecond;

const char* name_of(io::OperationType type) noexcept {
    switch (type) {
        case io::OperationType::accept: return "accept";
        case io::OperationType::connect: return "connect";
        case io::OperationType::receive: return "receive";
        case io::OperationType::send: return "send";
        case io::OperationType::timer: return "timer";
        case io::OperationType::post: return "post";
    }
    return "?";
}

int native_of(io::Error error) noexcept {
    switch (error) {
        case io::Error::none: return 0;
        case io::Error::reset: return ECONNRESET;
        case io::Error::refused: return ECONNREFUSED;
        case io::Error::unreachable: return ENETUNREACH;
        case io::Error::timed_out: return ETIMEDOUT;
        case io::Error::aborted: return ECANCELED;
        case io::Error::no_buffers: return ENOBUFS;
        case io::Error::no_descriptors: return EMFILE;
        case io::Error::address_in_use: return EADDRINUSE;
        case io::Error::address_unavailable: return EADDRNOTAVAIL;
        case io::Error::permission: return EACCES;
        case io::Error::other: return EINVAL;
    }
    return EINVAL;
}

// "port {}: receive of socket {} is handed out with {} bytes", "...: aborted", ... : literals,
// because the trace needs them.
const char* text_of(io::OperationType type, io::Error error) noexcept {
    constexpr std::size_t types = 6;
    constexpr std::size_t errors = 12;
    static const auto texts = [] {
        std::array<std::array<std::string, errors>, types> made;
        for (std::size_t i = 0; i < types; ++i) {
            for (std::size_t j = 0; j < errors; ++j) {
                const auto each = static_cast<io::OperationType>(i);
                std::string text = std::string("port {}: ") + name_of(each);
                const bool is_transfer = each == io::OperationType::receive ||
                                         each == io::OperationType::send;
                text += each == io::OperationType::timer || each == io::OperationType::post
                            ? " {} is handed out"
                            : " of socket {} is handed out";
                if (j != 0) {
                    text += ": " + std::string(io::to_string(static_cast<io::Error>(j)));
                } else if (is_transfer) {
                    text += ": {} bytes";
                } else if (each == io::OperationType::accept) {
                    text += ": socket {}";
                }
                made[i][j] = text;
            }
        }
        return made;
    }();
    return texts[static_cast<std::size_t>(type)][static_cast<std::size_t>(error)].c_str();
}

std::uint64_t checksum(const std::byte* bytes, std::size_t count, std::uint64_t sum) noexcept {
    for (; count >= 8; bytes += 8, count -= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes, 8);
        sum = (sum ^ word) * 0x9E37'79B9'7F4A'7C15ULL;
        sum ^= sum >> 29;
    }
    for (; count > 0; ++bytes, --count) {
        sum = (sum ^ std::to_integer<std::uint64_t>(*bytes)) * 0x9E37'79B9'7F4A'7C15ULL;
    }
    return sum;
}

}  // namespace

struct SimPort::Internals final : Watcher {
    // An operation in flight.
    struct Record {
        enum class State : std::uint8_t {
            free,
            waiting,  // waits for news, for its time (timers), or for the end of its delay
            trying,   // in attempt(), which may cause news of its own
            starved,  // there is something to receive and no buffer
            done,     // its result is decided, but not visible yet
            // a send: visible with the next completion, or when wait() returns for another reason
            late,
            ready,  // wait() may hand it out
        };
        State state = State::free;
        io::OperationType type = io::OperationType::post;
        bool is_cancelled = false;       // late: aborted unless something comes first
        bool may_complete_late = false;  // a send that no caller waits for
        bool completed_late = false;
        bool found_no_room = false;  // a send: it waits for a good deal of room
        io::Error planned = io::Error::none;
        std::uint16_t index = 0;
        // for this use of the record: work that was scheduled for an earlier one is void
        std::uint32_t ticket = 0;
        Handle handle = Network::Internals::none;
        io::Operation* operation = nullptr;
        std::uint64_t earliest_ns = 0;
        // The operation's inputs at the submit.
        std::uint64_t deadline_ns = 0;
        io::Socket* socket = nullptr;
        io::Address remote;
        const io::ConstBuffer* array = nullptr;
        std::vector<io::ConstBuffer> parts;
        std::uint64_t sum = 0;
        // The operation's outputs, to be filled in later.
        io::Error error = io::Error::none;
        io::NativeSocket accepted = io::invalid_socket;
        io::Address peer;
        std::size_t bytes = 0;
        io::Buffer buffer;
    };

    // A socket of this port.
    struct Attached {
        Record* receive = nullptr;
        Record* send = nullptr;
        Record* connect = nullptr;
        std::vector<Record*> accepts;
    };

    Internals(Scheduler& its_scheduler, Network& its_network, io::BufferPool& its_pool,
              Random its_random, const FaultMix& its_faults, const SimPortOptions& its_options)
        : scheduler(its_scheduler),
          network(its_network.internals()),
          pool(its_pool),
          random(its_random),
          faults(its_faults),
          options(its_options),
          slot(static_cast<std::uint16_t>(network.ports.size())) {
        network.ports.push_back(this);
    }

    [[noreturn]] void fail(const std::string& what) noexcept {
        scheduler.fail("port " + std::to_string(options.number) + ": " + what);
    }

    // ---- scheduled work finds its record again, or nothing

    template <void (Internals::*Call)(Record&)>
    void later(std::uint64_t time_ns, const Record& record) {
        Network::Internals* its_network = &network;
        struct {
            std::uint16_t slot;
            std::uint16_t index;
            std::uint32_t ticket;
        } const key{slot, record.index, record.ticket};
        scheduler.at(time_ns, [its_network, key] {
            Internals* port = its_network->ports[key.slot];
            if (port != nullptr && port->records[key.index]->ticket == key.ticket) {
                (port->*Call)(*port->records[key.index]);
            }
        });
    }

    // ---- submits

    void check_thread(const char* what) noexcept {
        if (!options.shared && waiting != 0) {
            fail(std::string(what) + " while another thread waits on a port for one thread");
        }
    }

    // The operation's bytes, which nobody may use while it is in flight.
    struct Range {
        std::byte* begin;
        std::size_t bytes;
    };
    [[nodiscard]] static Range hidden_part(io::Operation& operation) noexcept {
        auto* begin = reinterpret_cast<std::byte*>(&operation.error);
        const auto up_to = [begin](auto& last) {
            return Range{begin,
                         static_cast<std::size_t>(reinterpret_cast<std::byte*>(&last + 1) - begin)};
        };
        switch (operation.type) {
            case io::OperationType::accept:
                return up_to(static_cast<io::AcceptOperation&>(operation).peer);
            case io::OperationType::connect:
                return up_to(static_cast<io::ConnectOperation&>(operation).remote);
            case io::OperationType::receive:
                return up_to(static_cast<io::ReceiveOperation&>(operation).buffer);
            case io::OperationType::send:
                return up_to(static_cast<io::SendOperation&>(operation).bytes);
            case io::OperationType::timer:
                return up_to(static_cast<io::TimerOperation&>(operation).heap);
            case io::OperationType::post: break;
        }
        return up_to(operation.cancel_requested);
    }

    // First step of a submit: from now on the port has the operation.
    Record& start(io::Operation& operation) noexcept {
        if (operation.in_flight) {
            fail(std::string("a ") + name_of(operation.type) + " is submitted that is in flight");
        }
        if (operation.completed == nullptr) {
            fail(std::string("a ") + name_of(operation.type) + " without a handler");
        }
        if (free_records.empty()) {
            records.push_back(std::make_unique<Record>());
            records.back()->index = static_cast<std::uint16_t>(records.size() - 1);
            free_records.push_back(records.back().get());
            if (records.size() > UINT16_MAX) {
                fail("too many operations in flight");
            }
        }
        Record& record = *free_records.back();
        free_records.pop_back();
        record.state = Record::State::waiting;
        record.type = operation.type;
        record.is_cancelled = false;
        record.may_complete_late = false;
        record.completed_late = false;
        record.found_no_room = false;
        record.planned = io::Error::none;
        record.ticket = ++last_ticket;
        record.handle = Network::Internals::none;
        record.operation = &operation;
        record.earliest_ns = 0;
        record.error = io::Error::none;
        record.accepted = io::invalid_socket;
        record.peer = {};
        record.bytes = 0;
        record.buffer = {};
        operation.in_flight = true;
        operation.next = reinterpret_cast<base::Link*>(&record);
        in_flight.fetch_add(1, std::memory_order_relaxed);
        return record;
    }

    // The first steps of an accept; the caller lets it begin.
    Record& start_accept(io::AcceptOperation& operation) noexcept {
        check_thread("accept");
        Record& record = start(operation);
        Attached& listener = attached_to(operation.listener, operation.type, record);
        static_cast<void>(network.listener_of(record.handle, "an accept"));
        if (listener.accepts.size() >= options.accepts_max) {
            fail("more accepts of one listener than accepts_max()");
        }
        listener.accepts.push_back(&record);
        return record;
    }

    // The first steps of a send; the caller hides the parts and lets it begin.
    Record& start_send(io::SendOperation& operation) noexcept {
        check_thread("send");
        Record& record = start(operation);
        take_place(attached_to(operation.socket, operation.type, record).send, record);
        if (operation.buffers.empty() ||
            operation.buffers.size() > io::SendOperation::buffers_max) {
            fail("a send of " + std::to_string(operation.buffers.size()) + " buffers");
        }
        record.may_complete_late = operation.may_complete_late;
        record.array = operation.buffers.data();
        record.parts.assign(operation.buffers.begin(), operation.buffers.end());
        if (std::all_of(record.parts.begin(), record.parts.end(),
                        [](const io::ConstBuffer& part) { return part.size == 0; })) {
            fail("a send of no bytes");
        }
        record.planned = random.chance(faults.send_no_buffers) ? io::Error::no_buffers
                                                               : io::Error::none;
        record.sum = sum_of(record);
        return record;
    }

    // Last step: hides it, and lets it begin, now or after a delay.
    void begin(Record& record) noexcept {
        const Range hidden = hidden_part(*record.operation);
        poison(hidden.begin, hidden.bytes);
        const std::uint64_t delay = draw_delay();
        record.earliest_ns = scheduler.now() + delay;
        if (delay != 0) {
            later<&Internals::try_now>(record.earliest_ns, record);
        } else {
            try_now(record);
        }
    }

    [[nodiscard]] std::uint64_t draw_delay() noexcept {
        return faults.operation_delay_ns_max == 0 ? 0
                                                  : random.skewed(faults.operation_delay_ns_max);
    }

    // The socket's handle, which must belong to this port.
    Attached& attached_to(const io::Socket* socket, io::OperationType type,
                          Record& record) noexcept {
        if (socket == nullptr || !socket->is_open()) {
            fail(std::string("a ") + name_of(type) + " of a socket that is not open");
        }
        record.handle = network.handle_of(socket->native(), name_of(type));
        record.socket = const_cast<io::Socket*>(socket);
        const auto found = sockets.find(record.handle);
        if (found == sockets.end()) {
            fail(std::string("a ") + name_of(type) +
                 " of a socket that never joined this port: " + std::to_string(socket->native()));
        }
        return found->second;
    }

    void take_place(Record*& place, Record& record) noexcept {
        if (place != nullptr) {
            fail(std::string("a second ") + name_of(record.type) + " of socket " +
                 std::to_string(Network::Internals::native_of(record.handle)));
        }
        place = &record;
    }

    // ---- progress

    void on_news(Handle handle) noexcept override {
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

    // Replaces begin(): true if the operation has completed in the call.
    [[nodiscard]] bool is_done_at_once(Record& record) {
        record.state = Record::State::trying;
        if (!attempt(record)) {
            record.state = Record::State::waiting;
            return false;
        }
        scheduler.trace(record.type == io::OperationType::send
                            ? "port {}: a send is done at once"
                            : "port {}: an accept is done at once",
                        options.number);
        static_cast<void>(hand_out(record));
        return true;
    }

    void try_now(Record& record) {
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

    // True if there is a result.
    bool attempt(Record& record) {
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

    bool attempt_accept(Record& record) {
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

    bool attempt_connect(Record& record) {
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

    bool attempt_receive(Record& record) {
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

    [[nodiscard]] static std::size_t bytes_of(const Record& record) noexcept {
        std::size_t total = 0;
        for (const io::ConstBuffer& part : record.parts) {
            total += part.size;
        }
        return total;
    }

    bool attempt_send(Record& record) {
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

    void look_for_buffers(Record& record) {
        retry_starved();
        if (record.state == Record::State::starved) {
            later<&Internals::look_for_buffers>(scheduler.now() + starved_retry_ns, record);
        }
    }

    // Retries as many as there are buffers for, in the order in which they came.
    void retry_starved() {
        for (std::size_t left = starved.size(); left > 0 && has_buffers(); --left) {
            Record& record = *starved.front();
            starved.pop_front();
            record.state = Record::State::waiting;
            try_now(record);
        }
    }
    [[nodiscard]] bool has_buffers() const noexcept { return pool.in_use() < pool.buffers_max(); }

    // The result is decided: it becomes visible now, or after a delay.
    void decided(Record& record) {
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

    void show(Record& record) {
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

    [[nodiscard]] bool is_held(const Record& record) noexcept {
        return record.may_complete_late && record.error == io::Error::none &&
               record.bytes == bytes_of(record) && random.chance(faults.late_send);
    }

    void release_late() {
        for (Record* record : std::exchange(late, {})) {
            record->may_complete_late = false;
            show(*record);
        }
    }

    // From now on a caller waits for it.
    void expedite(Record& record) {
        record.may_complete_late = false;
        if (record.state == Record::State::late) {
            late.erase(std::find(late.begin(), late.end(), &record));
            show(record);
        }
    }

    [[nodiscard]] static bool is_expired(const Record& record) noexcept {
        return record.type == io::OperationType::timer && record.error == io::Error::none;
    }

    // Due timers leave in the order of their deadlines, as from a port that looks at them when
    // somebody waits. A timer that was submitted later but is due earlier leaves before those that
    // became ready meanwhile: the ready timers exchange their places among themselves.
    void sort_newest_timer() noexcept {
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

    // ---- timers

    [[nodiscard]] static bool is_later(const Record* left, const Record* right) noexcept {
        return left->deadline_ns != right->deadline_ns ? left->deadline_ns > right->deadline_ns
                                                       : left->ticket > right->ticket;
    }

    [[nodiscard]] std::uint64_t due_ns(const Record& record) const noexcept {
        return record.deadline_ns + faults.timer_late_ns;
    }

    void add_timer(Record& record) {
        timers.insert(std::upper_bound(timers.begin(), timers.end(), &record, is_later), &record);
        set_alarm();
    }

    void set_alarm() {
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

    void expire_timers() {
        while (!timers.empty() && due_ns(*timers.back()) <= scheduler.now()) {
            Record& record = *timers.back();
            timers.pop_back();
            decided(record);
        }
    }

    // ---- cancel

    Record& record_of(const io::Operation& operation) noexcept {
        auto& record = *reinterpret_cast<Record*>(operation.next);
        const bool is_own = std::any_of(records.begin(), records.end(),
                                        [&](const auto& each) { return each.get() == &record; });
        if (!is_own || record.operation != &operation) {
            fail(std::string("a ") + name_of(operation.type) + " was not submitted here");
        }
        return record;
    }

    void abort(Record& record) {
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

    // ---- handing out

    // The next completion to hand out. Timers keep their order (by deadline), and so do posts.
    Record& next_ready() noexcept {
        auto chosen = ready.begin();
        if (ready.size() > 1 && random.chance(faults.shuffle)) {
            chosen += static_cast<std::ptrdiff_t>(random.below(ready.size()));
            const io::OperationType type = (*chosen)->type;
            if (type == io::OperationType::timer || type == io::OperationType::post) {
                chosen = std::find_if(ready.begin(), ready.end(), [type](const Record* record) {
                    return record->type == type;
                });
            }
        }
        Record& record = **chosen;
        ready.erase(chosen);
        return record;
    }

    // The owner gets its operation back, with the outputs.
    io::Operation& hand_out(Record& record) noexcept {
        io::Operation& operation = *record.operation;
        const Range hidden = hidden_part(operation);
        unpoison(hidden.begin, hidden.bytes);
        if (!operation.in_flight || operation.next != reinterpret_cast<base::Link*>(&record)) {
            fail(std::string("a ") + name_of(record.type) + " was written to while in flight");
        }
        operation.in_flight = false;
        operation.next = nullptr;
        operation.error = record.error;
        operation.native_error = native_of(record.error);
        std::uint64_t subject = record.ticket;
        std::uint64_t outcome = 0;
        bool is_unchanged = true;
        switch (record.type) {
            case io::OperationType::accept: {
                auto& accept = static_cast<io::AcceptOperation&>(operation);
                is_unchanged = accept.listener == record.socket;
                accept.accepted = record.accepted;
                accept.peer = record.peer;
                std::vector<Record*>& accepts = sockets.at(record.handle).accepts;
                accepts.erase(std::find(accepts.begin(), accepts.end(), &record));
                outcome = static_cast<std::uint64_t>(record.accepted);
                break;
            }
            case io::OperationType::connect: {
                const auto& connect = static_cast<io::ConnectOperation&>(operation);
                is_unchanged = connect.socket == record.socket && connect.remote == record.remote;
                sockets.at(record.handle).connect = nullptr;
                break;
            }
            case io::OperationType::receive: {
                auto& receive = static_cast<io::ReceiveOperation&>(operation);
                is_unchanged = receive.socket == record.socket;
                receive.bytes = static_cast<std::uint32_t>(record.bytes);
                receive.buffer = record.buffer;
                if (record.buffer.data != nullptr) {
                    unpoison(record.buffer.data, pool.buffer_bytes());
                }
                sockets.at(record.handle).receive = nullptr;
                outcome = record.bytes;
                break;
            }
            case io::OperationType::send: {
                auto& send = static_cast<io::SendOperation&>(operation);
                reveal_parts(record);
                is_unchanged = send.socket == record.socket &&
                               send.buffers.data() == record.array &&
                               send.buffers.size() == record.parts.size() &&
                               std::equal(
                                   record.parts.begin(), record.parts.end(), send.buffers.begin(),
                                   [](const io::ConstBuffer& left, const io::ConstBuffer& right) {
                                       return left.data == right.data && left.size == right.size;
                                   });
                if (is_unchanged && sum_of(record) != record.sum) {
                    fail("bytes of socket " +
                         std::to_string(Network::Internals::native_of(record.handle)) +
                         " changed while they were being sent");
                }
                send.bytes = static_cast<std::uint32_t>(record.bytes);
                send.completed_late = record.completed_late;
                sockets.at(record.handle).send = nullptr;
                outcome = record.bytes;
                break;
            }
            case io::OperationType::timer:
                is_unchanged = static_cast<io::TimerOperation&>(operation).deadline_ns ==
                               record.deadline_ns;
                break;
            case io::OperationType::post: break;
        }
        if (!is_unchanged) {
            fail(std::string("an input of a ") + name_of(record.type) +
                 " was changed while in flight");
        }
        if (record.handle != Network::Internals::none) {
            subject = static_cast<std::uint64_t>(Network::Internals::native_of(record.handle));
        }
        scheduler.trace(text_of(record.type, record.error), options.number, subject, outcome);
        record.state = Record::State::free;
        record.ticket = 0;
        record.operation = nullptr;
        free_records.push_back(&record);
        in_flight.fetch_sub(1, std::memory_order_relaxed);
        counters.completions.fetch_add(1, std::memory_order_relaxed);
        handed_out.insert(&operation);
        return operation;
    }

    // ---- the memory that a send names

    void hide_parts(const Record& record) noexcept {
        for (const io::ConstBuffer& part : record.parts) {
            poison(part.data, part.size);
        }
        poison(record.array, record.parts.size() * sizeof(io::ConstBuffer));
    }

    void reveal_parts(const Record& record) noexcept {
        unpoison(record.array, record.parts.size() * sizeof(io::ConstBuffer));
        for (const io::ConstBuffer& part : record.parts) {
            unpoison(part.data, part.size);
        }
    }

    // The poison finds more than the checksum does, and costs less.
    [[nodiscard]] static std::uint64_t sum_of(const Record& record) noexcept {
        std::uint64_t sum = 0;
        if (!poisons) {
            for (const io::ConstBuffer& part : record.parts) {
                sum = checksum(part.data, part.size, sum);
            }
        }
        return sum;
    }

    struct AtomicCounters {
        std::atomic<std::uint64_t> waits{0};
        std::atomic<std::uint64_t> receives{0};
        std::atomic<std::uint64_t> sends{0};
        std::atomic<std::uint64_t> accepts{0};
        std::atomic<std::uint64_t> connects{0};
        std::atomic<std::uint64_t> wakes{0};
        std::atomic<std::uint64_t> cancels{0};
        std::atomic<std::uint64_t> completions{0};
    };

    Scheduler& scheduler;
    Network::Internals& network;
    io::BufferPool& pool;
    Random random;
    const FaultMix& faults;
    const SimPortOptions options;
    const std::uint16_t slot;
    std::vector<std::unique_ptr<Record>> records;
    std::vector<Record*> free_records;
    std::unordered_map<Handle, Attached> sockets;
    std::deque<Record*> ready;
    std::deque<Record*> starved;
    std::vector<Record*> late;
    std::vector<Record*> timers;                          // the soonest last
    std::unordered_set<const io::Operation*> handed_out;  // at least once
    std::vector<std::byte> outgoing;
    std::uint64_t alarm_ns = UINT64_MAX;
    std::uint64_t last_post_ns = 0;
    std::uint32_t last_ticket = 0;
    std::uint32_t waiting = 0;  // threads inside wait()
    bool is_woken = false;
    AtomicCounters counters;
    std::atomic<std::size_t> in_flight{0};
};

SimPort::SimPort(Scheduler& scheduler, Network& network, io::BufferPool& buffers, Random random,
                 const FaultMix& faults, const SimPortOptions& options)
    : CompletionPort(buffers, true),
      internals_(
          std::make_unique<Internals>(scheduler, network, buffers, random, faults, options)) {}

SimPort::~SimPort() {
    const Scheduler::Section section(internals_->scheduler);
    if (outstanding() != 0) {
        internals_->fail(std::to_string(outstanding()) + " operations are in flight at its end");
    }
    if (!internals_->sockets.empty()) {
        internals_->fail(std::to_string(internals_->sockets.size()) +
                         " sockets have not left it at its end");
    }
    internals_->network.ports[internals_->slot] = nullptr;
}

std::uint32_t SimPort::accepts_max() const noexcept {
    return internals_->options.accepts_max;
}

base::Result<void> SimPort::attach(io::Socket& socket) {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("attach");
    const Handle handle = its.network.handle_of(socket.native(), "attach");
    Network::Internals::Handle& entry = its.network.handles[handle];
    if (entry.port != nullptr) {
        its.fail("socket " + std::to_string(socket.native()) + " joins a second time");
    }
    if (its.random.chance(its.faults.attach_fails)) {
        its.scheduler.trace("port {}: socket {} may not join", its.options.number, socket.native());
        return base::Failure{"cannot watch a socket: " + io::native_error_text(ENOMEM)};
    }
    entry.port = this;
    entry.watcher = &its;
    its.sockets[handle];
    its.scheduler.trace("port {}: socket {} joins", its.options.number, socket.native());
    return {};
}

void SimPort::close(io::Socket& socket) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("close");
    const Handle handle = its.network.handle_of(socket.native(), "close");
    const auto found = its.sockets.find(handle);
    if (found != its.sockets.end()) {
        const Internals::Attached& left = found->second;
        if (left.receive != nullptr || left.send != nullptr || left.connect != nullptr ||
            !left.accepts.empty()) {
            its.fail("socket " + std::to_string(socket.native()) +
                     " is closed with operations in flight");
        }
        its.sockets.erase(found);
        its.network.handles[handle].port = nullptr;
        its.network.handles[handle].watcher = nullptr;
    } else if (its.network.handles[handle].port != nullptr) {
        its.fail("socket " + std::to_string(socket.native()) +
                 " is closed by a port that it did not join");
    }
    socket.close();
}

void SimPort::move(io::Socket& from, io::Socket& to) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("move");
    const Handle handle = its.network.handle_of(from.native(), "move");
    const auto found = its.sockets.find(handle);
    if (found == its.sockets.end() || found->second.receive != nullptr ||
        found->second.send != nullptr || found->second.connect != nullptr || to.is_open()) {
        its.fail("socket " + std::to_string(from.native()) +
                 " moves with an operation in flight, from a port that it did not join, or to a "
                 "place that is taken");
    }
    to.take_over(from);
}

void SimPort::accept(io::AcceptOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.begin(its.start_accept(operation));
}

bool SimPort::accept_at_once(io::AcceptOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    Internals::Record& record = its.start_accept(operation);
    if (its.random.chance(its.faults.at_once) && its.is_done_at_once(record)) {
        return true;
    }
    its.begin(record);
    return false;
}

void SimPort::connect(io::ConnectOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("connect");
    Internals::Record& record = its.start(operation);
    its.take_place(its.attached_to(operation.socket, operation.type, record).connect, record);
    record.remote = operation.remote;
    its.counters.connects.fetch_add(1, std::memory_order_relaxed);
    its.network.connect(record.handle, record.remote);
    its.begin(record);
}

void SimPort::receive(io::ReceiveOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("receive");
    Internals::Record& record = its.start(operation);
    its.take_place(its.attached_to(operation.socket, operation.type, record).receive, record);
    record.planned = its.random.chance(its.faults.receive_no_buffers) ? io::Error::no_buffers
                                                                      : io::Error::none;
    its.begin(record);
}

void SimPort::send(io::SendOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    Internals::Record& record = its.start_send(operation);
    its.hide_parts(record);
    its.begin(record);
}

bool SimPort::send_at_once(io::SendOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    Internals::Record& record = its.start_send(operation);
    if (its.random.chance(its.faults.at_once) && its.is_done_at_once(record)) {
        return true;
    }
    its.hide_parts(record);
    its.begin(record);
    return false;
}

void SimPort::timer(io::TimerOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("timer");
    Internals::Record& record = its.start(operation);
    record.deadline_ns = operation.deadline_ns;
    const Internals::Range hidden = Internals::hidden_part(operation);
    poison(hidden.begin, hidden.bytes);
    if (its.due_ns(record) <= its.scheduler.now()) {
        its.expire_timers();  // timers that were due before
        its.decided(record);
    } else {
        its.add_timer(record);
    }
}

void SimPort::post(io::PostOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    Internals::Record& record = its.start(operation);
    const Internals::Range hidden = Internals::hidden_part(operation);
    poison(hidden.begin, hidden.bytes);
    its.scheduler.trace("port {}: post {}", its.options.number, record.ticket);
    its.decided(record);
}

void SimPort::expedite(io::SendOperation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("expedite");
    if (operation.in_flight) {
        its.expedite(its.record_of(operation));
    }
}

void SimPort::cancel(io::Operation& operation) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.check_thread("cancel");
    if (operation.type == io::OperationType::post) {
        its.fail("a post is cancelled");
    }
    if (!operation.in_flight) {
        if (its.handed_out.count(&operation) == 0) {
            its.fail(std::string("a ") + name_of(operation.type) +
                     " is cancelled that was never submitted here");
        }
        return;  // wait() has handed it out, but its owner does not know yet
    }
    Internals::Record& record = its.record_of(operation);
    its.counters.cancels.fetch_add(1, std::memory_order_relaxed);
    const bool is_late = its.random.chance(its.faults.late_cancel);
    const std::uint64_t subject = record.handle == Network::Internals::none
                                      ? record.ticket
                                      : static_cast<std::uint64_t>(
                                            Network::Internals::native_of(record.handle));
    its.scheduler.trace(
        is_late ? "port {}: a cancel of {} is on its way" : "port {}: a cancel of {}",
        its.options.number, subject);
    if (is_late) {
        its.later<&Internals::abort>(
            its.scheduler.now() + 1 + its.random.skewed(late_cancel_ns_max), record);
    } else {
        its.abort(record);
    }
}

std::size_t SimPort::wait(std::span<io::Operation*> completed, std::uint64_t deadline_ns) noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    if (completed.empty()) {
        its.fail("wait() without room");
    }
    its.check_thread("wait");
    if (its.random.chance(its.faults.clock_jump) && !its.scheduler.is_free()) {
        its.scheduler.jump_clock(1 + its.random.below(its.faults.clock_jump_ns_max));
    }
    if (its.random.chance(its.faults.early_return)) {
        its.scheduler.trace("port {}: wait returns early", its.options.number);
        return 0;
    }
    its.expire_timers();
    its.retry_starved();
    if (its.ready.empty()) {
        its.counters.waits.fetch_add(1, std::memory_order_relaxed);
        if (!its.is_woken && deadline_ns > its.scheduler.now()) {
            ++its.waiting;
            its.scheduler.block(
                "completions",
                [](void* context) noexcept {
                    const auto& port = *static_cast<const Internals*>(context);
                    return !port.ready.empty() || port.is_woken ||
                           (!port.starved.empty() && port.has_buffers());
                },
                &its, deadline_ns);
            --its.waiting;
            its.expire_timers();
            its.retry_starved();
        } else if (!its.scheduler.is_free()) {
            // A poll that finds nothing is also a call to the system, and repeated polls let time
            // pass.
            its.scheduler.spend(its.random.below(look_ns_max));
        }
        its.release_late();
    }
    its.is_woken = false;  // a thread that returns has been woken
    std::size_t room = completed.size();
    if (room > 1 && its.random.chance(its.faults.short_batch)) {
        room = 1 + static_cast<std::size_t>(its.random.below(room - 1));
    }
    std::size_t taken = 0;
    while (taken < room && !its.ready.empty()) {
        completed[taken++] = &its.hand_out(its.next_ready());
    }
    return taken;
}

void SimPort::wake() noexcept {
    Internals& its = *internals_;
    const Scheduler::Section section(its.scheduler);
    its.counters.wakes.fetch_add(1, std::memory_order_relaxed);
    its.is_woken = true;
    its.scheduler.changed();
}

std::size_t SimPort::outstanding() const noexcept {
    return internals_->in_flight.load(std::memory_order_relaxed);
}

io::Counters SimPort::counters() const noexcept {
    const Internals::AtomicCounters& from = internals_->counters;
    io::Counters result;
    result.waits = from.waits.load(std::memory_order_relaxed);
    result.receives = from.receives.load(std::memory_order_relaxed);
    result.sends = from.sends.load(std::memory_order_relaxed);
    result.accepts = from.accepts.load(std::memory_order_relaxed);
    result.connects = from.connects.load(std::memory_order_relaxed);
    result.wakes = from.wakes.load(std::memory_order_relaxed);
    result.cancels = from.cancels.load(std::memory_order_relaxed);
    result.completions = from.completions.load(std::memory_order_relaxed);
    return result;
}

std::uint64_t SimPort::now() const noexcept {
    return internals_->scheduler.now();
}

std::uint32_t SimPort::threads_waiting() const noexcept {
    return internals_->waiting;
}

}  // namespace portico::sim
