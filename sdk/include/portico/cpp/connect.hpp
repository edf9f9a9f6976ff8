// Connections to other servers (ext/connect.h). The session of such a connection is made by the
// connect, and destroyed after its on_close, which comes whatever fails:
//
//     struct backend {
//         explicit backend(portico::connection_handle c) : client(c) {}
//         void on_open(portico::connection c);             // it is connected; may be missing
//         portico::flow on_data(portico::message m) { return client.send(m.bytes()); }
//         void on_close(const portico::closed &how);       // also if it was never connected
//         portico::connection_handle client;
//     };
//     portico::connected c = plugin.connect<backend>(portico::target::upstream("db"), client);
//     if (c) c.connection.send("hello");                   // leaves when it is connected
//
// A session has the callbacks that plugin.hpp names, except on_drain, and on_open with these
// parameters. What follows the target is for its constructor. If connect does not succeed, the
// session is destroyed, and no callback comes.
#ifndef PORTICO_CPP_CONNECT_HPP
#define PORTICO_CPP_CONNECT_HPP

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "../ext/connect.h"
#include "callbacks.hpp"
#include "handle.hpp"

namespace portico {

// Where to connect to. The text must live until the connect has returned.
class target {
public:
    // One of the listener's "upstreams".
    static target upstream(std::string_view name) noexcept {
        target made;
        made.raw_.upstream = name.data();
        made.raw_.upstream_size = name.size();
        return made;
    }
    // A literal address with its port.
    static target address(std::string_view text) noexcept {
        target made;
        made.raw_.address = text.data();
        made.raw_.address_size = text.size();
        return made;
    }
    // For this connection: on its worker.
    target beside(const connection_handle &other) const noexcept {
        target made = *this;
        made.raw_.beside = other.id();
        return made;
    }
    target within(std::uint32_t milliseconds) const noexcept {
        target made = *this;
        made.raw_.timeout_ms = milliseconds;
        return made;
    }

    const portico_target &raw() const noexcept { return raw_; }

private:
    target() noexcept : raw_{} { raw_.struct_size = sizeof raw_; }

    portico_target raw_;
};

// What a connect has answered: connect.h says which statuses there are. PORTICO_UNSUPPORTED also
// means that this host has no such extension.
struct connected {
    portico_status status = PORTICO_UNSUPPORTED;
    connection_handle connection;  // PORTICO_OK: the new one

    explicit operator bool() const noexcept { return status == PORTICO_OK; }
};

namespace detail {

inline const portico_connect *connect_table(const portico_host *host,
                                            portico_instance *instance) noexcept {
    return static_cast<const portico_connect *>(
        host->get_extension(instance, PORTICO_EXT_CONNECT, sizeof PORTICO_EXT_CONNECT - 1));
}

// The limits of such a connection are its upstream's, so its cell has a core of its own.
template <class S>
struct outbound_cell : cell {
    template <class... Arguments>
    explicit outbound_cell(const core &owner, Arguments &&...arguments)
        : cell(own), own(owner), session(std::forward<Arguments>(arguments)...) {}

    core own;
    S session;
};

// Static and constant, as the host wants them.
template <class P, class S>
inline constexpr portico_callbacks outbound_callbacks =
    entry<P, S, outbound_cell<S>>::make_outbound_callbacks();

template <class P, class S, class... Arguments>
connected connect(const core &owner, const target &to, Arguments &&...arguments) {
    const portico_connect *const table = connect_table(owner.host, owner.instance);
    if (table == nullptr) {
        return {};
    }
    portico_target raw = to.raw();
    auto made = std::make_unique<outbound_cell<S>>(owner, std::forward<Arguments>(arguments)...);
    made->own.is_framed = false;
    if (raw.upstream != nullptr) {
        portico_upstream known{};
        known.struct_size = sizeof known;
        const portico_status status = table->find(owner.instance, raw.upstream, raw.upstream_size,
                                                  &known);
        if (status != PORTICO_OK) {
            return {status, {}};
        }
        made->own.max_send_bytes = known.max_send_bytes;
        made->own.is_framed = known.framing != PORTICO_FRAMING_NONE;
    }
    raw.callbacks = &outbound_callbacks<P, S>;
    raw.state = static_cast<cell *>(made.get());
    portico_connection id = 0;
    const portico_status status = table->connect(owner.instance, &raw, &id);
    if (status != PORTICO_OK) {
        return {status, {}};
    }
    (void)made.release();  // on_close may have freed it already
    return {status, {owner.host, owner.instance, id}};
}

}  // namespace detail

inline std::optional<portico_upstream> instance_handle::find_upstream(
    std::string_view name) const noexcept {
    const portico_connect *const table = detail::connect_table(host_, instance_);
    portico_upstream known{};
    known.struct_size = sizeof known;
    return table != nullptr &&
                   table->find(instance_, name.data(), name.size(), &known) == PORTICO_OK
               ? std::optional<portico_upstream>(known)
               : std::nullopt;
}

}  // namespace portico

#endif
