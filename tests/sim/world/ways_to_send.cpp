#include "sim/world/ways_to_send.hpp"

#include <algorithm>

#include "sim/world/plugins.hpp"
#include "support/extension.hpp"

namespace portico::sim {

portico_status WaysToSend::send(Service& from, portico_connection to, Line* line,
                                std::span<const std::byte> bytes) {
    const auto* owned = test::extension<portico_send_owned>(*from.host, from.handle,
                                                            PORTICO_EXT_SEND_OWNED);
    if (owned == nullptr && !from.is_destroyed) {
        ledger_.violated("there is no extension send_owned");
    }
    if (owned != nullptr && random_.chance(ledger_.plan().other_ways)) {
        switch (random_.below(4)) {
            case 0: break;
            case 1: return send_reserved(from, *owned, to, line, bytes);
            default: return send_owned(from, *owned, to, line, bytes);
        }
    } else if (bytes.size() % 2 == 0) {
        return from.host->send(from.handle, to, bytes.data(), bytes.size());
    }
    const std::vector<portico_part> parts = split(bytes);
    return from.host->send_parts(from.handle, to, parts.data(),
                                 static_cast<std::uint32_t>(parts.size()), sizeof parts[0]);
}

// Up to five parts, some of them empty.
std::vector<portico_part> WaysToSend::split(std::span<const std::byte> bytes) {
    std::vector<portico_part> parts;
    for (std::uint64_t cuts = random_.below(5); cuts > 0; --cuts) {
        const auto size = static_cast<std::size_t>(random_.below(bytes.size() + 1));
        parts.push_back({bytes.data(), size});
        bytes = bytes.subspan(size);
    }
    parts.push_back({bytes.empty() ? nullptr : bytes.data(), bytes.size()});
    return parts;
}

portico_status WaysToSend::send_owned(Service& from, const portico_send_owned& owned,
                                      portico_connection to, Line* line,
                                      std::span<const std::byte> bytes) {
    Sent& sent = *all_.emplace_back(std::make_unique<Sent>());
    sent.owner = this;
    sent.number = static_cast<std::uint32_t>(all_.size() - 1);
    sent.service = &from;
    sent.line = line;
    sent.bytes.assign(bytes.begin(), bytes.end());
    const std::vector<portico_part> parts = split(sent.bytes);
    if (line != nullptr) {
        line->sends_owned = true;
    }
    const portico_status status = owned.send(from.handle, to, parts.data(),
                                             static_cast<std::uint32_t>(parts.size()),
                                             sizeof parts[0], released, &sent);
    sent.is_accepted = status == PORTICO_OK;
    sent.is_refused = !sent.is_accepted;
    if (sent.is_refused && sent.is_released) {
        ledger_.violated("owned send " + std::to_string(sent.number) +
                         " was refused, and is released");
    }
    if (sent.is_accepted && !sent.is_released) {
        if (line->is_closed) {
            ledger_.violated(*line, "an owned send is accepted after on_close");
        }
        ++line->releases_waiting;
    }
    return status;
}

// On the connection's strand it also makes the mistakes that a plugin can make.
portico_status WaysToSend::send_reserved(Service& from, const portico_send_owned& owned,
                                         portico_connection to, Line* line,
                                         std::span<const std::byte> bytes) {
    const std::uint64_t size = std::min<std::uint64_t>(
        bytes.size() + random_.skewed(500),
        std::max<std::uint64_t>(bytes.size(), from.plan->limits.max_send_bytes));
    void* place = nullptr;
    std::uint64_t buffer = 0;
    const portico_status reserved = owned.reserve(from.handle, to, size, &place, &buffer);
    if (reserved == PORTICO_UNSUPPORTED || reserved == PORTICO_INVALID) {
        // from elsewhere, or one of this callback is kept
        return from.host->send(from.handle, to, bytes.data(), bytes.size());
    }
    if (reserved != PORTICO_OK) {
        return reserved;
    }
    const auto must_be = [&](const char* what, portico_status status, portico_status expected) {
        if (status != expected) {
            ledger_.violated(std::string(what) + " answers " + std::to_string(status));
        }
    };
    if (random_.one_in(8)) {
        must_be("a commit of more than was reserved", owned.commit(from.handle, buffer, size + 1),
                PORTICO_INVALID);
    }
    if (random_.one_in(16)) {
        return from.host->send(from.handle, to, bytes.data(), bytes.size());  // it is kept
    }
    scheduler_.switch_point();
    std::copy(bytes.begin(), bytes.end(), static_cast<std::byte*>(place));
    line->sends_owned = true;
    line->sends_reserved = true;
    const portico_status status = owned.commit(from.handle, buffer, bytes.size());
    if (random_.one_in(8)) {
        must_be("a second commit", owned.commit(from.handle, buffer, 1), PORTICO_GONE);
        must_be("a drop after a commit", owned.drop(from.handle, buffer), PORTICO_GONE);
    }
    if (status == PORTICO_WOULD_BLOCK) {
        ledger_.violated(*line, "a commit would block");
    }
    return status;
}

void PORTICO_CALL WaysToSend::released(void* self, portico_connection connection, void* state,
                                       void* argument, portico_status status) {
    static_cast<void>(state);
    Sent& sent = *static_cast<Sent*>(argument);
    if (self != sent.service || sent.line == nullptr || connection != sent.line->handle) {
        sent.owner->ledger_.violated("a release comes for another instance or connection");
    }
    sent.owner->take_release(sent, status);
}

void WaysToSend::take_release(Sent& sent, portico_status status) {
    Line& line = *sent.line;
    const Ledger::Callback callback(ledger_, *sent.service, &line,
                                    "connection {}: owned send {} is released", sent.number);
    if (sent.is_released || sent.is_refused) {
        ledger_.violated(
            line, "owned send " + std::to_string(sent.number) +
                      (sent.is_released ? " is released twice" : " was refused, and is released"));
    }
    if (status != PORTICO_OK && status != PORTICO_CLOSING) {
        ledger_.violated(line, "a release has status " + std::to_string(status));
    }
    sent.is_released = true;
    std::fill(sent.bytes.begin(), sent.bytes.end(), std::byte{0});
    if (sent.is_accepted) {
        --line.releases_waiting;
    }
    sent.service->plugin->on_released(line);
}

void WaysToSend::finish() {
    for (const std::unique_ptr<Sent>& sent : all_) {
        if (sent->is_accepted && !sent->is_released) {
            ledger_.violated(*sent->line, "owned send " + std::to_string(sent->number) +
                                              " was accepted and never released");
        }
    }
}

}  // namespace portico::sim
