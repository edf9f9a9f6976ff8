// Operations go back to their owners, with what became of them.
#include <array>
#include <cerrno>

#include "sim/sim_port_internals.hpp"

namespace portico::sim {

using Record = SimPort::Internals::Record;

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

namespace {

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

}  // namespace

Record& SimPort::Internals::next_ready() noexcept {
    auto chosen = ready.begin();
    if (ready.size() > 1 && random.chance(faults.shuffle)) {
        chosen += static_cast<std::ptrdiff_t>(random.below(ready.size()));
        const io::OperationType type = (*chosen)->type;
        if (type == io::OperationType::timer || type == io::OperationType::post) {
            chosen = std::find_if(ready.begin(), ready.end(),
                                  [type](const Record* record) { return record->type == type; });
        }
    }
    Record& record = **chosen;
    ready.erase(chosen);
    return record;
}

bool SimPort::Internals::fill_in_accept(const Record& record, io::AcceptOperation& accept) {
    accept.accepted = record.accepted;
    accept.peer = record.peer;
    std::vector<Record*>& accepts = sockets.at(record.handle).accepts;
    accepts.erase(std::find(accepts.begin(), accepts.end(), &record));
    return accept.listener == record.socket;
}

bool SimPort::Internals::fill_in_receive(const Record& record, io::ReceiveOperation& receive) {
    receive.bytes = static_cast<std::uint32_t>(record.bytes);
    receive.buffer = record.buffer;
    if (record.buffer.data != nullptr) {
        unpoison(record.buffer.data, pool.buffer_bytes());
    }
    sockets.at(record.handle).receive = nullptr;
    return receive.socket == record.socket;
}

bool SimPort::Internals::fill_in_send(const Record& record, io::SendOperation& send) {
    reveal_parts(record);
    const bool is_unchanged = send.socket == record.socket && send.buffers.data() == record.array &&
                              send.buffers.size() == record.parts.size() &&
                              std::equal(
                                  record.parts.begin(), record.parts.end(), send.buffers.begin(),
                                  [](const io::ConstBuffer& left, const io::ConstBuffer& right) {
                                      return left.data == right.data && left.size == right.size;
                                  });
    if (is_unchanged && sum_of(record) != record.sum) {
        fail("bytes of socket " + std::to_string(Network::Internals::native_of(record.handle)) +
             " changed while they were being sent");
    }
    send.bytes = static_cast<std::uint32_t>(record.bytes);
    send.completed_late = record.completed_late;
    sockets.at(record.handle).send = nullptr;
    return is_unchanged;
}

bool SimPort::Internals::fill_in(const Record& record, io::Operation& operation,
                                 std::uint64_t& outcome) {
    switch (record.type) {
        case io::OperationType::accept:
            outcome = static_cast<std::uint64_t>(record.accepted);
            return fill_in_accept(record, static_cast<io::AcceptOperation&>(operation));
        case io::OperationType::connect: {
            const auto& connect = static_cast<io::ConnectOperation&>(operation);
            sockets.at(record.handle).connect = nullptr;
            return connect.socket == record.socket && connect.remote == record.remote;
        }
        case io::OperationType::receive:
            outcome = record.bytes;
            return fill_in_receive(record, static_cast<io::ReceiveOperation&>(operation));
        case io::OperationType::send:
            outcome = record.bytes;
            return fill_in_send(record, static_cast<io::SendOperation&>(operation));
        case io::OperationType::timer:
            return static_cast<io::TimerOperation&>(operation).deadline_ns == record.deadline_ns;
        case io::OperationType::post: break;
    }
    return true;
}

io::Operation& SimPort::Internals::hand_out(Record& record) noexcept {
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
    if (!fill_in(record, operation, outcome)) {
        fail(std::string("an input of a ") + name_of(record.type) + " was changed while in flight");
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

}  // namespace portico::sim
