#include "net/delivery.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "net/sharing.hpp"
#include "net/walks.hpp"
#include "net/worker.hpp"

namespace portico::net {

Delivery::Delivery(const ConnectionTable& table, const ConnectionContext& context,
                   const Parts& parts, std::size_t members, bool aborts_full)
    : table_(table), context_(context), aborts_full_(aborts_full), left_(members) {
    bytes_ = SharedBytes::make(parts);
    for_mail_ = bytes_ != nullptr ? Share::make(*bytes_) : nullptr;
    if (for_mail_ == nullptr) {
        if (bytes_ != nullptr) {
            bytes_->end_use();
        }
        throw std::bad_alloc();
    }
}

Delivery::~Delivery() {
    for (const Leg& leg : legs_) {
        if (leg.walk != nullptr && !leg.walk->is_empty()) {
            leg.home->walks().add(*leg.walk);
        } else if (leg.walk != nullptr) {
            Walk::end(leg.walk);
        }
        leg.share->end_use();
    }
    for_mail_->end_use();
    bytes_->end_use();
}

Delivery::Leg* Delivery::find_or_make(WorkerGroup& home) noexcept {
    if (last_leg_ < legs_.size() && legs_[last_leg_].home == &home) {
        return &legs_[last_leg_];
    }
    const auto found = std::find_if(legs_.begin(), legs_.end(),
                                    [&](const Leg& leg) { return leg.home == &home; });
    last_leg_ = static_cast<std::size_t>(found - legs_.begin());
    if (found != legs_.end()) {
        return &*found;
    }
    Share* const share = Share::make(*bytes_);
    if (share == nullptr) {
        return nullptr;
    }
    try {
        return &legs_.emplace_back(Leg{&home, share, nullptr});
    } catch (const std::bad_alloc&) {
        share->end_use();
        return nullptr;
    }
}

Delivery::Leg* Delivery::leg_to(WorkerGroup& home) noexcept {
    Leg* const leg = find_or_make(home);
    if (leg != nullptr && leg->walk == nullptr) {
        leg->walk = Walk::make(table_, *leg->share,
                               static_cast<std::uint32_t>(std::min(left_, walk_members)));
    }
    return leg != nullptr && leg->walk != nullptr ? leg : nullptr;
}

void Delivery::to(SlotKey key) noexcept {
    const ConnectionTable::Found found = table_.find(key.handle());
    Connection& connection = *found.connection;
    WorkerGroup* const home = Sharing::home_of_walk(connection, context_, found.generation);
    // The place in the walk comes first: what is reserved must be brought.
    Leg* const leg = home != nullptr ? leg_to(*home) : nullptr;
    Sharing::Result result = Sharing::Result::gone;
    if (leg != nullptr) {
        result = Sharing::reserve(connection, context_, found.generation, *leg->share);
        if (result == Sharing::Result::taken) {
            leg->walk->add(key);
            if (leg->walk->is_full()) {
                home->walks().add(*std::exchange(leg->walk, nullptr));
            }
        }
    } else {
        result = Sharing::send(connection, context_, found.generation, *for_mail_);
    }
    --left_;
    if (aborts_full_ && (result == Sharing::Result::full || result == Sharing::Result::no_memory)) {
        // If there is no memory for this either, it stays open.
        static_cast<void>(connection.close(found.generation, CloseHow::abort));
    }
}

}  // namespace portico::net
