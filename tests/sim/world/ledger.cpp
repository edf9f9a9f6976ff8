#include "sim/world/ledger.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sim/world/groups.hpp"
#include "sim/world/service.hpp"

namespace portico::sim {

namespace {

// The limit for a graceful close and a drain if nothing holds them up: latencies, delays and the
// drain's quiet time, many times over.
constexpr std::uint32_t unhurried_ms = 1'000;

std::string text(std::uint64_t number) {
    return std::to_string(number);
}

// "connection {}: on_data, {} bytes" -> "on_data".
std::string name_in(std::string_view text_of_trace) {
    const std::size_t begin = text_of_trace.find(": ") + 2;
    return std::string(text_of_trace.substr(begin, text_of_trace.find(',', begin) - begin));
}

// This thread's number in a run. Threads end with the run, except the controller, which sends
// nothing.
struct ThreadNotes {
    const Ledger* run = nullptr;
    std::uint32_t sender = 0;
    bool in_host_call = false;
    const Line* inside = nullptr;
    Line* refused = nullptr;  // by the last callback
};
thread_local ThreadNotes notes_of_thread;

}  // namespace

std::size_t Attempt::answerable() const noexcept {
    if (!service->is_framed()) {
        return sent;
    }
    std::size_t whole = 0;
    for (const Message& message : messages) {
        if (message.end > sent) {
            break;
        }
        whole = message.end;
    }
    return whole;
}

void Ledger::violated(const Line& line, const std::string& what) noexcept {
    const std::string service = line.service != nullptr
                                    ? " of service " + text(line.service->number)
                                    : ", whose handle was guessed";
    violated("connection " + text(line.number) + service + ": " + what);
}

// ---- the peers' side

Attempt& Ledger::add_attempt(const Service& service) {
    attempts_.push_back(std::make_unique<Attempt>());
    Attempt& attempt = *attempts_.back();
    attempt.number = static_cast<std::uint32_t>(attempts_.size() - 1);
    attempt.service = &service;
    return attempt;
}

void Ledger::received(Attempt& attempt, std::span<const std::byte> bytes) {
    if (attempt.service->is_echo()) {
        received_echo(attempt, bytes);
    } else {
        received_messages(attempt, bytes);
    }
    attempt.received += bytes.size();
}

void Ledger::received_echo(Attempt& attempt, std::span<const std::byte> bytes) {
    const std::size_t at = attempt.received;
    if (at + bytes.size() > attempt.sent) {
        violated("peer " + text(attempt.number) + " has sent " + text(attempt.sent) +
                 " bytes and is answered " + text(at + bytes.size()));
    }
    const auto expected = attempt.content.begin() + static_cast<std::ptrdiff_t>(at);
    const auto [mine, theirs] = std::mismatch(bytes.begin(), bytes.end(), expected);
    if (mine != bytes.end()) {
        violated("peer " + text(attempt.number) + ": byte " +
                 text(at + static_cast<std::size_t>(mine - bytes.begin())) +
                 " of the echo differs from what was sent");
    }
}

void Ledger::received_messages(Attempt& attempt, std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) {
        MessageHeader& header = attempt.header;
        if (attempt.of_message < MessageHeader::bytes) {
            reinterpret_cast<std::byte*>(&header)[attempt.of_message++] = byte;
            const bool is_broadcast = groups_ != nullptr &&
                                      header.magic == MessageHeader::broadcast_byte;
            if (attempt.of_message == 1 && is_broadcast) {
                groups_->begins(attempt);
            }
            if (attempt.of_message != MessageHeader::bytes) {
                continue;
            }
            if ((header.magic != MessageHeader::magic_byte && !is_broadcast) ||
                header.sender >= MessageHeader::senders_max || header.size < MessageHeader::bytes) {
                violated("peer " + text(attempt.number) + ": what begins behind byte " +
                         text(attempt.received) + " is no message");
            }
            if (is_broadcast) {
                groups_->arrives(attempt, header);
            } else if (header.number != attempt.seen[header.sender]) {
                violated("peer " + text(attempt.number) + ": message " + text(header.number) +
                         " of sender " + text(header.sender) + " comes where " +
                         text(attempt.seen[header.sender]) + " is next");
            }
            const Line* line = attempt.line;
            if (line != nullptr && !is_broadcast &&
                header.number >=
                    line->accepted[header.sender] + (line->is_sending[header.sender] ? 1U : 0U)) {
                violated(*line, "message " + text(header.number) + " of sender " +
                                    text(header.sender) + " arrives, and was not accepted");
            }
        } else if (byte !=
                   MessageHeader::payload(header.sender, header.number, attempt.of_message++)) {
            violated("peer " + text(attempt.number) + ": byte " + text(attempt.of_message - 1) +
                     " of message " + text(header.number) + " of sender " + text(header.sender) +
                     " is not what was sent");
        }
        if (attempt.of_message == header.size) {
            attempt.seen[header.sender] += header.magic == MessageHeader::magic_byte ? 1 : 0;
            attempt.of_message = 0;
        }
    }
}

void Ledger::ended(Attempt& attempt) {
    if (attempt.saw_end) {
        return;
    }
    attempt.saw_end = true;
    scheduler_.trace("peer {}: reads the end, after {} bytes", attempt.number, attempt.received);
    if (attempt.line != nullptr && attempt.received < attempt.line->accepted_bytes) {
        violated(*attempt.line, "its stream ends in order after " + text(attempt.received) +
                                    " bytes, and " + text(attempt.line->accepted_bytes) +
                                    " were accepted");
    }
}

// ---- the plugins' side

Ledger::Callback::Callback(Ledger& ledger, Service& service, Line* line, const char* what,
                           std::uint64_t number)
    : service_(service), line_(line) {
    if (Line* const refused = std::exchange(notes_of_thread.refused, nullptr)) {
        refused->is_refusal_done = true;
    }
    if (line != nullptr) {
        ledger.scheduler_.trace(what, line->number, number);
    } else {
        ledger.scheduler_.trace(what, service.number, number);
    }
    if (in_host_call()) {
        ledger.violated("a callback inside a host function: " + name_in(what));
    }
    if (service.is_destroyed) {
        ledger.violated("a callback after destroy: " + name_in(what));
    }
    if (service.is_serial() && service.running != 0) {
        ledger.violated("service " + text(service.number) +
                        " is serial, and two of its callbacks overlap");
    }
    service.count.add();
    ++service.running;
    if (line == nullptr) {
        if (service.instance_posts_running++ != 0) {
            ledger.violated("service " + text(service.number) +
                            ": two functions posted to the instance overlap");
        }
        return;
    }
    if (line->running++ != 0) {
        ledger.violated(*line, "two of its callbacks overlap");
    }
    notes_of_thread.inside = line;
    if (line->is_closed) {
        ledger.violated(*line, "a callback after on_close: " + name_in(what));
    }
}

Ledger::Callback::~Callback() {
    --service_.running;
    notes_of_thread.inside = nullptr;
    if (line_ != nullptr) {
        --line_->running;
    } else {
        --service_.instance_posts_running;
    }
}

Line& Ledger::add_line(portico_connection handle) {
    lines_.push_back(std::make_unique<Line>());
    reasons_.push_back(0);
    Line& line = *lines_.back();
    line.number = static_cast<std::uint32_t>(lines_.size() - 1);
    line.handle = handle;
    by_handle_[handle] = &line;
    return line;
}

Line* Ledger::draw_line(Random& random) const {
    if (lines_.empty()) {
        return nullptr;
    }
    const std::size_t back = static_cast<std::size_t>(random.skewed(lines_.size() - 1));
    return lines_[lines_.size() - 1 - back].get();
}

Line& Ledger::guess(portico_connection handle) {
    const auto found = by_handle_.find(handle);
    return found != by_handle_.end() ? *found->second : add_line(handle);
}

Line& Ledger::open(Service& service, portico_connection handle, const portico_opened& opened) {
    Line& line = guess(handle);
    if (handle == 0 || line.service != nullptr) {
        violated(line, "its handle was used before");
    }
    line.service = &service;
    line.opened_ns = scheduler_.now();
    line.worker = service.host->worker_index(service.handle);
    newest_handle_ = handle;
    portico_connection_info info{};
    info.struct_size = sizeof info;
    if (service.host->info(service.handle, handle, &info) != PORTICO_OK) {
        violated(line, "info does not work in on_open");
    }
    const auto found = by_port_.find(info.peer.port);
    if (found == by_port_.end() || found->second->line != nullptr ||
        found->second->service != &service) {
        violated(line, "no peer of this service connected from " +
                           std::string(info.peer.text, info.peer.text_size) +
                           ", or it is served already");
    }
    line.attempt = found->second;
    line.attempt->line = &line;
    if (opened.struct_size < sizeof opened || opened.origin != PORTICO_ORIGIN_ACCEPTED ||
        opened.listen_index != line.attempt->listen_index) {
        violated(line, "on_open names another address than its peer's");
    }
    return line;
}

void Ledger::offered(Line& line, std::span<const std::byte> data, const portico_frame& frame) {
    if (!line.is_accepted || line.is_end_told) {
        violated(line,
                 line.is_accepted ? "on_data after on_end" : "on_data before on_open has accepted");
    }
    if (line.is_held) {
        violated(line, "on_data after a hold that nothing has ended");
    }
    if (line.is_paused) {
        violated(line, "on_data while reading is paused");
    }
    if (line.is_close_sure || line.is_abort_sure) {
        violated(line, "on_data after close");
    }
    check_flags(line, data.size(), frame);
    const Attempt* attempt = line.attempt;
    if (attempt == nullptr) {
        return;
    }
    const std::size_t begin = line.consumed;
    if (begin + data.size() > attempt->sent ||
        !std::equal(data.begin(), data.end(),
                    attempt->content.begin() + static_cast<std::ptrdiff_t>(begin))) {
        violated(line, text(data.size()) + " bytes are offered that are not those behind the " +
                           text(begin) + " that were consumed");
    }
    Attempt::Message expected{begin + data.size(), 0, data.size()};
    if (line.service->is_framed()) {
        if (line.messages >= attempt->messages.size()) {
            violated(line, "more messages than the peer has sent");
        }
        expected = attempt->messages[line.messages];
    }
    if (begin + data.size() != expected.end || frame.payload_offset != expected.payload_offset ||
        frame.payload_size != expected.payload_size) {
        violated(line, "on_data has another frame than the peer has sent");
    }
}

void Ledger::check_flags(Line& line, std::size_t size, const portico_frame& frame) {
    if (size == 0 || frame.struct_size < sizeof frame) {
        violated(line, "on_data with nothing");
    }
    if (frame.offered_before != line.left ||
        ((frame.flags & PORTICO_FRAME_AGAIN) != 0) != (line.left != 0)) {
        violated(line, text(frame.offered_before) + " of " + text(size) +
                           " bytes are said to have been offered before, and " + text(line.left) +
                           " were left");
    }
    const bool is_last = (frame.flags & PORTICO_FRAME_LAST) != 0;
    if (is_last && (line.service->is_framed() || !line.attempt->is_finished)) {
        violated(line, "an offer is marked as the last, and more may come");
    }
    if (line.has_come_last && !is_last) {
        violated(line, "an offer that is not marked as the last follows one that is");
    }
    line.has_come_last = is_last;
}

void Ledger::failed(Line& line, portico_status status) noexcept {
    line.failed_with = line.has_failed ? line.failed_with : status;
    line.has_failed = true;
}

void Ledger::taken(Line& line, std::size_t size, std::size_t consumed, bool is_held) {
    if (line.service->is_framed()) {
        const bool is_done = !is_held || consumed != 0;
        line.consumed += is_done ? size : 0;
        line.messages += is_done ? 1 : 0;
        line.left = is_done ? 0 : size;
    } else {
        line.consumed += consumed;
        line.left = size - consumed;
        line.left_unconsumed = line.left_unconsumed || (!is_held && consumed < size);
    }
}

void Ledger::writable(Line& line) {
    if (!line.is_accepted) {
        violated(line, "on_writable before on_open has accepted");
    }
    if (!line.owes_writable && !line.may_owe_writable && line.sends_running == 0) {
        violated(line, "on_writable that no send was refused for");
    }
    ++line.writables;
    line.owes_writable = false;
    line.may_owe_writable = false;
    line.is_held = line.is_held && line.is_waiting;
}

void Ledger::end_told(Line& line, const portico_ended& ended) {
    const std::uint64_t remaining = ended.remaining;
    if (line.is_end_told) {
        violated(line, "a second on_end");
    }
    if (line.is_held || line.is_paused || line.is_close_sure || line.is_abort_sure) {
        violated(line, "on_end while reading is stopped");
    }
    line.is_end_told = true;
    const bool is_truncated = line.service->is_framed() && remaining != 0;
    if (ended.struct_size < sizeof ended ||
        ended.flags != (is_truncated ? PORTICO_ENDED_TRUNCATED : 0U)) {
        violated(line, "on_end with flags " + text(ended.flags) + ", and " + text(remaining) +
                           " bytes are left");
    }
    if (!line.attempt->is_finished) {
        violated(line, "on_end, and the peer has not ended its stream");
    }
    if (line.consumed + remaining != line.attempt->sent) {
        violated(line, "the stream has ended after " + text(line.attempt->sent) + " bytes; " +
                           text(line.consumed) + " were consumed and " + text(remaining) +
                           " are said to be left");
    }
}

void Ledger::check_draining(const portico_draining& draining) {
    const std::uint64_t deadline = stopping_since_ns_ + plan_.drain_ms * ms;
    if (!is_stopping() || draining.struct_size < sizeof draining ||
        draining.reason != PORTICO_DRAIN_STOP || draining.deadline_ns != deadline) {
        violated("on_stop or on_drain out of time, or with another deadline than the stop's");
    }
}

void Ledger::stop_told(Service& service, const portico_draining& draining) {
    check_draining(draining);
    if (service.is_stop_told) {
        violated("service " + text(service.number) + ": a second on_stop");
    }
    service.is_stop_told = true;
}

void Ledger::drain_told(Line& line, const portico_draining& draining) {
    if (draining.reason == PORTICO_DRAIN_ADMIN) {
        if (line.service->drains == 0 || draining.struct_size < sizeof draining ||
            draining.deadline_ns != UINT64_MAX) {
            violated(line, "on_drain by an operator who has not asked, or with a deadline");
        }
        if (line.is_operator_told || line.is_drain_told || !line.is_accepted) {
            violated(line, "on_drain by an operator out of turn");
        }
        line.is_operator_told = true;
        return;
    }
    check_draining(draining);
    if (line.service->plan->has_on_stop && !line.service->is_stop_told) {
        violated(line, "on_drain before its instance's on_stop");
    }
    if (line.is_drain_told || !line.is_accepted || !is_stopping()) {
        violated(line, line.is_drain_told ? "a second on_drain" : "on_drain out of time");
    }
    line.is_drain_told = true;
}

void Ledger::closed(Line& line, const portico_closed& closed) {
    const std::uint32_t reason = closed.reason;
    if (!line.is_accepted) {
        violated(line, "on_close, and on_open has not accepted it");
    }
    if (line.posts_waiting != 0) {
        violated(line,
                 "on_close, and " + text(line.posts_waiting) + " posted functions have not run");
    }
    if (line.releases_waiting != 0) {
        violated(line, "on_close, and " + text(line.releases_waiting) + " releases have not come");
    }
    check_reason(line, reason);
    check_stillness(line, reason);
    check_figures(line, closed);
    reasons_[line.number] = reason;
    Service::Closed& all = line.service->closed;
    all.received_bytes += closed.received_bytes;
    all.sent_bytes += closed.sent_bytes;
    all.unsent_bytes += closed.unsent_bytes;
    ++all.reasons[reason];
    line.is_closed = true;
    --line.service->lines_open;
}

// What the host counted agrees with the calls, and with what its peer's system knows.
void Ledger::check_figures(const Line& line, const portico_closed& closed) {
    const bool is_broken = closed.reason == PORTICO_REASON_RESET ||
                           closed.reason == PORTICO_REASON_ERROR;
    const portico_status status = is_broken                                      ? PORTICO_ERROR
                                  : closed.reason == PORTICO_REASON_PLUGIN_ERROR ? line.failed_with
                                                                                 : PORTICO_OK;
    if (closed.struct_size < sizeof closed || closed.status != status ||
        (closed.native_error != 0 && !is_broken)) {
        violated(line, "on_close with status " + std::to_string(closed.status) + ", expected " +
                           std::to_string(status));
    }
    if (closed.opened_ns == 0 || closed.opened_ns > line.opened_ns) {
        violated(line, "on_close tells another time for on_open");
    }
    if (closed.received_bytes < line.consumed + line.left ||
        closed.received_bytes > line.attempt->sent) {
        violated(line, "on_close says that " + text(closed.received_bytes) + " bytes were read; " +
                           text(line.attempt->sent) + " were sent");
    }
    // A send that is still running may be among the host's, and is not among ours.
    if (line.sends_running != 0) {
        return;
    }
    // So may broadcasts.
    const std::uint64_t most = line.accepted_bytes +
                               (groups_ != nullptr ? groups_->bytes_on_the_way(line) : 0);
    if (closed.sent_bytes < line.attempt->received || closed.sent_bytes > most) {
        violated(line, "on_close says that " + text(closed.sent_bytes) + " bytes were sent; " +
                           text(line.accepted_bytes) + " were accepted and " +
                           text(line.attempt->received) + " have come");
    }
    if (closed.unsent_bytes + closed.sent_bytes < line.accepted_bytes ||
        closed.unsent_bytes > most) {
        violated(line, "on_close says that " + text(closed.unsent_bytes) +
                           " bytes were not sent; " +
                           text(line.accepted_bytes - closed.sent_bytes) +
                           " were accepted and not taken by the system");
    }
}

void Ledger::check_reason(const Line& line, std::uint32_t reason) {
    const ServicePlan& plan = *line.service->plan;
    const Attempt* attempt = line.attempt;
    const FaultMix& faults = plan_.faults;
    bool is_well = false;
    switch (reason) {
        case PORTICO_REASON_PLUGIN: is_well = line.closes_begun + line.aborts_begun != 0; break;
        case PORTICO_REASON_PEER:
            is_well = !plan.has_on_end && (attempt == nullptr || attempt->is_finished);
            break;
        case PORTICO_REASON_RESET:
            is_well = attempt == nullptr || attempt->has_left || faults.reset_connection != 0 ||
                      faults.accept_aborted != 0;
            break;
        case PORTICO_REASON_ERROR:
            is_well = faults.receive_no_buffers != 0 || faults.send_no_buffers != 0;
            break;
        case PORTICO_REASON_PLUGIN_ERROR: is_well = line.has_failed; break;
        case PORTICO_REASON_IDLE: is_well = plan.limits.idle_timeout_ms != 0; break;
        case PORTICO_REASON_HALF_CLOSE: is_well = line.is_end_told; break;
        case PORTICO_REASON_FRAME:
            is_well = line.service->is_framed() && (attempt == nullptr || attempt->has_too_long);
            break;
        case PORTICO_REASON_UNCONSUMED: is_well = line.left_unconsumed; break;
        case PORTICO_REASON_DRAIN:
            is_well = (is_stopping() || line.service->drains != 0) && !plan.has_on_drain;
            break;
        case PORTICO_REASON_DRAIN_DEADLINE:
            is_well = is_stopping();
            check_cut(line);
            check_stop_was_told(line);
            break;
        default: break;
    }
    if (!is_well) {
        violated(line, "on_close with reason " + text(reason) + ", which nothing explains");
    }
}

// A timeout means that nothing has moved for that long, and that the host has asked the system. The
// network knows exactly what had happened when the host looked. So if a timeout ends a connection,
// nothing had moved at the look that ended it.
void Ledger::check_stillness(const Line& line, std::uint32_t reason) {
    if (line.attempt == nullptr) {
        return;
    }
    const config::Limits& limits = line.service->plan->limits;
    const Network::Looks looks = Network::current()->looks_at_peer(line.attempt->port);
    if (reason == PORTICO_REASON_IDLE && looks.longest_still_ns < limits.idle_timeout_ms * ms) {
        violated(line, "closed as idle, and at no look had it been still for longer than " +
                           text(looks.longest_still_ns / ms) + " ms");
    }
    if (reason == PORTICO_REASON_HALF_CLOSE &&
        looks.last_still_ns < limits.half_close_timeout_ms * ms) {
        violated(line, "ended by the half-close timeout, and it had been still for " +
                           text(looks.last_still_ns / ms) + " ms");
    }
}

// A connection that was told to drain is over long before the drain's deadline if its plugin closes
// it and its peer is quiet.
void Ledger::check_cut(const Line& line) {
    const Attempt* attempt = line.attempt;
    const ServicePlan& plan = *line.service->plan;
    // Without on_drain what has arrived is offered first, and a hold may never end.
    const bool ends_by_itself = line.service->is_echo() || (!plan.has_on_drain && !line.has_held);
    if (plan_.drain_ms >= unhurried_ms && plan_.faults.clock_jump == 0 &&
        plan_.faults.timer_late_ns == 0 && plan_.long_callbacks == 0 && ends_by_itself &&
        attempt != nullptr && attempt->is_eager &&
        attempt->last_sent_ns + unhurried_ms / 2 * ms < scheduler_.now()) {
        violated(line, "cut at the deadline of the drain, and nothing held it up");
    }
}

// A plugin that lets its connection stay, although an operator has asked it to end, is told of the
// stop too. (Without on_end its peer's end closes the connection unseen.)
void Ledger::check_stop_was_told(const Line& line) {
    if (line.service->plan->has_on_end && line.is_operator_told && !line.is_drain_told &&
        plan_.drain_ms >= unhurried_ms && plan_.faults.clock_jump == 0 &&
        plan_.faults.timer_late_ns == 0 && plan_.long_callbacks == 0 && !line.is_end_told &&
        !line.has_failed && line.closes_begun + line.aborts_begun == 0) {
        violated(line, "cut at the deadline of a drain of which it was not told");
    }
}

// ---- posts

Posted& Ledger::add_post(Service& service, Line* line) {
    posts_.push_back(std::make_unique<Posted>());
    Posted& posted = *posts_.back();
    posted.number = static_cast<std::uint32_t>(posts_.size() - 1);
    posted.service = &service;
    posted.line = line;
    posted.resumes_before = line != nullptr && line->resumes_running == 0 ? line->resumes_begun : 0;
    return posted;
}

void Ledger::post_answered(Posted& posted, portico_status status) {
    posted.is_accepted = status == PORTICO_OK;
    posted.is_refused = !posted.is_accepted;
    if (posted.is_refused && posted.has_run) {
        violated("post " + text(posted.number) + " was refused, and has run");
    }
    if (posted.is_accepted && !posted.has_run && posted.line != nullptr) {
        if (posted.line->is_closed) {
            violated(*posted.line, "a post is accepted after on_close");
        }
        ++posted.line->posts_waiting;
    }
}

void Ledger::ran(Posted& posted, const void* state, portico_status status) {
    if (posted.has_run || posted.is_refused) {
        violated("post " + text(posted.number) +
                 (posted.has_run ? " runs twice" : " was refused, and runs"));
    }
    posted.has_run = true;
    if (status != PORTICO_OK && status != PORTICO_CLOSING) {
        violated("post " + text(posted.number) + " runs with status " + std::to_string(status));
    }
    Line* line = posted.line;
    if (line == nullptr) {
        return;
    }
    line->resumes_done = std::max(line->resumes_done, posted.resumes_before);
    if (posted.is_accepted) {
        --line->posts_waiting;
    }
    if (state != (line->is_accepted ? line : nullptr)) {
        violated(*line, "a posted function has another state than the connection's");
    }
    if (line->is_refused && status != PORTICO_CLOSING) {
        violated(*line, "on_open refused it, and a posted function is told that all is well");
    }
}

void Ledger::refused(Line& line) noexcept {
    line.is_refused = true;
    notes_of_thread.refused = &line;
}

// ---- this thread

std::uint32_t Ledger::sender() noexcept {
    if (notes_of_thread.run != this) {
        notes_of_thread.run = this;
        notes_of_thread.sender = senders_++;
        if (senders_ > MessageHeader::senders_max) {
            violated("more threads send than the world is made for");
        }
    }
    return notes_of_thread.sender;
}

bool& Ledger::in_host_call() noexcept {
    return notes_of_thread.in_host_call;
}

const Line* Ledger::inside() noexcept {
    return notes_of_thread.inside;
}

// ---- the end

void Ledger::finish() {
    for (const std::unique_ptr<Posted>& posted : posts_) {
        if (posted->is_accepted && !posted->has_run) {
            violated("post " + text(posted->number) + " was accepted and never ran");
        }
    }
    for (const std::unique_ptr<Line>& line : lines_) {
        if (line->is_accepted && !line->is_closed) {
            violated(*line, "no on_close");
        }
        const Attempt* attempt = line->attempt;
        if (groups_ != nullptr && attempt != nullptr) {
            groups_->finish(*line, reasons_[line->number] == PORTICO_REASON_PLUGIN &&
                                       has_ended_gracefully(*line) && !was_hindered(*line) &&
                                       attempt->saw_end);
        }
        if (attempt == nullptr || attempt->received == line->accepted_bytes) {
            continue;
        }
        if (attempt->received > line->accepted_bytes) {
            violated(*line, text(attempt->received) + " bytes came, and " +
                                text(line->accepted_bytes) + " were accepted");
        }
        // A peer that goes on reading loses nothing: if its connection is cut, nothing had moved
        // for the whole close timeout at the look that ended it.
        const std::uint64_t unheeded_ns =
            Network::current()->looks_at_peer(attempt->port).last_unheeded_ns;
        if (has_ended_gracefully(*line) && !was_hindered(*line) &&
            unheeded_ns < line->service->plan->limits.close_timeout_ms * ms) {
            violated(*line, text(attempt->received) + " of " + text(line->accepted_bytes) +
                                " accepted bytes came; cut when nothing had been " +
                                "acknowledged for " + text(unheeded_ns / ms) + " ms");
        }
        if (attempt->saw_end || !may_have_lost(*line)) {
            violated(*line, text(attempt->received) + " of " + text(line->accepted_bytes) +
                                " accepted bytes came to a peer that was reading");
        }
    }
}

bool Ledger::has_ended_gracefully(const Line& line) const noexcept {
    switch (reasons_[line.number]) {
        case PORTICO_REASON_PLUGIN:
        case PORTICO_REASON_PEER:
        case PORTICO_REASON_IDLE:
        case PORTICO_REASON_DRAIN:
            return line.aborts_begun == 0 && !line.has_failed && !line.is_refused;
        default: return false;
    }
}

// True if its peer or a fault has ended the connection, or may have done so.
bool Ledger::was_hindered(const Line& line) const noexcept {
    const Attempt& attempt = *line.attempt;
    const FaultMix& faults = plan_.faults;
    return attempt.has_left || attempt.has_too_long || faults.reset_connection != 0 ||
           faults.accept_aborted != 0 || faults.receive_no_buffers != 0 ||
           faults.send_no_buffers != 0;
}

// True if anything happened to the connection that may lose bytes accepted for sending.
bool Ledger::may_have_lost(const Line& line) const noexcept {
    return !has_ended_gracefully(line) || was_hindered(line) || !line.attempt->is_eager ||
           plan_.faults.clock_jump != 0 ||
           line.service->plan->limits.close_timeout_ms < unhurried_ms;
}

}  // namespace portico::sim
