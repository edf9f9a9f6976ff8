#include "net/connection.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "base/inline.hpp"
#include "net/connection_send.hpp"
#include "net/connection_table.hpp"
#include "net/framing.hpp"
#include "net/worker.hpp"

namespace portico::net {

namespace {

// While the host stops, a connection whose peer is quiet for so long after our end of stream, and
// has acknowledged everything, is done: an idle client that never closes its side does not hold up
// the stop.
constexpr std::uint64_t drain_quiet_ns = 200 * base::nanoseconds_per_millisecond;

// A timer that comes later than this says less about the peer than about this process, which stood
// still (was stopped, suspended, or starved). The peer may have stood still with it. So it gets
// another chance, of a second at most; and no third before a byte has moved.
constexpr std::uint64_t late_ns = 100 * base::nanoseconds_per_millisecond;
constexpr std::uint64_t another_chance_ns = base::nanoseconds_per_second;

// Sends that the system takes at once, in one turn. A peer that reads as fast as the plugin fills
// the queue must not keep the others waiting.
constexpr int sends_at_once_max = 4;

constexpr std::uint64_t milliseconds(std::uint32_t count) noexcept {
    return count * base::nanoseconds_per_millisecond;
}

}  // namespace

const char* to_string(CloseReason reason) noexcept {
    switch (reason) {
        case CloseReason::none: return "none";
        case CloseReason::plugin: return "by the plugin";
        case CloseReason::peer: return "the peer finished";
        case CloseReason::reset: return "reset by the peer";
        case CloseReason::error: return "system error";
        case CloseReason::plugin_error: return "a plugin callback failed";
        case CloseReason::idle: return "idle timeout";
        case CloseReason::half_close: return "half-close timeout";
        case CloseReason::frame: return "frame too long";
        case CloseReason::unconsumed: return "too many unconsumed bytes";
        case CloseReason::drain: return "the host stops";
        case CloseReason::drain_deadline: return "the host stops, cut at the deadline";
        case CloseReason::no_memory: return "out of memory";
    }
    return "unknown";
}

// A call from another thread (or one that must not overtake such a call), on its way to the strand.
// Carries a send's bytes behind itself.
struct Connection::Call : Mail {
    Connection* connection = nullptr;
    AnyFunction function = nullptr;
    void* argument = nullptr;
    std::uint32_t number = 0;  // send: how many bytes
    CallKind kind = CallKind::send;

    [[nodiscard]] std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
};

Connection::Connection(ConnectionTable& table, std::uint32_t index) noexcept
    : index_(index), table_(&table) {
    ReceivePart::socket = &socket_;
    SendPart::socket = &socket_;
    // Nothing of an operation is touched before its event is told on the strand.
    ReceivePart::completed = [](io::Operation& operation) {
        static_cast<Connection&>(static_cast<ReceivePart&>(operation)).happened<event_received>();
    };
    SendPart::completed = [](io::Operation& operation) {
        static_cast<Connection&>(static_cast<SendPart&>(operation)).happened<event_sent>();
    };
    TimerPart::completed = [](io::Operation& operation) {
        static_cast<Connection&>(static_cast<TimerPart&>(operation)).happened<event_timer>();
    };
    Mail::deliver = [](Mail& mail) {
        auto& connection = static_cast<Connection&>(mail);
        Worker::current()->before_callback(connection.context());
        connection.tell(connection.events_.exchange(0, std::memory_order_acq_rel));
    };
}

Connection::~Connection() {
    PORTICO_ASSERT(stage_ == Stage::free);
}

io::CompletionPort& Connection::port() const noexcept {
    return strand().home().port();
}

// ---- opening

void Connection::take_socket(const ConnectionContext& context, io::NativeSocket accepted,
                             const io::Address& peer, const io::Address& local) noexcept {
    PORTICO_ASSERT(stage_ == Stage::free);
    context_.store(&context, std::memory_order_relaxed);
    socket_.adopt(accepted);
    peer_.store(peer);
    const bool is_any = std::all_of(local.bytes.begin(), local.bytes.end(),
                                    [](std::uint8_t byte) { return byte == 0; });
    local_.store(is_any ? socket_.local_address() : local);
}

void Connection::open(WorkerGroup& home, Strand* shared_strand) noexcept {
    PORTICO_ASSERT(stage_ == Stage::free && socket_.is_open());
    stage_ = Stage::opening;
    if (shared_strand == nullptr) {
        own_strand_.set_home(home);
        strand_.store(&own_strand_, std::memory_order_relaxed);
    } else {
        PORTICO_ASSERT(&shared_strand->home() == &home);
        strand_.store(shared_strand, std::memory_order_relaxed);
    }
    word_.open();
}

void Connection::begin() noexcept {
    events_.store(event_opened, std::memory_order_release);
    strand().deliver(*this);
}

void Connection::begin_at_home() noexcept {
    happened<event_opened>();
}

void Connection::opened() noexcept {
    opened_ns_ = port().now();
    if (attach()) {
        context().log->compose(base::LogLevel::debug, context().listener_name, handle(), [&] {
            return "client " + io::to_string(peer_.load()) + " connected";
        });
        touch();
        if (protocol().on_open(*this)) {
            accepted_ = true;
            stage_ = Stage::open;
            if (!queue_.empty()) {
                // what other connections' callbacks on this strand sent to it before on_open could
                // not leave yet
                attend_later();
            }
        } else {
            abort(CloseReason::plugin);
        }
    }
    if (!accepted_) {
        begin_join();
    }
    advance();
}

bool Connection::attach() noexcept {
    // The port words its refusal as start-up's errors are worded, and may run out of memory for
    // that.
    try {
        const base::Result<void> attached = port().attach(socket_);
        if (attached) {
            return true;
        }
        context().log->compose(base::LogLevel::error, context().listener_name, handle(),
                               [&] { return "connection dropped: " + attached.error(); });
        abort(CloseReason::error);
    } catch (const std::bad_alloc&) {
        abort(CloseReason::no_memory);
    }
    return false;
}

// ---- calls, from any thread

bool Connection::no_call_on_its_way(std::uint64_t generation) const noexcept {
    const std::uint64_t word = word_.load();
    if (SlotWord::generation_of(word) != generation || SlotWord::is_final(word)) {
        // nothing will be accepted; and the queue may be another connection's by now, on another
        // strand
        return true;
    }
    return SlotWord::reserved_of(word) == queue_.bytes();
}

Connection::Call* Connection::make_call(CallKind kind, std::span<const std::byte> bytes,
                                        AnyFunction function, void* argument,
                                        std::uint32_t number) noexcept {
    static_assert(sizeof(Call) <= call_bytes);
    void* memory = ::operator new(sizeof(Call) + bytes.size(), std::nothrow);
    if (memory == nullptr) {
        return nullptr;
    }
    auto* made = new (memory) Call;
    made->deliver = [](Mail& mail) {
        auto& call = static_cast<Call&>(mail);
        Worker::current()->before_callback(call.connection->context());
        call.connection->called(call);
    };
    made->connection = this;
    made->function = function;
    made->argument = argument;
    made->number = number;
    made->kind = kind;
    if (!bytes.empty()) {
        made->number = static_cast<std::uint32_t>(bytes.size());
        std::memcpy(made->bytes(), bytes.data(), bytes.size());
    }
    return made;
}

void Connection::delete_call(Call* call) noexcept {
    call->~Call();
    ::operator delete(call);
}

SendResult Connection::append_failed(std::size_t bytes) noexcept {
    // another thread may have met these bytes and been refused: then an on_writable is due now
    give_back(bytes);
    advance_due_ = true;
    attend_later();
    return SendResult::no_memory;
}

// Bytes that fill at least half of the received buffer go out of it, uncopied: it becomes the
// queue's until they are sent. The rest of the pool is kept for receiving: peers that do not read
// cannot use up more than half of it.
bool Connection::adopt_received(std::span<const std::byte> bytes) noexcept {
    const ReceiveOperation& receive = *this;
    io::BufferPool& pool = port().buffers();
    const std::byte* begin = receive.buffer.data;
    if (adopted_ || std::less<>()(bytes.data(), begin) ||
        std::less<>()(begin + receive.bytes, bytes.data() + bytes.size()) ||
        pool.in_use() > pool.buffers_max() / 2) {
        return false;
    }
    queue_.adopt(pool, receive.buffer, static_cast<std::uint32_t>(bytes.data() - begin),
                 static_cast<std::uint32_t>(bytes.size()));
    adopted_ = true;
    return true;
}

SendResult Connection::send_by_any_way(const ConnectionContext& context, std::uint64_t generation,
                                       std::span<const std::byte> bytes) noexcept {
    if (!belongs_to(context, generation)) {
        return SendResult::gone;
    }
    if (bytes.size() > context.limits.max_send_bytes) {
        return SendResult::too_large;
    }
    const auto size = static_cast<std::uint32_t>(bytes.size());
    // Memory first: a reservation can be given back only on the strand, where a close may be
    // waiting for it.
    const bool direct = on_strand() && no_call_on_its_way(generation);
    Call* call = nullptr;
    if (!direct && size != 0) {
        call = make_call(CallKind::send, bytes, nullptr, nullptr, 0);
        if (call == nullptr) {
            return SendResult::no_memory;
        }
    }
    const Reserve reserved = word_.reserve(generation, call != nullptr ? size + call_bytes : size,
                                           context.limits.send_queue_bytes);
    if (reserved != Reserve::accepted || size == 0) {
        if (call != nullptr) {
            delete_call(call);
        }
        switch (reserved) {
            case Reserve::accepted: return SendResult::queued;
            case Reserve::would_block: return SendResult::would_block;
            case Reserve::finished: return SendResult::finished;
            case Reserve::gone: break;
        }
        return SendResult::gone;
    }
    if (call != nullptr) {
        strand().deliver(*call);
        return SendResult::queued;
    }
    return append(bytes);
}

CallResult Connection::call(std::uint64_t generation, CallKind kind, SlotWord::Mark mark,
                            AnyFunction function, void* argument, std::uint32_t number) noexcept {
    // A posted function never runs inside the call that posts it.
    const bool direct = on_strand() && kind != CallKind::post && no_call_on_its_way(generation);
    Call* made = nullptr;
    if (!direct) {
        made = make_call(kind, {}, function, argument, number);
        if (made == nullptr) {
            return CallResult::no_memory;
        }
    }
    const bool even_closing = kind == CallKind::abort || kind == CallKind::drain ||
                              kind == CallKind::cut;
    if (!word_.reserve_call(generation, even_closing, mark)) {
        if (made != nullptr) {
            delete_call(made);
        }
        return CallResult::gone;
    }
    if (made != nullptr) {
        if (kind == CallKind::pause) {
            // the reservation keeps this connection here until it arrives
            pauses_on_the_way_.fetch_add(1, std::memory_order_relaxed);
        }
        strand().deliver(*made);
        return CallResult::accepted;
    }
    take_effect(kind, function, argument, number);
    give_back(1);
    advance_due_ = true;
    attend_later();
    return CallResult::accepted;
}

CallResult Connection::finish_sending(std::uint64_t generation) noexcept {
    return call(generation, CallKind::finish, SlotWord::Mark::finished);
}

CallResult Connection::close(std::uint64_t generation, CloseHow how) noexcept {
    return how == CloseHow::abort ? call(generation, CallKind::abort, SlotWord::Mark::aborting)
                                  : call(generation, CallKind::close, SlotWord::Mark::closing);
}

CallResult Connection::pause(std::uint64_t generation) noexcept {
    return call(generation, CallKind::pause);
}

CallResult Connection::resume(std::uint64_t generation) noexcept {
    return call(generation, CallKind::resume);
}

CallResult Connection::post(std::uint64_t generation, AnyFunction function,
                            void* argument) noexcept {
    return call(generation, CallKind::post, SlotWord::Mark::nothing, function, argument);
}

CallResult Connection::drain(std::uint64_t generation, std::uint32_t deadline_ms) noexcept {
    return call(generation, CallKind::drain, SlotWord::Mark::nothing, nullptr, nullptr,
                deadline_ms);
}

CallResult Connection::cut(std::uint64_t generation) noexcept {
    return call(generation, CallKind::cut, SlotWord::Mark::closing);
}

bool Connection::info(std::uint64_t generation, Info& info) const noexcept {
    const auto is_it = [&](std::uint64_t word) {
        return SlotWord::generation_of(word) == generation && !SlotWord::is_closing(word);
    };
    const std::uint64_t word = word_.load();
    if (!is_it(word)) {
        return false;
    }
    info.peer = peer_.load();
    info.local = local_.load();
    info.queued_bytes = SlotWord::reserved_of(word);
    return is_it(word_.load());
}

// ---- events

template <Connection::Event event>
void Connection::happened() noexcept {
    Worker& worker = *Worker::current();
    Strand& home = strand();
    if (worker.begin_turn(home)) {
        worker.before_callback(context());
        if constexpr (event == event_received) {
            received();
        } else {
            tell(event);
        }
        worker.end_turn(home);
    } else if (events_.fetch_or(event, std::memory_order_acq_rel) == 0) {
        home.deliver(*this);
    }
}

void Connection::tell(std::uint8_t events) noexcept {
    if ((events & event_opened) != 0) {
        opened();
    }
    if ((events & event_received) != 0) {
        received();
    }
    if ((events & event_sent) != 0) {
        sent();
    }
    if ((events & event_timer) != 0) {
        timer_fired();
    }
    if ((events & event_send_on) != 0) {
        sending_on_ = false;
        attend_later();
        advance();
    }
}

void Connection::called(Call& call) noexcept {
    if (stage_ == Stage::opening) {
        // An order of the host, from a thread that found the word open before the mail of begin()
        // was sent: behind that.
        strand().deliver(call);
        return;
    }
    if (call.kind == CallKind::send) {
        const bool wanted = stage_ == Stage::open || stage_ == Stage::flushing;
        if (wanted && !conditions_.aborting) {
            PORTICO_ASSERT(!shut_);
            if (queue_.append(send_chunks(), {call.bytes(), call.number})) {
                attend_later();  // the reservation of the bytes goes over to the queue
                give_back(call_bytes);
            } else {
                give_back(call.number + call_bytes);
                abort(CloseReason::no_memory);
            }
        } else {
            give_back(call.number + call_bytes);
        }
    } else {
        if (call.kind == CallKind::pause) {
            pauses_on_the_way_.fetch_sub(1, std::memory_order_relaxed);
        }
        take_effect(call.kind, call.function, call.argument, call.number);
        give_back(1);
    }
    delete_call(&call);
    advance();
}

void Connection::take_effect(CallKind kind, AnyFunction function, void* argument,
                             std::uint32_t number) noexcept {
    switch (kind) {
        case CallKind::send: PORTICO_ASSERT(!"a send is taken by called()"); return;
        case CallKind::finish: conditions_.finish_wanted = true; return;
        case CallKind::close: want_close(CloseReason::plugin); return;
        case CallKind::abort: abort(CloseReason::plugin); return;
        case CallKind::pause: conditions_.paused = true; return;
        case CallKind::resume:
            conditions_.paused = false;
            conditions_.held = false;
            conditions_.offer_due = !stash_.empty();
            return;
        case CallKind::post:
            protocol().on_posted(*this, function, argument, SlotWord::is_closing(word_.load()));
            return;
        case CallKind::drain:
            if (!draining_ && stage_ == Stage::open && !conditions_.close_wanted &&
                !conditions_.aborting) {
                take_ending(protocol().on_drain(*this, number), CloseReason::drain);
            }
            draining_ = true;
            return;
        case CallKind::cut:
            if (stage_ != Stage::joining && stage_ != Stage::over) {
                reason_ = CloseReason::drain_deadline;
                cut_ = true;
                abort(CloseReason::drain_deadline);
            }
            return;
    }
}

void Connection::connection_failed(const io::Operation& operation, const char* what) noexcept {
    if (stage_ == Stage::joining) {
        return;  // most likely our own cancel
    }
    if (operation.error != io::Error::reset) {
        context().log->compose(base::LogLevel::info, context().listener_name, handle(), [&] {
            return std::string(what) + " failed: " + io::native_error_text(operation.native_error);
        });
    }
    const CloseReason reason = operation.error == io::Error::reset ? CloseReason::reset
                                                                   : CloseReason::error;
    if (stage_ == Stage::flushing) {
        reason_ = reason;  // the graceful close did not succeed
    }
    abort(reason);
}

PORTICO_ALWAYS_INLINE void Connection::received() noexcept {
    receiving_ = false;
    const ReceiveOperation& receive = *this;
    if (receive.error != io::Error::none) {
        connection_failed(receive, "receive");
    } else if (receive.bytes == 0) {
        conditions_.peer_ended = true;
    } else {
        received_bytes_ += receive.bytes;
        touch();
        if (stage_ == Stage::lingering && draining_) {
            moved_at(port().now());
        }
        if (stage_ == Stage::open) {
            offer_received({receive.buffer.data, receive.bytes});
        }
        if (!std::exchange(adopted_, false)) {
            port().buffers().give_back(receive.buffer);
        }
    }
    advance();
}

PORTICO_ALWAYS_INLINE void Connection::offer_received(std::span<const std::byte> bytes) noexcept {
    if (stash_.empty() && may_offer()) {
        const io::BufferPool& pool = port().buffers();
        // From here to the end of the offer the bytes may be sent back as they lie there.
        if (bytes.size() >= pool.buffer_bytes() / 2 &&
            pool.headroom_bytes() >= SendQueue::chunk_overhead) {
            adoptable_bytes_ = pool.buffer_bytes() / 2;
        }
        bytes = bytes.subspan(offer(bytes));
        adoptable_bytes_ = nothing_adoptable;
    } else if (!stash_.empty()) {
        conditions_.offer_due = true;
    }
    if (!bytes.empty() && !conditions_.close_wanted && !conditions_.aborting) {
        // Not offered at all while reading is stopped: it will be.
        conditions_.offer_due = conditions_.offer_due || conditions_.paused;
        if (!stash_.append(bytes)) {
            abort(CloseReason::no_memory);
        }
    }
}

void Connection::sent() noexcept {
    take_sent();
    if (!queue_.empty()) {
        attend_later();
    }
    advance();
}

PORTICO_ALWAYS_INLINE void Connection::take_sent() noexcept {
    sending_ = false;
    const SendOperation& send = *this;
    if (send.error != io::Error::none) {
        connection_failed(send, "send");
    } else {
        if (!send.completed_late) {
            touch();
        }
        if (stage_ == Stage::flushing) {
            moved_at(port().now());
        }
        sent_bytes_ += send.bytes;
        queue_.consume(send.bytes);
        give_back(send.bytes);
    }
}

void Connection::timer_fired() noexcept {
    timing_ = false;
    if (const std::uint64_t timeout = timeout_ns(); timeout != 0) {
        const std::uint64_t now = port().now();
        look_for_progress(now);
        if (now >= since_ns_ + timeout) {
            const bool is_late = now > armed_ns_ + late_ns;
            if (is_late && !had_chance_) {
                had_chance_ = true;
                since_ns_ = now - timeout + std::min(timeout, another_chance_ns);
            } else {
                deadline_passed();
            }
        }
    }
    advance();
}

// Asks the system what has moved since the last look. Where it cannot tell, completed operations
// are all that is known, and bytes that wait to be received: they may have come while this process
// stood still.
void Connection::look_for_progress(std::uint64_t now) noexcept {
    const std::optional<io::Progress> progress = socket_.progress();
    if (!progress) {
        if (stage_ == Stage::open && receiving_ && socket_.unread_bytes() != 0) {
            moved_at(now);
        }
        return;
    }
    // What the peer sends while we flush, or linger, is discarded, and no reason to wait for
    // longer; at a stop the peer may go on talking.
    const bool counts_received = stage_ == Stage::open || (stage_ == Stage::lingering && draining_);
    const auto moved = static_cast<std::uint32_t>(progress->acknowledged_bytes +
                                                  (counts_received ? progress->received_bytes : 0));
    if (moved != moved_bytes_) {
        moved_bytes_ = moved;
        // not before the system was: this thread may have stood still in between
        const std::uint64_t asked = port().now();
        moved_at(asked -
                 std::min(asked, progress->newest_age_ms * base::nanoseconds_per_millisecond));
    }
}

void Connection::moved_at(std::uint64_t instant) noexcept {
    since_ns_ = std::max(since_ns_, instant);
    had_chance_ = false;
}

// ---- what follows

inline bool Connection::is_quiet() const noexcept {
    return stage_ == Stage::open && !conditions_.any();
}

PORTICO_ALWAYS_INLINE void Connection::advance() noexcept {
    advance_due_ = false;
    if (!is_quiet()) {
        advance_by_steps();
        return;
    }
    // The usual case: a message was answered, and the next one is awaited. The answer leaves first,
    // and attend() reads on behind it. No deadline but the idle one can be wanted.
    if (!attending_) {
        read_on_quietly();
    }
    if (context().limits.idle_timeout_ms != 0) {
        arm_timer();
    }
}

PORTICO_ALWAYS_INLINE void Connection::read_on_quietly() noexcept {
    if (!receiving_ && no_stop_on_its_way()) {
        read_on();
    }
}

void Connection::advance_by_steps() noexcept {
    for (;;) {
        // While it opens, what other connections' callbacks on this strand ask for (an abort, with
        // a handle that nobody told them) waits for on_open.
        if (conditions_.aborting && stage_ != Stage::opening && stage_ != Stage::joining &&
            stage_ != Stage::over) {
            begin_join();
        }
        switch (stage_) {
            case Stage::free:
            case Stage::opening:
            case Stage::over: return;
            case Stage::open:
                if (step_open()) {
                    continue;
                }
                break;
            case Stage::flushing:
                if (try_shut_down_sending()) {
                    begin_lingering();
                    continue;
                }
                break;
            case Stage::lingering:
                if (conditions_.peer_ended) {
                    begin_join();
                    continue;
                }
                break;
            case Stage::joining: try_finish(); return;
        }
        arm_receive();
        arm_timer();
        await_send();
        return;
    }
}

// One step of an open connection; false when there is none to take.
bool Connection::step_open() noexcept {
    if (conditions_.close_wanted) {
        begin_flushing();
        return true;
    }
    if (conditions_.writable_due) {
        conditions_.writable_due = false;
        conditions_.held = false;
        conditions_.offer_due = !stash_.empty();
        if (protocol().on_writable(*this) == Protocol::Answer::failed) {
            abort(CloseReason::plugin_error);
        }
        return true;
    }
    // What is left after on_end is not offered again, whatever ends a hold or a pause: on_data was
    // over with it.
    if (conditions_.offer_due && !end_told_ && may_offer()) {
        offer_stash();
        return true;
    }
    if (conditions_.peer_ended && !end_told_ && may_offer()) {
        tell_end();
        return true;
    }
    if (conditions_.finish_wanted) {
        static_cast<void>(try_shut_down_sending());
    }
    return false;
}

PORTICO_ALWAYS_INLINE std::size_t Connection::offer(std::span<const std::byte> bytes) noexcept {
    return context().framing.type == config::Framing::Type::none ? offer_unframed(bytes)
                                                                 : offer_framed(bytes);
}

// All that is there is one message, and what was not consumed waits for more.
PORTICO_ALWAYS_INLINE std::size_t Connection::offer_unframed(
    std::span<const std::byte> bytes) noexcept {
    std::size_t consumed = 0;
    const Protocol::Answer answer = protocol().on_data(
        *this, {bytes.data(), bytes.size(), 0, bytes.size()}, consumed);
    messages_ += consumed != 0 ? 1 : 0;
    if (answer == Protocol::Answer::ok && consumed == bytes.size()) [[likely]] {
        return consumed;
    }
    if (answer == Protocol::Answer::failed || consumed > bytes.size()) {
        abort(CloseReason::plugin_error);
        return 0;
    }
    if (answer == Protocol::Answer::hold) {
        conditions_.held = true;
    } else if (bytes.size() - consumed >= context().limits.unconsumed_bytes &&
               !SlotWord::is_closing(word_.load())) {
        // (What a plugin leaves that has just asked for a close is nobody's, and no reason to lose
        // what it has sent.)
        abort(CloseReason::unconsumed);
    }
    return consumed;
}

std::size_t Connection::offer_framed(std::span<const std::byte> bytes) noexcept {
    const config::Framing& framing = context().framing;
    std::size_t done = 0;
    do {
        const std::span<const std::byte> rest = bytes.subspan(done);
        std::size_t scanned = scanned_;
        const Frame frame = next_frame(framing, rest, scanned);
        scanned_ = static_cast<std::uint32_t>(scanned);
        if (frame.kind == Frame::Kind::too_long) {
            abort(CloseReason::frame);
            break;
        }
        if (frame.kind == Frame::Kind::incomplete) {
            break;
        }
        std::size_t consumed = 0;
        const Protocol::Answer answer = protocol().on_data(
            *this, {rest.data(), frame.size, frame.payload_offset, frame.payload_size}, consumed);
        if (answer == Protocol::Answer::failed || consumed > frame.size) {
            abort(CloseReason::plugin_error);
            break;
        }
        // A frame is done with as a whole, or not at all.
        if (answer == Protocol::Answer::ok || consumed != 0) {
            done += frame.size;
            ++messages_;
        }
        conditions_.held = answer == Protocol::Answer::hold;
    } while (done < bytes.size() && may_offer());
    return done;
}

void Connection::offer_stash() noexcept {
    conditions_.offer_due = false;
    const std::size_t done = offer(stash_.bytes());
    stash_.consume(done);
    // Stopped in the middle: what is left has not been refused, and is offered when reading goes
    // on. A resume inside of on_data asks for nothing: the same bytes would be offered without end.
    conditions_.offer_due = conditions_.paused && !stash_.empty();
}

void Connection::tell_end() noexcept {
    if (!end_offered_ && !stash_.empty() && context().framing.type == config::Framing::Type::none) {
        end_offered_ = true;
        offer_stash();
        return;
    }
    end_told_ = true;
    since_ns_ = port().now();
    take_ending(protocol().on_end(*this, stash_.bytes().size()), CloseReason::peer);
}

void Connection::take_ending(Protocol::Ending ending, CloseReason reason) noexcept {
    switch (ending) {
        case Protocol::Ending::close: want_close(reason); return;
        case Protocol::Ending::stay: return;
        case Protocol::Ending::failed: abort(CloseReason::plugin_error); return;
    }
}

void Connection::want_close(CloseReason reason) noexcept {
    conditions_.close_wanted = true;
    if (reason_ == CloseReason::none) {
        reason_ = reason;
    }
}

void Connection::abort(CloseReason reason) noexcept {
    if (!conditions_.aborting) {
        conditions_.aborting = true;
        abort_reason_ = reason;
        reset_ = true;
    }
    if (reason_ == CloseReason::none) {
        reason_ = reason;
    }
}

// ---- closing

void Connection::begin_flushing() noexcept {
    stage_ = Stage::flushing;
    word_.begin_closing();
    stash_.clear();
    since_ns_ = port().now();
}

bool Connection::try_shut_down_sending() noexcept {
    if (shut_) {
        return true;
    }
    // With the word marked, closing or finished, nothing new is accepted: what is reserved is all
    // that will still have to go out.
    if (sending_ || !queue_.empty() || SlotWord::reserved_of(word_.load()) != 0) {
        return false;
    }
    shut_ = true;
    // Where the peer has ended its side, a close follows at once: nothing is left unread, and
    // closing the socket ends our side in order.
    if (stage_ != Stage::flushing || !conditions_.peer_ended) {
        // where it fails the connection is gone, and the receive says so
        static_cast<void>(socket_.shutdown_send());
    }
    return true;
}

void Connection::begin_lingering() noexcept {
    stage_ = Stage::lingering;
    since_ns_ = port().now();
}

void Connection::begin_join() noexcept {
    stage_ = Stage::joining;
    word_.begin_closing();
    if (reason_ == CloseReason::none) {
        reason_ = abort_reason_;
    }
    if (receiving_) {
        port().cancel(static_cast<ReceivePart&>(*this));
    }
    if (sending_) {
        port().cancel(static_cast<SendPart&>(*this));
    }
    if (timing_) {
        port().cancel(static_cast<TimerPart&>(*this));
    }
}

void Connection::try_finish() noexcept {
    if (receiving_ || sending_ || timing_ || sending_on_) {
        return;
    }
    if (cut_) {
        warn_of_loss();
        cut_ = false;
    }
    if (!queue_.empty()) {
        const std::size_t lost = queue_.bytes();
        queue_.clear();
        give_back(lost);
    }
    if (!word_.close_for_good()) {
        return;  // an accepted call is on its way, and comes back here
    }
    if (reset_) {
        socket_.reset_on_close();
    }
    port().close(socket_);
    stash_.clear();
    log_end();
    if (accepted_) {
        protocol().on_close(*this, reason_);
    }
    stage_ = Stage::over;
    attend_later();
}

void Connection::log_end() noexcept {
    base::Log& log = *context().log;
    if (reason_ == CloseReason::no_memory) {
        // nothing is allocated for it here
        log.write(base::LogLevel::warn, context().listener_name, handle(), "closed: out of memory");
    }
    log.compose_access(context().listener_name, handle(), [&] {
        return base::Access{io::to_string(peer_.load()),
                            to_string(reason_),
                            received_bytes_,
                            sent_bytes_,
                            messages_,
                            port().now() - opened_ns_};
    });
}

// ---- operations

void Connection::arm_receive() noexcept {
    if (receiving_) {
        return;
    }
    const bool wanted = stage_ == Stage::open
                            ? may_offer() && !conditions_.offer_due && !conditions_.peer_ended
                            : (stage_ == Stage::flushing || stage_ == Stage::lingering) &&
                                  !conditions_.peer_ended;
    if (wanted) {
        read_on();
    }
}

PORTICO_ALWAYS_INLINE void Connection::read_on() noexcept {
    receiving_ = true;
    port().receive(static_cast<ReceivePart&>(*this));
}

// Of the stage: how long nothing may move. 0: for ever.
std::uint64_t Connection::timeout_ns() const noexcept {
    const config::Limits& limits = context().limits;
    switch (stage_) {
        case Stage::open:
            return milliseconds(end_told_ ? limits.half_close_timeout_ms : limits.idle_timeout_ms);
        case Stage::flushing: return milliseconds(limits.close_timeout_ms);
        case Stage::lingering:
            return draining_ ? std::min(drain_quiet_ns, milliseconds(limits.close_timeout_ms))
                             : milliseconds(limits.close_timeout_ms);
        case Stage::free:
        case Stage::opening:
        case Stage::joining:
        case Stage::over: return 0;
    }
    return 0;
}

void Connection::arm_timer() noexcept {
    const std::uint64_t timeout = timeout_ns();
    if (timeout == 0) {
        return;
    }
    TimerPart& timer = *this;
    const std::uint64_t deadline = since_ns_ + timeout;
    if (!timing_) {
        // A look halfway: so what moves is noticed at most half a timeout after it has moved, where
        // the system does not say when.
        timing_ = true;
        timer.deadline_ns = armed_ns_ = std::min(deadline, port().now() + timeout / 2);
        port().timer(timer);
    } else if (deadline < armed_ns_) {
        // Only where a state with a shorter timeout begins; armed anew when the cancelled one is
        // back. A later deadline waits for the timer to fire, so that a message costs no timer
        // call.
        port().cancel(timer);
    }
}

void Connection::deadline_passed() noexcept {
    switch (stage_) {
        case Stage::open:
            if (end_told_) {
                cut_ = true;
                abort(CloseReason::half_close);
            } else {
                want_close(CloseReason::idle);
            }
            return;
        case Stage::flushing:
            cut_ = true;
            abort(reason_);
            return;
        case Stage::lingering: {
            const std::uint64_t left = socket_.unacknowledged_bytes().value_or(0);
            if (draining_ && left != 0) {
                since_ns_ = port().now();  // the stop's own deadline ends it
                return;
            }
            // Nothing unacknowledged (or the system cannot tell): an orderly close loses nothing.
            // Else the peer has stopped reading.
            reset_ = cut_ = left != 0;
            begin_join();
            return;
        }
        case Stage::free:
        case Stage::opening:
        case Stage::joining:
        case Stage::over: return;
    }
}

// The host has ended the connection although bytes were still to go.
void Connection::warn_of_loss() noexcept {
    const std::uint64_t lost = queue_.bytes() + socket_.unacknowledged_bytes().value_or(0);
    std::uint64_t unwritten = 0;
    if (lost == 0 || !context().loss_warnings.admits(port().now(), unwritten)) {
        return;
    }
    context().log->compose(base::LogLevel::warn, context().listener_name, handle(), [&] {
        return "cut (" + std::string(to_string(reason_)) + "): " + std::to_string(lost) +
               " bytes were not sent, because " + io::to_string(peer_.load()) +
               " has stopped reading" + base::WarningLimit::mention(unwritten);
    });
}

PORTICO_ALWAYS_INLINE void Connection::touch() noexcept {
    if ((context().limits.idle_timeout_ms != 0 || end_told_) && stage_ <= Stage::open) {
        moved_at(port().now());
    }
}

PORTICO_ALWAYS_INLINE void Connection::give_back(std::size_t bytes) noexcept {
    if (word_.give_back(static_cast<std::uint32_t>(bytes), context().low_watermark())) {
        conditions_.writable_due = true;
    }
}

// ---- the end of a turn

bool Connection::attend() noexcept {
    if (advance_due_) {
        advance();
    }
    // Usually one send takes all that this turn has queued.
    if (may_send()) {
        if (send_at_once() && may_send()) {
            send_more();
        }
    } else {
        await_send();
    }
    attending_ = false;
    if (!receiving_) [[unlikely]] {
        arm_receive();  // nothing was to be sent after all, or the send is in flight
    }
    return stage_ == Stage::over;
}

// True when the system has taken bytes: what has come of that is told, and there may be more to
// send.
PORTICO_ALWAYS_INLINE bool Connection::send_at_once() noexcept {
    SendPart& send = *this;
    send.buffers = queue_.gather();
    send.may_complete_late = sending_late_ = port().completes_late() && may_send_late();
    sending_ = true;
    if (!port().send_at_once(send)) {
        if (sending_late_) {
            touch();
        }
        return false;
    }
    take_sent();
    // A peer that is quick may have sent more by now: then the receive completes in the call, and
    // spares its way over the system's port.
    if (is_quiet()) [[likely]] {
        read_on_quietly();
    } else {
        advance();
    }
    return true;
}

void Connection::await_send() noexcept {
    if (sending_ && sending_late_) {
        sending_late_ = false;
        port().expedite(*this);
    }
}

void Connection::send_more() noexcept {
    for (int sends = 1; may_send(); ++sends) {
        if (sends == sends_at_once_max) {
            // The strand queues behind the others, and goes on then.
            sending_on_ = true;
            if (events_.fetch_or(event_send_on, std::memory_order_acq_rel) == 0) {
                strand().deliver(*this);
            }
            return;
        }
        if (!send_at_once()) {
            return;
        }
    }
}

void Connection::release() noexcept {
    stage_ = Stage::free;
    reason_ = CloseReason::none;
    abort_reason_ = CloseReason::none;
    conditions_ = {};
    accepted_ = end_offered_ = end_told_ = shut_ = draining_ = reset_ = cut_ = had_chance_ = false;
    scanned_ = moved_bytes_ = messages_ = 0;
    received_bytes_ = sent_bytes_ = 0;
    state = nullptr;
    const ConnectionContext& ended = context();
    const WorkerGroup& home = strand().home();
    table_->give_back(*this);
    ended.released(ended.owner, home);
}

}  // namespace portico::net
