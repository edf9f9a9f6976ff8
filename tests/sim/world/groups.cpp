#include "sim/world/groups.hpp"

#include <cstring>
#include <set>
#include <string>

#include "support/extension.hpp"

namespace portico::sim {

const portico_connections* WorldGroups::table(Service& from) const {
    return test::extension<portico_connections>(*from.host, from.handle, PORTICO_EXT_CONNECTIONS);
}

template <class Call>
portico_status WorldGroups::inside(Call&& call) {
    scheduler_.switch_point();
    Ledger::in_host_call() = true;
    const portico_status status = call();
    Ledger::in_host_call() = false;
    return status;
}

// ---- calls

void WorldGroups::meddle(Service& from) {
    // An echo's connections get nothing but their echo.
    if (from.is_echo() || from.host == nullptr || !random_.one_in(5)) {
        return;
    }
    Line* const line = ledger_.draw_line(random_);
    switch (random_.below(8)) {
        case 0: list(from); break;
        case 1:
            if (line != nullptr) {
                change(from, *line, false);
            }
            break;
        case 2:
        case 3:
        case 4:
            if (line != nullptr) {
                change(from, *line, true);
            }
            break;
        default: broadcast(from); break;
    }
}

// Nothing that the world knows of has begun to end it.
bool WorldGroups::is_untouched(const Line& line) {
    return line.is_open() && line.closes_begun + line.aborts_begun == 0 && !line.is_finish_sure &&
           line.finishes_begun == 0 && !line.has_failed;
}

bool WorldGroups::is_sure_member(const Line& line, const Service& from, std::uint64_t group) {
    return line.service == &from && is_untouched(line) &&
           (group == 0 || memberships_[&line][group].state == Membership::State::in);
}

void WorldGroups::change(Service& from, Line& line, bool joins) {
    const std::uint64_t group = 1 + random_.below(groups_count);
    const portico_connections* const functions = table(from);
    if (functions == nullptr) {
        return;
    }
    const bool is_gone = from.is_destroyed || !line.may_be_of(from) || line.is_surely_gone() ||
                         line.is_close_sure || line.is_abort_sure;
    Membership& membership = memberships_[&line][group];
    const std::uint32_t begun = ++membership.calls_begun;
    ++membership.calls_running;
    if (line.may_be_of(from)) {
        membership.state = Membership::State::unknown;
        if (joins) {
            may_become_member(line, group);
        }
    }
    const portico_status status = inside([&] {
        return joins ? functions->join(from.handle, line.handle, group)
                     : functions->leave(from.handle, line.handle, group);
    });
    --membership.calls_running;
    scheduler_.trace(joins ? "call: join of connection {} to group {} answers -{} (service {})"
                           : "call: leave of connection {} from group {} answers -{} (service {})",
                     line.number, group, static_cast<std::uint64_t>(-status), from.number);
    if (status != PORTICO_OK && status != PORTICO_GONE) {
        ledger_.violated(line, "join or leave answers " + std::to_string(status));
    }
    if (status == PORTICO_OK && is_gone) {
        ledger_.violated(line, "it joins or leaves a group, and is over, or another service's");
    }
    if (status == PORTICO_OK && membership.calls_running == 0 && membership.calls_begun == begun) {
        membership.state = joins ? Membership::State::in : Membership::State::out;
    }
}

void WorldGroups::may_get(Broadcast& broadcast, Line& line) {
    if (&line != broadcast.except) {
        line.sends_owned = true;
        const auto [place, is_new] = broadcast.receivers.try_emplace(&line);
        if (is_new) {
            place->second.accepted_before = line.accepted[broadcast.sender];
        }
    }
}

void WorldGroups::may_become_member(Line& line, std::uint64_t group) {
    for (const std::unique_ptr<Broadcast>& broadcast : all_) {
        if (broadcast->is_running && broadcast->group == group &&
            line.may_be_of(*broadcast->service)) {
            may_get(*broadcast, line);
        }
    }
}

// One that was about to open when a broadcast to everybody was made may get it after its on_open,
// or be aborted because earlier ones have filled its queue.
void WorldGroups::opened(Line& line) {
    for (const std::unique_ptr<Broadcast>& broadcast : all_) {
        if (broadcast->group == 0 && broadcast->is_accepted && broadcast->service == line.service &&
            broadcast->except != &line) {
            line.sends_owned = true;
            line.aborts_begun += broadcast->aborts ? 1 : 0;
            broadcast->receivers.try_emplace(&line);
        }
    }
}

void WorldGroups::broadcast(Service& from) {
    const portico_connections* const functions = table(from);
    if (functions == nullptr || all_.size() == broadcasts_max) {
        return;
    }
    const auto number = static_cast<std::uint32_t>(all_.size());
    Broadcast& made = *all_.emplace_back(std::make_unique<Broadcast>());
    made.service = &from;
    made.group = random_.below(groups_count + 1);
    made.sender = ledger_.sender();
    Line* const except = random_.one_in(3) ? ledger_.draw_line(random_) : nullptr;
    made.except = except;
    made.aborts = !ledger_.plan().has_room && random_.one_in(8);
    const std::size_t size = ledger_.plan().broadcast_bytes;
    for (const std::unique_ptr<Line>& line : ledger_.lines()) {
        if (!line->may_be_of(from) || line->is_surely_gone()) {
            continue;
        }
        if (made.group == 0 ||
            memberships_[line.get()][made.group].state != Membership::State::out) {
            may_get(made, *line);
        }
        line->aborts_begun += made.aborts ? 1 : 0;
    }
    std::vector<const Line*> sure;
    for (const auto& [line, receiver] : made.receivers) {
        if (ledger_.plan().has_room && is_sure_member(*line, from, made.group)) {
            sure.push_back(line);
        }
    }

    MessageHeader header;
    header.magic = MessageHeader::broadcast_byte;
    header.sender = static_cast<std::uint8_t>(made.sender);
    header.size = static_cast<std::uint16_t>(size);
    header.number = number;
    std::vector<std::byte> bytes(size);
    std::memcpy(bytes.data(), &header, MessageHeader::bytes);
    for (std::size_t at = MessageHeader::bytes; at < size; ++at) {
        bytes[at] = MessageHeader::payload(header.sender, number, at);
    }
    const std::size_t cut = static_cast<std::size_t>(random_.below(size + 1));
    const portico_part parts[] = {{bytes.data(), cut}, {bytes.data() + cut, size - cut}};
    const portico_status status = inside([&] {
        return functions->broadcast(from.handle, made.group, except != nullptr ? except->handle : 0,
                                    parts, 2, sizeof parts[0],
                                    made.aborts ? PORTICO_WHEN_FULL_ABORT : PORTICO_WHEN_FULL_SKIP);
    });
    made.is_running = false;
    scheduler_.trace("call: broadcast {} to group {} answers -{} (service {})", number, made.group,
                     static_cast<std::uint64_t>(-status), from.number);
    const portico_status expected = from.is_destroyed                         ? PORTICO_GONE
                                    : size > from.plan->limits.max_send_bytes ? PORTICO_TOO_LARGE
                                                                              : PORTICO_OK;
    if (status != expected && !(status == PORTICO_GONE && from.is_destroyed)) {
        ledger_.violated("broadcast " + std::to_string(number) + " answers " +
                         std::to_string(status));
    }
    if (status != PORTICO_OK) {
        made.is_accepted = false;
        made.receivers.clear();
        return;
    }
    for (const Line* line : sure) {
        if (is_sure_member(*line, from, made.group)) {
            made.receivers[line].is_sure = true;
        }
    }
}

void WorldGroups::list(Service& from) {
    const portico_connections* const functions = table(from);
    if (functions == nullptr) {
        return;
    }
    std::set<portico_connection> over;
    for (const std::unique_ptr<Line>& line : ledger_.lines()) {
        if (!line->may_be_of(from) || line->is_surely_gone() || line->is_close_sure ||
            line->is_abort_sure) {
            over.insert(line->handle);
        }
    }
    std::set<portico_connection> listed;
    const auto capacity = static_cast<std::uint32_t>(random_.between(1, 5));
    std::uint32_t count = capacity;
    for (std::uint64_t cursor = 0; count == capacity;) {
        std::array<portico_connection, 5> some{};
        const portico_status status = inside(
            [&] { return functions->list(from.handle, &cursor, some.data(), capacity, &count); });
        if (status != PORTICO_OK) {
            if (status != PORTICO_GONE || !from.is_destroyed) {
                ledger_.violated("list answers " + std::to_string(status));
            }
            return;
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            if (!listed.insert(some[i]).second || over.count(some[i]) != 0) {
                ledger_.violated(
                    "the list names a connection twice, or one that is over, or "
                    "another service's");
            }
        }
    }
}

// ---- what a peer receives

void WorldGroups::begins(Attempt& attempt) {
    if (attempt.line == nullptr) {
        ledger_.violated("a broadcast comes to a peer that has no connection");
    }
    attempt.line->accepted_bytes += ledger_.plan().broadcast_bytes;
}

void WorldGroups::arrives(Attempt& attempt, const MessageHeader& header) {
    const Line& line = *attempt.line;
    const std::string name = "broadcast " + std::to_string(header.number);
    if (header.number >= all_.size() || header.size != ledger_.plan().broadcast_bytes ||
        header.sender != all_[header.number]->sender) {
        ledger_.violated(line, name + " arrives, and nobody has sent it");
    }
    Broadcast& broadcast = *all_[header.number];
    const auto found = broadcast.receivers.find(&line);
    if (found == broadcast.receivers.end()) {
        ledger_.violated(line, name + " arrives, and it was no member");
    }
    Receiver& receiver = found->second;
    if (receiver.has_come) {
        ledger_.violated(line, name + " arrives twice");
    }
    receiver.has_come = true;
    if (attempt.seen[header.sender] != receiver.accepted_before) {
        ledger_.violated(line, name + " comes after " +
                                   std::to_string(attempt.seen[header.sender]) +
                                   " messages of its sender, and was sent after " +
                                   std::to_string(receiver.accepted_before));
    }
    for (std::size_t later = header.number + 1; later < all_.size(); ++later) {
        const auto other = all_[later]->receivers.find(&line);
        if (all_[later]->sender == header.sender && other != all_[later]->receivers.end() &&
            other->second.has_come) {
            ledger_.violated(line, name + " comes after a later one of its sender");
        }
    }
}

std::uint64_t WorldGroups::bytes_on_the_way(const Line& line) const {
    std::uint64_t bytes = 0;
    for (const std::unique_ptr<Broadcast>& broadcast : all_) {
        const auto found = broadcast->receivers.find(&line);
        if (found != broadcast->receivers.end() && !found->second.has_come) {
            bytes += ledger_.plan().broadcast_bytes;
        }
    }
    return bytes;
}

bool WorldGroups::is_awaited_by(const Line& line) const {
    for (const std::unique_ptr<Broadcast>& broadcast : all_) {
        const auto found = broadcast->receivers.find(&line);
        if (found != broadcast->receivers.end() && found->second.is_sure &&
            !found->second.has_come) {
            return true;
        }
    }
    return false;
}

void WorldGroups::finish(const Line& line, bool ended_by_plugin) {
    if (ended_by_plugin && is_awaited_by(line)) {
        ledger_.violated(line, "a broadcast to it is lost, and the plugin closed it in order");
    }
}

}  // namespace portico::sim
