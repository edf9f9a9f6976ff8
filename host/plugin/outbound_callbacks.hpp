// The callbacks that a plugin gave for its outbound connections, as net calls them. callbacks.cpp
// has them, beside those of accepted connections.
#pragma once

#include "net/protocol.hpp"
#include "portico/plugin.h"

namespace portico::plugin {

class Instance;

class OutboundCallbacks final : public net::Protocol {
public:
    // `given` stays as it is, and where it is, as long as the instance lives.
    OutboundCallbacks(Instance& instance, const portico_callbacks& given) noexcept;

    [[nodiscard]] bool are(const portico_callbacks& given) const noexcept {
        return given_ == &given;
    }

    // ---- net::Protocol
    [[nodiscard]] bool on_open(net::Connection& connection,
                               std::uint32_t listen_index) noexcept override;
    [[nodiscard]] Answer on_data(net::Connection& connection, const Message& message,
                                 std::size_t& consumed) noexcept override;
    [[nodiscard]] Answer on_writable(net::Connection& connection) noexcept override;
    [[nodiscard]] Ending on_end(net::Connection& connection, const Ended& ended) noexcept override;
    [[nodiscard]] Ending on_drain(net::Connection& connection,
                                  const net::Draining& draining) noexcept override;
    void on_close(net::Connection& connection, const Closed& closed) noexcept override;
    void on_posted(net::Connection& connection, net::AnyFunction function, void* argument,
                   bool closing) noexcept override;
    void on_timer(net::Connection* connection, const net::TimerCall& call) noexcept override;
    void on_released(net::Connection& connection, net::AnyFunction release, void* argument,
                     bool is_sent) noexcept override;
    void ended(const net::Connection& connection) noexcept override;

private:
    Instance& instance_;
    const portico_callbacks* const given_;
    portico_callbacks
        callbacks_{};  // a copy: members that the plugin's version does not have are null
};

}  // namespace portico::plugin
