// A connection: one slot's state machine, from accept or connect to on_close. connection_state.hpp
// draws its stages.
//
// Each event (a completion, a call from another thread) is handled on the strand. Its function
// records what happened and calls advance(), the one place that decides what follows. There is one
// way out: begin_join() -> try_finish(). Closing is a join: the socket is closed and on_close
// called only after the receive, the send, the timer and the connection's own mail have come back
// and every accepted call has been delivered.
//
// connection.cpp has advance() and the path of a message: receive, offer, send. Opening, the ends
// of an offer, closing, deadlines, the protocol's timers, calls from other threads and rarer kinds
// of sends are in connection_*.cpp, connecting is in connecting.cpp.
//
// Concurrency. All members belong to the strand (to whichever worker runs it), except word_ (see
// slot_word.hpp), the addresses, events_, the list of timers and the count of pauses on their way.
// The functions under "From any thread" touch only these, and send mail.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "base/published.hpp"
#include "io/completion_port.hpp"
#include "net/connection_node.hpp"
#include "net/connection_state.hpp"
#include "net/protocol.hpp"
#include "net/send_queue.hpp"
#include "net/shared_address.hpp"
#include "net/slot_word.hpp"
#include "net/stash.hpp"
#include "net/strand.hpp"
#include "net/timers.hpp"

namespace portico::net {

class ConnectionTable;
struct TrafficRow;
class Worker;
class Reservation;
struct Connecting;
class WorkerGroup;
struct ReservedPost;

class Connection final : public ConnectionNode,
                         private ConnectionState,
                         private ReceivePart,
                         private SendPart,
                         private TimerPart,
                         private Mail {
public:
    // `index` is the slot's in `table`. Neither changes.
    Connection(ConnectionTable& table, std::uint32_t index) noexcept;
    ~Connection();

    // ---- By the acceptor, on a slot fresh from the table.
    // Takes the accepted handle. Until open() only the caller knows the connection.
    void take_socket(const ConnectionContext& context, io::NativeSocket accepted,
                     const io::Address& peer, const io::Address& local,
                     std::uint32_t listen_index) noexcept;
    // ---- By the connector, likewise: the connection is still to be made. It takes `connecting`
    // over. Before that, greet(): these bytes, at least one, leave before all others. False: no
    // memory.
    [[nodiscard]] bool greet(std::span<const std::byte> bytes) noexcept;
    void take_target(const ConnectionContext& context, Connecting* connecting,
                     void* initial_state) noexcept;

    // ---- By both.
    // From now on the connection lives in `home`, and the host's orders (drain, cut) find it.
    // `shared_strand`: the strand of all the instance's connections, also at home there; null gives
    // it a strand of its own.
    void open(WorkerGroup& home, Strand* shared_strand) noexcept;
    // After open(): sends the mail that calls on_open.
    void begin() noexcept;
    // The same, for a thread of its home that runs no strand. If that is the home's only thread,
    // on_open is called before this returns.
    void begin_at_home() noexcept;

    // ---- From any thread, with the generation of a handle. The caller has checked belongs_to();
    // send() does so itself. Each function checks the generation again in the step in which it
    // takes effect.
    [[nodiscard]] bool belongs_to(const ConnectionContext& context,
                                  std::uint64_t generation) const noexcept {
        return SlotWord::generation_of(word_.load()) == generation && is_of(context);
    }
    // True for the instance's outbound connections too. `context`: the listener's.
    [[nodiscard]] bool is_of(const ConnectionContext& context) const noexcept {
        const ConnectionContext* its = context_.load(std::memory_order_acquire);
        return its == &context || (its != nullptr && its->listener == &context);
    }
    // Defined in connection_inline.hpp.
    [[nodiscard]] SendResult send(const ConnectionContext& context, std::uint64_t generation,
                                  std::span<const std::byte> bytes) noexcept;
    // The same, in a callback of this connection.
    [[nodiscard]] SendResult send_in_callback(std::uint64_t generation,
                                              std::span<const std::byte> bytes) noexcept;
    // The same for parts, as one message.
    [[nodiscard]] SendResult send_parts(const ConnectionContext& context, std::uint64_t generation,
                                        const Parts& parts) noexcept;
    // The same without a copy: the bytes stay where they are until Protocol::on_released gets the
    // function and its argument, exactly once, before on_close.
    [[nodiscard]] SendResult send_external(const ConnectionContext& context,
                                           std::uint64_t generation, const Parts& parts,
                                           AnyFunction function, void* argument) noexcept;
    // On the strand: memory for a send of up to `size` bytes, not 0, if a send would be accepted
    // now. commit() sends the first `used` bytes of it, not 0.
    [[nodiscard]] SendResult reserve(const ConnectionContext& context, std::uint64_t generation,
                                     std::uint32_t size, Reservation& reservation) noexcept;
    [[nodiscard]] SendResult commit(const ConnectionContext& context, std::uint64_t generation,
                                    Reservation&& reservation, std::uint32_t used) noexcept;
    static void drop(Reservation& reservation) noexcept;
    // True if the caller runs on its strand.
    [[nodiscard]] bool on_strand() const noexcept;
    [[nodiscard]] CallResult finish_sending(std::uint64_t generation) noexcept;
    [[nodiscard]] CallResult close(std::uint64_t generation, CloseHow how) noexcept;
    [[nodiscard]] CallResult pause(std::uint64_t generation) noexcept;
    [[nodiscard]] CallResult resume(std::uint64_t generation) noexcept;
    // Protocol::on_posted gets the function and its argument, exactly once, before on_close.
    [[nodiscard]] CallResult post(std::uint64_t generation, AnyFunction function,
                                  void* argument) noexcept;
    // The same without memory, and without the protocol: post.arrived is called, once, before
    // on_close. False: the connection is closing or gone, and the post is still the caller's.
    [[nodiscard]] bool post_reserved(std::uint64_t generation, ReservedPost& post) noexcept;
    // The server's orders. drain() calls on_drain, once may_drain(). cut() aborts, because the
    // deadline has passed.
    [[nodiscard]] bool may_drain() const noexcept;
    [[nodiscard]] CallResult drain(std::uint64_t generation, const Draining& draining) noexcept;
    [[nodiscard]] CallResult cut(std::uint64_t generation) noexcept;

    // ---- For Timers, from any thread: connection_timers.cpp.
    // Where its timers are, or null. It may be out of date: takes_calls(), under their lock, says.
    [[nodiscard]] WorkerGroup* home_for(Strand& shared_strand) noexcept;
    [[nodiscard]] bool takes_calls(const ConnectionContext& context,
                                   std::uint64_t generation) const noexcept {
        return belongs_to(context, generation) && !is_closing();
    }
    // The same for accepted connections only.
    [[nodiscard]] bool is_accepted_by(const ConnectionContext& context,
                                      std::uint64_t generation) const noexcept {
        return takes_calls(context, generation) &&
               context_.load(std::memory_order_relaxed) == &context;
    }
    [[nodiscard]] bool is_closing() const noexcept { return SlotWord::is_closing(word_.load()); }
    void raise_timers(bool at_home) noexcept;
    // ---- For the connector, from any thread: the group in which a connection of this instance
    // lives; null if it is gone, or its strand is shared.
    [[nodiscard]] WorkerGroup* home_of(const ConnectionContext& context,
                                       std::uint64_t generation) const noexcept;

    // The memory that a send by mail takes beside its bytes. It counts as queued until the mail
    // arrives: many small sends to a busy strand must not take many times the memory of the queue.
    static constexpr std::uint32_t call_bytes = 48;

    struct Info {
        io::Address peer;
        io::Address local;
        // includes calls from other threads that are on their way
        std::uint32_t queued_bytes = 0;
    };
    // False if it is gone. Closing counts as gone, except inside its own callbacks
    // (`is_own_callback`).
    [[nodiscard]] bool info(std::uint64_t generation, bool is_own_callback,
                            Info& info) const noexcept;

    // For an operator who looks from outside. False if nobody lives in the slot.
    struct Look {
        const ConnectionContext* context = nullptr;
        std::uint64_t generation = 0;
        io::Address peer;
        io::Address local;
        std::uint32_t queued_bytes = 0;
        bool is_queue_full = false;
        bool is_closing = false;
        std::uint64_t opened_ns = 0;  // of base::now_ns(); 0: on_open is still to come
        std::uint64_t received_bytes = 0;
        std::uint64_t sent_bytes = 0;
    };
    [[nodiscard]] bool look(Look& look) const noexcept;

    [[nodiscard]] std::uint64_t generation() const noexcept {
        return SlotWord::generation_of(word_.load());
    }
    [[nodiscard]] bool is_live() const noexcept { return !SlotWord::is_final(word_.load()); }
    [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
    [[nodiscard]] std::uint64_t handle() const noexcept;

    // ---- On the strand. For the protocol's own use.
    void* state = nullptr;
    // True if a send was refused and its on_writable is still to come.
    [[nodiscard]] bool will_be_writable() const noexcept {
        return conditions_.writable_due || SlotWord::is_blocked(word_.load());
    }
    // Before a callback answers `failed`: the status that Protocol::Closed will name.
    void failed_with(std::int32_t status) noexcept {
        scanned_ = static_cast<std::uint32_t>(status);
    }
    [[nodiscard]] const ConnectionContext& context() const noexcept {
        return *context_.load(std::memory_order_relaxed);
    }

    // ---- By the strand.
    // The connection is about to run on this worker: what it counts goes to the worker's row.
    void count_on(const Worker& worker) noexcept;
    // At the end of its turn: sends what is queued. Returns true if the connection is over; then
    // release() follows after the turn.
    [[nodiscard]] bool end_turn() noexcept;
    // Gives the slot back. The connection is not touched afterwards.
    void release() noexcept;

private:
    friend struct Connecting;
    friend class TimerOwner;
    friend struct Sharing;

    struct Call;          // a call from another thread, as mail: connection_call.hpp
    struct ExternalSend;  // connection_sends.cpp
    // ---- Events.
    // At the beginning of each: `worker` is about to run the connection.
    void begin_on(Worker& worker) noexcept;
    // On a thread of the home group that runs no strand: handles the event on the strand, now or by
    // mail.
    template <Event event>
    void raise() noexcept;
    void dispatch(std::uint8_t events) noexcept;
    void opened() noexcept;
    void received() noexcept;
    void sent() noexcept;
    void take_sent() noexcept;
    void timer_fired() noexcept;
    void dispatch_rare(std::uint8_t events) noexcept;
    void deliver_call(Call& call) noexcept;
    void deliver_external(ExternalSend& send) noexcept;
    void deliver_reserved(ReservedPost& post) noexcept;

    // ---- After each event.
    // Decides what to do next, and does it, until nothing is left to do.
    void advance() noexcept;
    void advance_by_steps() noexcept;
    [[nodiscard]] bool step_open() noexcept;
    // True if the connection is open and has nothing to do but to read on.
    [[nodiscard]] bool is_quiet() const noexcept {
        return stage_ == Stage::open && !conditions_.any();
    }
    // For such a connection: starts the next receive unless it is in flight.
    void read_on_quietly() noexcept;
    void end_turn_later() noexcept;

    // ---- Receiving and offering.
    // True if messages may be offered and more bytes received. A pause or close that is still on
    // its way by mail counts already: its caller may rely on getting no message after the current
    // one.
    [[nodiscard]] bool may_offer() const noexcept {
        return stage_ == Stage::open && !conditions_.stop_reading() && no_stop_on_its_way();
    }
    [[nodiscard]] bool no_stop_on_its_way() const noexcept {
        return pauses_on_the_way_.load(std::memory_order_relaxed) == 0 &&
               !SlotWord::is_closing(word_.load());
    }
    void read_on() noexcept;
    void arm_receive() noexcept;
    // If may_offer(): offers messages out of `bytes` until they are used up or reading stops.
    // Returns how many bytes are done with.
    [[nodiscard]] std::size_t offer(std::span<const std::byte> bytes) noexcept;
    [[nodiscard]] std::size_t offer_unframed(std::span<const std::byte> bytes) noexcept;
    [[nodiscard]] std::size_t offer_framed(std::span<const std::byte> bytes) noexcept;
    void offer_received(std::span<const std::byte> bytes) noexcept;
    // The protocol has taken one.
    void count_message() noexcept;
    void offer_stash() noexcept;
    // Continues on the strand's next turn, after the others.
    void continue_later() noexcept;
    // These are in connection_input.cpp.
    void take_hold(Protocol::Answer answer) noexcept;
    void call_on_end() noexcept;
    void begin_last_input() noexcept;
    [[nodiscard]] bool last_input_is_over() noexcept;
    void receive_failed() noexcept;
    void peer_ended() noexcept;
    [[nodiscard]] bool has_ended() const noexcept { return conditions_.input >= Input::ended; }

    // ---- Sending.
    // On the strand, with a reservation.
    [[nodiscard]] SendResult append(std::span<const std::byte> bytes) noexcept;
    [[nodiscard]] SendResult append_failed(std::size_t bytes) noexcept;
    // On the strand, inside an offer of received bytes: true if `bytes` lie in the receive buffer
    // and `queue`, on the same port, has taken it over.
    [[nodiscard]] bool adopt_received(std::span<const std::byte> bytes, SendQueue& queue) noexcept;
    // Outside of its strand: true if this is its home's only thread. Then its queue may be used as
    // on its strand, and nothing of it ends before the caller's callback has.
    [[nodiscard]] bool is_at_hand(std::uint64_t generation) const noexcept;
    // On either thread, with a reservation: queues the parts.
    [[nodiscard]] SendResult append_parts(const Parts& parts) noexcept;
    void give_back(std::size_t bytes) noexcept;
    // The send queue has changed: counts what it holds now.
    void count_queue() noexcept;
    // Queues it, or sends it by mail. If it is not accepted it is deleted.
    [[nodiscard]] SendResult submit(ExternalSend& send, std::uint64_t generation,
                                    std::uint32_t high) noexcept;
    // External sends that the queue has returned: gives their cost back, and releases them.
    void end_externals(SendQueue::External* ended, bool are_sent) noexcept;
    void drop_queue() noexcept;
    [[nodiscard]] bool may_send() const noexcept {
        return !queue_.empty() && !sending_ && !sends_postponed_ &&
               (stage_ == Stage::open || stage_ == Stage::flushing);
    }
    [[nodiscard]] bool send_at_once() noexcept;
    void send_more() noexcept;
    // True if the send that is about to begin may complete late, because nothing depends on it yet.
    // If something does later, the strand calls expedite_send(); or it is a call from another
    // thread, whose mail ends the port's wait.
    [[nodiscard]] bool may_send_late() const noexcept {
        return is_quiet() && queue_.is_one_chunk() &&
               SlotWord::leaves_room(word_.load(), context().limits.send_queue_bytes);
    }
    // Something depends on the send in flight now.
    void expedite_send() noexcept;

    // ---- Opening: connection_opening.cpp.
    // False if the port refused the socket; then the abort has begun.
    [[nodiscard]] bool attach() noexcept;

    // ---- Connecting: connecting.cpp.
    [[nodiscard]] bool is_outbound() const noexcept { return context().connector != nullptr; }
    void begin_connecting() noexcept;
    [[nodiscard]] bool step_connecting() noexcept;
    [[nodiscard]] Connecting* connecting() const noexcept {
        return reinterpret_cast<Connecting*>(std::uintptr_t{received_bytes_});
    }

    // ---- Calls: connection_calls.cpp.
    // The context of the connection with this generation, if it is the instance's; else null.
    [[nodiscard]] const ConnectionContext* own_context(const ConnectionContext& context,
                                                       std::uint64_t generation) const noexcept;
    // True if accepted bytes go into the queue: they may still be sent.
    [[nodiscard]] bool takes_sends() const noexcept {
        return stage_ >= Stage::connecting && stage_ <= Stage::flushing && !conditions_.aborting;
    }
    [[nodiscard]] SendResult send_slow_path(const ConnectionContext& context,
                                            std::uint64_t generation,
                                            std::span<const std::byte> bytes) noexcept;
    // Null if memory is out. The caller reserves for it (one; for a send call_bytes and its bytes)
    // and delivers it, or deletes it. `bytes`: room for those of a send.
    [[nodiscard]] Call* make_call(CallKind kind, std::size_t bytes, AnyFunction function,
                                  void* argument, std::uint32_t number) noexcept;
    static void delete_call(Call* call) noexcept;
    void deliver_send(Call& call) noexcept;
    [[nodiscard]] CallResult call(std::uint64_t generation, CallKind kind,
                                  SlotWord::Mark mark = SlotWord::Mark::nothing,
                                  AnyFunction function = nullptr, void* argument = nullptr,
                                  std::uint32_t number = 0) noexcept;
    // On the strand: true if every accepted call has been delivered, so that one made here may take
    // effect at once without overtaking another.
    [[nodiscard]] bool no_call_on_its_way(std::uint64_t generation) const noexcept;
    void take_effect(CallKind kind, AnyFunction function, void* argument,
                     std::uint32_t number) noexcept;

    // ---- Closing: connection_closing.cpp.
    void take_drain(const Draining& draining) noexcept;
    void want_close(CloseReason reason) noexcept;
    void begin_flushing() noexcept;
    void begin_lingering() noexcept;
    [[nodiscard]] bool try_shut_down_sending() noexcept;
    void abort(CloseReason reason) noexcept;
    void connection_failed(const io::Operation& operation, const char* what) noexcept;
    void begin_join() noexcept;
    void try_finish() noexcept;
    void end_socket() noexcept;
    void count_end() noexcept;
    void warn_of_loss(std::uint64_t unsent) noexcept;
    void log_end() noexcept;
    [[nodiscard]] Protocol::Closed closed() const noexcept;
    // In `joining`: accepted bytes that were not sent. Nothing is timed any more then, so they are
    // counted where the timeouts began.
    [[nodiscard]] std::uint64_t& lost_bytes() noexcept { return since_ns_; }

    // ---- Deadlines: connection_deadlines.cpp.
    void arm_timer() noexcept;
    [[nodiscard]] std::uint64_t timeout_ns() const noexcept;
    void look_for_progress(std::uint64_t now) noexcept;
    void moved_at(std::uint64_t instant) noexcept;
    void deadline_passed() noexcept;
    void touch() noexcept;

    // ---- The protocol's timers: connection_timers.cpp.
    void run_timers() noexcept;
    [[nodiscard]] bool end_timers() noexcept;  // true if none is left

    [[nodiscard]] Strand& strand() const noexcept {
        return *strand_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] io::CompletionPort& port() const noexcept;
    [[nodiscard]] io::BufferPool& send_chunks() const noexcept;
    [[nodiscard]] Protocol& protocol() const noexcept { return *context().protocol; }

    // ---- any thread
    SlotWord word_;
    SharedAddress peer_;
    SharedAddress local_;
    // Stored (release) before the word opens a generation. A server's contexts outlive its stop, so
    // threads that load it (acquire) may follow it, even if by then it belongs to the next
    // connection in the slot. Who only compares it, or is on the strand, loads it relaxed.
    std::atomic<const ConnectionContext*> context_{nullptr};
    // The same, but threads whose reservation keeps the generation alive also follow it. The
    // release of its store pairs with the acquire of home_for().
    std::atomic<Strand*> strand_{nullptr};
    // Pauses by mail that have not arrived. Relaxed: a thread that learns from the pausing thread
    // that it has paused also sees the count.
    std::atomic<std::uint32_t> pauses_on_the_way_{0};
    TimerList timers_;  // the protocol's; under the lock of its home's Timers

    // ---- the strand's
    const std::uint32_t index_;
    ConnectionTable* const table_;
    // Not in the same 8 bytes as events_: compilers compare neighbours together.
    alignas(8) Conditions conditions_;
    // From any thread; it stands here because of its size. The events that the connection's own
    // mail carries: the thread that raises the first one sends the mail, and its delivery takes
    // them all. Both are acq_rel. The release of raising an event pairs with the acquire of taking
    // it: the strand sees the completed operation.
    std::atomic<std::uint8_t> events_{0};
    Stage stage_ = Stage::free;
    CloseReason reason_ = CloseReason::none;        // why it closes: the first reason
    CloseReason abort_reason_ = CloseReason::none;  // if conditions_.aborting
    // a drain without on_drain: received_bytes_ at its end, modulo 2^32
    std::uint32_t drain_target_ = 0;
    bool receiving_ = false;     // the receive is in flight
    bool sending_ = false;       // the send is in flight
    bool resumed_ = false;       // since the current or last on_data began
    bool turn_end_due_ = false;  // on the strand's list for the end of the turn
    // a call took effect inside a callback: what follows waits for its end
    bool advance_due_ = false;
    bool continuing_ : 1 = false;       // the connection's own mail carries event_continue
    bool sends_postponed_ : 1 = false;  // until then
    // a large send may lie in the receive buffer that is being offered
    bool is_adoptable_ : 1 = false;
    bool adopted_ : 1 = false;       // the queue has taken it over
    bool accepted_ : 1 = false;      // on_close is owed: on_open accepted, or it is outbound
    bool timing_ : 1 = false;        // the timer is in flight
    bool sending_late_ : 1 = false;  // the send in flight may complete late
    // the peer has ended, and the rest of its bytes was offered once more
    bool rest_offered_ : 1 = false;
    bool frame_left_ : 1 = false;     // framing: the first message was offered and not consumed
    bool on_end_called_ : 1 = false;  // on_end was called
    // there is an idle timeout, or on_end was called: bytes that move put off a deadline
    bool counts_movement_ : 1 = false;
    bool end_sent_ : 1 = false;         // our end of stream is sent
    bool draining_ : 1 = false;         // the instance or the host ends, at a deadline
    bool operator_drains_ : 1 = false;  // it was asked to end by an operator, who sets no deadline
    bool reset_ : 1 = false;            // close by a reset
    // closed by a timeout of the host, or at the drain's deadline
    bool cut_ : 1 = false;
    // a timer came late, and nothing has moved since
    bool had_chance_ : 1 = false;
    bool is_connecting_ : 1 = false;  // connecting() is there, and attempts have begun
    std::uint32_t messages_ = 0;      // offered to the plugin and taken
    // At the last look_for_progress(), modulo 2^32. Before on_open it is the index of the address
    // that the client connected to, and after a failure the system's error.
    std::uint32_t moved_bytes_ = 0;
    Strand own_strand_;
    io::Socket socket_;
    SendQueue queue_;
    [[no_unique_address]] Stash stash_;  // the next member lies in its padding
    // With framing: see next_frame. Without: how many bytes of the stash were offered before. After
    // a failure it is the status.
    std::uint32_t scanned_ = 0;
    // the deadline of the timer in flight (the operation belongs to the port meanwhile)
    std::uint64_t armed_ns_ = 0;
    // Written on the strand; look() reads them, and opened_ns_ before received_bytes_. Until an
    // outbound connection is connected, it keeps connecting() in received_bytes_.
    base::Published<std::uint64_t> opened_ns_;  // 0: on_open is still to come
    base::Published<std::uint64_t> received_bytes_;
    base::Published<std::uint64_t> sent_bytes_;  // taken by the system
    // Of the worker that runs the strand, in its context's Traffic.
    TrafficRow* traffic_ = nullptr;
    std::uint32_t counted_queue_bytes_ = 0;  // what queued_bytes has of its queue, in all rows
    // The timeout of the stage counts from here: its begin, or the last byte that moved. In `open`
    // bytes count in both directions (and only if there is an idle timeout or the peer has ended
    // its side); in `flushing` and `lingering` only those to the peer. In `joining`: lost_bytes().
    std::uint64_t since_ns_ = 0;
};

}  // namespace portico::net
