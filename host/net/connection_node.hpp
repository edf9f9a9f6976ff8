// What a worker knows of a connection: that it can be on a list, and be attended to.
#pragma once

#include "base/intrusive.hpp"

namespace portico::net {

class ConnectionNode : public base::Link {
public:
    // The end of a strand's turn: sends what is queued. True when the connection is over: then release() follows, when the strand's turn has ended.
    [[nodiscard]] virtual bool attend() noexcept = 0;
    // Gives the slot back. The connection is not touched afterwards.
    virtual void release() noexcept = 0;

protected:
    ~ConnectionNode() = default;
};

}  // namespace portico::net
