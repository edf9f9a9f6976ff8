// An operation that knows its owner and calls the owner's handler when it completes.
#pragma once

#include "io/operation.hpp"

namespace portico::client {

// `pending` lasts until the owner's handler runs. That is longer than in_flight, because one wait
// of the port returns several completions.
template <class Owner, class Kind>
struct Owned : Kind {
    Owner* owner = nullptr;
    bool pending = false;
};

template <auto handler, class Owner, class Kind>
void prepare(Owned<Owner, Kind>& operation, Owner& owner) noexcept {
    operation.owner = &owner;
    operation.completed = [](io::Operation& completed) {
        auto& owned = static_cast<Owned<Owner, Kind>&>(completed);
        owned.pending = false;
        (owned.owner->*handler)();
    };
}

}  // namespace portico::client
