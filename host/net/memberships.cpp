#include "net/memberships.hpp"

#include <algorithm>

namespace portico::net {

Memberships::Slot* Memberships::find(std::uint32_t slot) noexcept {
    const std::uint32_t page = slot / page_slots;
    return page < pages_.size() && pages_[page] != nullptr ? &(*pages_[page])[slot % page_slots]
                                                           : nullptr;
}

Memberships::Slot& Memberships::make(std::uint32_t slot) {
    const std::uint32_t page = slot / page_slots;
    if (page >= pages_.size()) {
        pages_.resize(page + 1);
    }
    if (pages_[page] == nullptr) {
        pages_[page] = std::make_unique<Page>();
    }
    return (*pages_[page])[slot % page_slots];
}

Memberships::Join Memberships::join(SlotKey member, std::uint32_t slot, std::uint64_t group) {
    Slot& list = make(slot);
    if (const std::vector<SlotKey>* members = members_of(group);
        members != nullptr && std::binary_search(members->begin(), members->end(), member)) {
        return Join::was_member;
    }
    if (list.count == groups_max) {
        return Join::limit;
    }
    if (free_ == none) {
        records_.emplace_back();
        free(static_cast<std::uint32_t>(records_.size() - 1));
    }
    Group& joined = groups_[group];
    joined.number = group;
    try {
        joined.members.insert(
            std::upper_bound(joined.members.begin(), joined.members.end(), member), member);
    } catch (...) {
        if (joined.members.empty()) {
            groups_.erase(group);
        }
        throw;
    }
    const std::uint32_t record = free_;
    free_ = records_[record].next;
    records_[record] = {&joined, list.first};
    list.first = record;
    ++list.count;
    return Join::joined;
}

void Memberships::leave(SlotKey member, std::uint32_t slot, std::uint64_t group) noexcept {
    Slot* const list = find(slot);
    const auto found = groups_.find(group);
    if (list == nullptr || found == groups_.end() ||
        !std::binary_search(found->second.members.begin(), found->second.members.end(), member)) {
        return;
    }
    std::uint32_t* link = &list->first;
    while (records_[*link].group != &found->second) {
        link = &records_[*link].next;
    }
    const std::uint32_t record = *link;
    *link = records_[record].next;
    --list->count;
    free(record);
    remove(found->second, member);
}

void Memberships::leave_all(SlotKey member, std::uint32_t slot) noexcept {
    Slot* const list = find(slot);
    if (list == nullptr) {
        return;
    }
    while (list->first != none) {
        const std::uint32_t record = list->first;
        list->first = records_[record].next;
        remove(*records_[record].group, member);
        free(record);
    }
    list->count = 0;
}

const std::vector<SlotKey>* Memberships::members_of(std::uint64_t group) const noexcept {
    const auto found = groups_.find(group);
    return found != groups_.end() ? &found->second.members : nullptr;
}

void Memberships::remove(Group& group, SlotKey member) noexcept {
    std::vector<SlotKey>& members = group.members;
    members.erase(std::lower_bound(members.begin(), members.end(), member));
    if (members.empty()) {
        groups_.erase(group.number);
    }
}

void Memberships::free(std::uint32_t record) noexcept {
    records_[record] = {nullptr, free_};
    free_ = record;
}

}  // namespace portico::net
