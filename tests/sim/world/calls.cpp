#include "sim/world/calls.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "portico/ext/settings.h"

namespace portico::sim {

namespace {

std::string named(const char* what, portico_status status) {
    return std::string(what) + " answers " + std::to_string(status);
}

}  // namespace

template <class Call>
auto Calls::inside(Call&& call) {
    scheduler_.switch_point();
    Ledger::in_host_call() = true;
    const auto answer = call();
    Ledger::in_host_call() = false;
    return answer;
}

bool Calls::must_be_gone(const Service& from, const Target& to) const noexcept {
    return to.line == nullptr || !to.line->may_be_of(from) || to.line->is_surely_gone();
}

void Calls::check(const char* what, const Service& from, const Target& to, portico_status status,
                  bool is_gone_sure) {
    scheduler_.trace(what, to.line != nullptr ? to.line->number : UINT32_MAX,
                     static_cast<std::uint64_t>(-status), from.number);
    if (status == PORTICO_NO_MEMORY || status == PORTICO_LIMIT) {
        ledger_.violated(named(what, status));
    }
    if (is_gone_sure && status != PORTICO_GONE) {
        const std::string_view call(what);
        const std::string name(call.substr(6, call.find(' ', 6) - 6));  // "call: NAME ..."
        ledger_.violated(named(name.c_str(), status) +
                         " for a connection that is over, or another service's");
    }
}

// Bytes that the host has accepted and the system has not taken: always fewer than the high
// watermark plus one message.
void Calls::check_queue(const Line& line, std::size_t size) {
    if (line.attempt == nullptr || line.attempt->peer == nullptr) {
        return;
    }
    const std::uint64_t queued = line.accepted_bytes -
                                 std::min(line.accepted_bytes,
                                          line.attempt->peer->written_by_host());
    const config::Limits& limits = line.service->plan->limits;
    // What was reserved before the queue was full is queued all the same.
    const std::uint64_t high = std::uint64_t{limits.send_queue_bytes} +
                               (line.sends_reserved ? limits.max_send_bytes : 0);
    if (queued >= high + size) {
        ledger_.violated(line, std::to_string(queued) +
                                   " bytes are queued, with a high watermark of " +
                                   std::to_string(high));
    }
}

portico_status Calls::send(Service& from, Target to, std::span<const std::byte> bytes) {
    Line* line = to.line;
    const bool is_gone = must_be_gone(from, to) || line->is_close_sure || line->is_abort_sure;
    const bool is_finished = line != nullptr && line->is_finish_sure;
    const std::uint32_t writables = line != nullptr ? line->writables : 0;
    const bool begins_alone = line != nullptr && line->sends_running == 0;
    const std::uint32_t begun = line != nullptr ? ++line->sends_begun : 0;
    if (line != nullptr) {
        ++line->sends_running;
        line->largest_send = std::max(line->largest_send, bytes.size());
    }
    const portico_status status = inside([&] { return ways_.send(from, to.handle, line, bytes); });
    if (line != nullptr) {
        --line->sends_running;
    }
    const bool is_too_large = bytes.size() > from.plan->limits.max_send_bytes;
    // For a handle of this service, the size is checked before the connection's state.
    check("call: send to connection {} answers -{} (service {})", from, to, status,
          is_gone && !is_too_large);
    switch (status) {
        case PORTICO_OK:
            if (is_too_large || is_finished) {
                ledger_.violated(*line, is_too_large ? "a send is accepted that is too large"
                                                     : "a send is accepted after finish_sending");
            }
            line->accepted_bytes += bytes.size();
            // If there are several at once, another one may be the last that was accepted.
            check_queue(*line, begins_alone && line->sends_begun == begun ? bytes.size()
                                                                          : line->largest_send);
            break;
        case PORTICO_WOULD_BLOCK:
            if (is_finished || is_too_large) {
                ledger_.violated(*line, "a send that can never be accepted would block");
            }
            ++line->refusals;
            if (from.plan->has_on_writable) {
                (line->writables == writables ? line->owes_writable
                                              : line->may_owe_writable) = true;
            }
            break;
        case PORTICO_TOO_LARGE:
            if (!is_too_large) {
                ledger_.violated(named("a send that is not too large", status));
            }
            break;
        case PORTICO_CLOSING:
        case PORTICO_GONE: break;
        default: ledger_.violated(named("send", status));
    }
    return status;
}

portico_status Calls::send_message(Service& from, Target to, std::size_t size) {
    const std::uint32_t sender = ledger_.sender();
    MessageHeader header;
    header.sender = static_cast<std::uint8_t>(sender);
    header.size = static_cast<std::uint16_t>(size);
    header.number = to.line != nullptr ? to.line->accepted[sender] : 0;
    std::vector<std::byte> bytes(size);
    std::memcpy(bytes.data(), &header, MessageHeader::bytes);
    for (std::size_t at = MessageHeader::bytes; at < size; ++at) {
        bytes[at] = MessageHeader::payload(sender, header.number, at);
    }
    if (to.line != nullptr) {
        to.line->is_sending[sender] = true;
    }
    const portico_status status = send(from, to, bytes);
    if (to.line != nullptr) {
        to.line->is_sending[sender] = false;
        to.line->accepted[sender] += status == PORTICO_OK ? 1 : 0;
    }
    return status;
}

portico_status Calls::finish_sending(Service& from, Target to) {
    const bool is_gone = must_be_gone(from, to) || to.line->is_close_sure || to.line->is_abort_sure;
    if (to.line != nullptr) {
        ++to.line->finishes_begun;
    }
    const portico_status status = inside(
        [&] { return from.host->finish_sending(from.handle, to.handle); });
    check("call: finish_sending of connection {} answers -{} (service {})", from, to, status,
          is_gone);
    if (status == PORTICO_OK) {
        to.line->is_finish_sure = true;
        ++to.line->other_calls;
    }
    return status;
}

portico_status Calls::close(Service& from, Target to, std::uint32_t how) {
    const bool is_abort = how == PORTICO_CLOSE_ABORT;
    Line* line = to.line;
    // An abort is accepted until the end, even if the host itself is about to abort; a second one
    // is not.
    const bool is_ending = line != nullptr && line->is_refused && !line->is_abort_sure &&
                           is_abort && line->service == &from;
    const bool is_gone = !is_ending && (must_be_gone(from, to) || line->is_abort_sure ||
                                        (!is_abort && line->is_close_sure));
    if (line != nullptr && line->may_be_of(from)) {
        ++(is_abort ? line->aborts_begun : line->closes_begun);
    }
    const portico_status status = inside(
        [&] { return from.host->close(from.handle, to.handle, how); });
    check(is_abort ? "call: abort of connection {} answers -{} (service {})"
                   : "call: close of connection {} answers -{} (service {})",
          from, to, status, is_gone);
    if (status == PORTICO_OK) {
        (is_abort ? line->is_abort_sure : line->is_close_sure) = true;
        ++line->other_calls;
    }
    return status;
}

portico_status Calls::pause(Service& from, Target to) {
    Line* line = to.line;
    const bool is_gone = must_be_gone(from, to) || line->is_close_sure || line->is_abort_sure;
    const std::uint32_t resumes = line != nullptr ? line->resumes_begun : 0;
    const bool is_alone = line != nullptr && line->resumes_running == 0;
    const portico_status status = inside(
        [&] { return from.host->pause_reading(from.handle, to.handle); });
    check("call: pause of connection {} answers -{} (service {})", from, to, status, is_gone);
    if (status == PORTICO_OK) {
        ++line->other_calls;
        line->is_paused = line->is_paused || (is_alone && line->resumes_begun == resumes);
    }
    return status;
}

portico_status Calls::resume(Service& from, Target to) {
    Line* line = to.line;
    const bool is_gone = must_be_gone(from, to) || line->is_close_sure || line->is_abort_sure;
    if (line != nullptr) {
        ++line->resumes_begun;
        ++line->resumes_running;
        if (line->may_be_of(from)) {
            line->is_held = line->is_paused = false;
        }
    }
    const portico_status status = inside(
        [&] { return from.host->resume_reading(from.handle, to.handle); });
    check("call: resume of connection {} answers -{} (service {})", from, to, status, is_gone);
    if (line != nullptr) {
        --line->resumes_running;
        line->other_calls += status == PORTICO_OK ? 1 : 0;
    }
    return status;
}

portico_status Calls::post(Service& from, Target to, portico_post_function function, bool resumes) {
    Line* line = to.line;
    const bool is_gone = must_be_gone(from, to) || line->is_close_sure || line->is_abort_sure;
    Posted& posted = ledger_.add_post(from, line);
    posted.resumes = resumes;
    const portico_status status = inside(
        [&] { return from.host->post(from.handle, to.handle, function, &posted); });
    check("call: post to connection {} answers -{} (service {})", from, to, status, is_gone);
    ledger_.post_answered(posted, status);
    if (status == PORTICO_OK) {
        ++line->other_calls;
    }
    return status;
}

portico_status Calls::post_instance(Service& from, portico_post_function function) {
    Posted& posted = ledger_.add_post(from, nullptr);
    const portico_status status = inside(
        [&] { return from.host->post_instance(from.handle, function, &posted); });
    scheduler_.trace("call: post to service {} answers -{}", from.number,
                     static_cast<std::uint64_t>(-status));
    if (status != PORTICO_OK && status != PORTICO_GONE) {
        ledger_.violated(named("post_instance", status));
    }
    ledger_.post_answered(posted, status);
    return status;
}

portico_status Calls::info(Service& from, Target to) {
    // Inside a connection's own callbacks it works to the end.
    const bool is_own = to.line != nullptr && Ledger::inside() == to.line &&
                        to.line->service == &from;
    const bool is_gone = must_be_gone(from, to) || to.line->is_close_sure || to.line->is_abort_sure;
    portico_connection_info info{};
    info.struct_size = sizeof info;
    const portico_status status = inside(
        [&] { return from.host->info(from.handle, to.handle, &info); });
    check("call: info of connection {} answers -{} (service {})", from, to, status,
          is_gone && !is_own);
    if (is_own && status != PORTICO_OK) {
        ledger_.violated(*to.line, named("info inside its own callback", status));
    }
    if (status != PORTICO_OK) {
        return status;
    }
    const Line& line = *to.line;
    const config::Limits& limits = from.plan->limits;
    // An owned send counts for its memory in the host, and so does a broadcast, which may have been
    // made before on_open.
    const bool has_owned = line.sends_owned || line.service == nullptr;
    const std::uint64_t owned = has_owned ? 8'192 + limits.max_send_bytes : 0;
    if (info.queued_bytes >= std::uint64_t{limits.send_queue_bytes} + limits.max_send_bytes +
                                 net::Connection::call_bytes + line.other_calls + 1 + owned) {
        ledger_.violated(
            line, "info says that " + std::to_string(info.queued_bytes) + " bytes are queued");
    }
    if (line.attempt != nullptr && line.attempt->peer != nullptr) {
        if (std::string_view(info.peer.text, info.peer.text_size) !=
            io::to_string(line.attempt->peer->local_address())) {
            ledger_.violated(line, "info names another peer");
        }
    }
    return status;
}

void Calls::small_talk(Service& from, Target to) {
    const portico_host& host = *from.host;
    const auto must_be = [&](const char* what, portico_status status, portico_status expected) {
        if (status != expected && !(from.is_destroyed && status == PORTICO_GONE)) {
            ledger_.violated(named(what, status));
        }
    };
    must_be("a send of nothing at all",
            inside([&] { return host.send(from.handle, to.handle, nullptr, 1); }), PORTICO_INVALID);
    must_be("a close of no kind", inside([&] { return host.close(from.handle, to.handle, 7); }),
            PORTICO_INVALID);
    must_be("a post of no function",
            inside([&] { return host.post(from.handle, to.handle, nullptr, nullptr); }),
            PORTICO_INVALID);
    must_be("an info into nothing",
            inside([&] { return host.info(from.handle, to.handle, nullptr); }), PORTICO_INVALID);
    if (host.now(from.handle) != scheduler_.now()) {
        ledger_.violated("now tells another time than the clock");
    }
    constexpr std::string_view words = "a word from a plugin";
    host.log(from.handle, to.handle, PORTICO_LOG_DEBUG, words.data(), words.size());
    constexpr std::string_view settings = PORTICO_EXT_SETTINGS;
    const bool has_settings = host.get_extension(from.handle, settings.data(), settings.size()) !=
                              nullptr;
    if ((!has_settings && !from.is_destroyed) ||
        host.get_extension(from.handle, "x", 1) != nullptr) {
        ledger_.violated("get_extension answers wrongly");
    }
}

}  // namespace portico::sim
