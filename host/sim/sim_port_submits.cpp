// Operations come to the simulated port.
#include "sim/sim_port_internals.hpp"

namespace portico::sim {

using Record = SimPort::Internals::Record;
using Attached = SimPort::Internals::Attached;

namespace {

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

Record& SimPort::Internals::start(io::Operation& operation) noexcept {
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

Record& SimPort::Internals::start_accept(io::AcceptOperation& operation) noexcept {
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

Record& SimPort::Internals::start_send(io::SendOperation& operation) noexcept {
    check_thread("send");
    Record& record = start(operation);
    take_place(attached_to(operation.socket, operation.type, record).send, record);
    if (operation.buffers.empty() || operation.buffers.size() > io::SendOperation::buffers_max) {
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

void SimPort::Internals::begin(Record& record) noexcept {
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

Attached& SimPort::Internals::attached_to(const io::Socket* socket, io::OperationType type,
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

void SimPort::Internals::take_place(Record*& place, Record& record) noexcept {
    if (place != nullptr) {
        fail(std::string("a second ") + name_of(record.type) + " of socket " +
             std::to_string(Network::Internals::native_of(record.handle)));
    }
    place = &record;
}

Record& SimPort::Internals::record_of(const io::Operation& operation) noexcept {
    auto& record = *reinterpret_cast<Record*>(operation.next);
    const bool is_own = std::any_of(records.begin(), records.end(),
                                    [&](const auto& each) { return each.get() == &record; });
    if (!is_own || record.operation != &operation) {
        fail(std::string("a ") + name_of(operation.type) + " was not submitted here");
    }
    return record;
}

void SimPort::Internals::hide_parts(const Record& record) noexcept {
    for (const io::ConstBuffer& part : record.parts) {
        poison(part.data, part.size);
    }
    poison(record.array, record.parts.size() * sizeof(io::ConstBuffer));
}

void SimPort::Internals::reveal_parts(const Record& record) noexcept {
    unpoison(record.array, record.parts.size() * sizeof(io::ConstBuffer));
    for (const io::ConstBuffer& part : record.parts) {
        unpoison(part.data, part.size);
    }
}

std::uint64_t SimPort::Internals::sum_of(const Record& record) noexcept {
    std::uint64_t sum = 0;
    if (!poisons) {
        for (const io::ConstBuffer& part : record.parts) {
            sum = checksum(part.data, part.size, sum);
        }
    }
    return sum;
}

}  // namespace portico::sim
