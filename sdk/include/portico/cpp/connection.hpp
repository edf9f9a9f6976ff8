// A connection inside its own callbacks: `connection` adds to the handle what only the connection's
// strand may do, above all send_all, which sends replies of any size.
#ifndef PORTICO_CPP_CONNECTION_HPP
#define PORTICO_CPP_CONNECTION_HPP

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#if __cplusplus >= 202002L
#include <span>
#endif

#include "../events.h"
#include "../ext/connections.h"
#include "../ext/timer.h"
#include "../plugin.h"
#include "error.hpp"
#include "handle.hpp"

namespace portico {

using opened = portico_opened;
using ended = portico_ended;
using draining = portico_draining;
using closed = portico_closed;
using timer_event = portico_timer_event;

// What on_data says about the bytes that it was offered. on_data may also return nothing, which is
// all(), or what a send answered.
class flow {
public:
    // What a send answered: all is consumed, or nothing.
    flow(portico_status status) noexcept
        : consumed_(status < 0 ? 0 : everything), status_(status) {}

    // Done with all of it, or with the first `bytes`. Without framing the rest is offered again
    // together with what comes next; consumed(0) waits for more.
    static flow all() noexcept { return flow(everything, PORTICO_OK); }
    static flow consumed(std::uint64_t bytes) noexcept { return flow(bytes, PORTICO_OK); }
    // Stops reading until on_writable or resume(); the rest is offered again. Make sure that one of
    // them follows.
    static flow hold(std::uint64_t bytes = 0) noexcept { return flow(bytes, PORTICO_HOLD); }
    // The same until resume().
    static flow wait(std::uint64_t bytes = 0) noexcept { return flow(bytes, PORTICO_WAIT); }
    // Closes in order, after all that was sent, send_all's rest included.
    static flow close() noexcept { return flow(everything, closes); }
    // Aborts the connection.
    static flow error(portico_status status = PORTICO_ERROR) noexcept { return flow(0, status); }

    // Are all bytes done with, and nothing is wrong?
    bool is_done() const noexcept { return consumed_ == everything && status_ >= 0; }

    // The wrapper's part.
    static constexpr std::uint64_t everything = UINT64_MAX;
    static constexpr portico_status closes = 0x40000000;
    std::uint64_t consumed_bytes() const noexcept { return consumed_; }
    portico_status status() const noexcept { return status_; }

private:
    flow(std::uint64_t bytes, portico_status status) noexcept : consumed_(bytes), status_(status) {}

    std::uint64_t consumed_;
    portico_status status_;
};

// The bytes that on_data is offered. They are the host's, and valid until on_data returns.
class message {
public:
    message(const std::uint8_t *data, std::uint64_t size, const portico_frame &frame) noexcept
        : data_(data), size_(size), frame_(&frame) {}

    const std::uint8_t *data() const noexcept { return data_; }
    std::uint64_t size() const noexcept { return size_; }
    // All of it, with the framing's length prefix or delimiter.
    std::string_view bytes() const noexcept {
        return {reinterpret_cast<const char *>(data_), static_cast<std::size_t>(size_)};
    }
    // Without them. Unframed, it is the same.
    std::string_view payload() const noexcept {
        return bytes().substr(static_cast<std::size_t>(frame_->payload_offset),
                              static_cast<std::size_t>(frame_->payload_size));
    }
#if __cplusplus >= 202002L
    std::span<const std::uint8_t> span() const noexcept {
        return {data_, static_cast<std::size_t>(size_)};
    }
    std::span<const std::uint8_t> payload_span() const noexcept {
        return span().subspan(static_cast<std::size_t>(frame_->payload_offset),
                              static_cast<std::size_t>(frame_->payload_size));
    }
#endif
    // The first so many bytes were offered by the previous on_data and not consumed.
    std::uint64_t offered_before() const noexcept { return frame_->offered_before; }
    // The peer has finished sending, and these unframed bytes are all that is left.
    bool is_last() const noexcept { return (frame_->flags & PORTICO_FRAME_LAST) != 0; }

private:
    const std::uint8_t *data_;
    std::uint64_t size_;
    const portico_frame *frame_;
};

// A timer of a connection or an instance: a handle, so letting it go does not stop the timer.
// Connections and instances stop theirs when they end.
class timer {
public:
    timer() = default;
    timer(portico_status status, const portico_timers *table, portico_instance *instance,
          portico_timer id, bool is_periodic) noexcept
        : table_(table), instance_(instance), id_(id), status_(status), is_periodic_(is_periodic) {}

    // Was it started? Otherwise status() says why not: PORTICO_GONE, PORTICO_LIMIT,
    // PORTICO_NO_MEMORY, or PORTICO_UNSUPPORTED if this host has no timers.
    explicit operator bool() const noexcept { return id_ != 0; }
    portico_status status() const noexcept { return status_; }

    // Counts anew from now; a periodic timer takes it as its period too. PORTICO_GONE if the timer
    // is over.
    portico_status restart(std::uint32_t milliseconds) const noexcept {
        return id_ == 0 ? PORTICO_GONE
                        : table_->restart(instance_, id_, milliseconds,
                                          is_periodic_ ? std::max(milliseconds, 1u) : 0u);
    }
    portico_status cancel() const noexcept {
        return id_ == 0 ? PORTICO_GONE : table_->cancel(instance_, id_);
    }

private:
    const portico_timers *table_ = nullptr;
    portico_instance *instance_ = nullptr;
    portico_timer id_ = 0;
    portico_status status_ = PORTICO_GONE;
    bool is_periodic_ = false;
};

class connection;

namespace detail {

// What the wrapper knows of an instance. It stands before the plugin's object (plugin.hpp).
struct core {
    explicit core(const portico_setup &setup) noexcept
        : host(setup.host),
          instance(setup.instance),
          timers(static_cast<const portico_timers *>(setup.host->get_extension(
              setup.instance, PORTICO_EXT_TIMER, sizeof PORTICO_EXT_TIMER - 1))),
          connections(static_cast<const portico_connections *>(setup.host->get_extension(
              setup.instance, PORTICO_EXT_CONNECTIONS, sizeof PORTICO_EXT_CONNECTIONS - 1))),
          max_send_bytes(setup.max_send_bytes == 0 ? 1 : setup.max_send_bytes),
          is_framed(setup.framing != PORTICO_FRAMING_NONE) {}

    const portico_host *host;
    portico_instance *instance;
    const portico_timers *timers;            // nullptr: this host has none
    const portico_connections *connections;  // the same
    std::uint64_t max_send_bytes;
    bool is_framed;
};

// What send_all has accepted and the queue has not. It exists from a refused send to the first
// on_data after it is gone.
struct rest {
    std::string bytes;
    std::size_t begin = 0;
    // What the plugin has consumed since. The host is told only when the rest is gone: until then
    // its unconsumed bytes keep it from closing a connection that drains.
    std::uint64_t owed = 0;
    // `offered_before` of the first offer that the plugin was not shown
    std::uint64_t seen = UINT64_MAX;
    bool closes = false;    // then close
    bool finishes = false;  // then finish sending

    bool is_pending() const noexcept { return begin < bytes.size(); }
};

// What the wrapper keeps for a connection: the `state` of the C callbacks.
struct cell {
    explicit cell(core &owner) noexcept : core_(&owner) {}

    core *core_;
    std::uint64_t sent = 0;  // how many of the offered bytes send_all(message) has sent
    std::unique_ptr<rest> rest_;
};

}  // namespace detail

// Use it only on the connection's strand: in its callbacks, and in functions posted to it. Give
// other threads a connection_handle, to which it converts.
class connection : public connection_handle {
public:
    connection() = default;
    connection(const connection_handle &handle, detail::cell *cell) noexcept
        : connection_handle(handle), cell_(cell) {}

    // As the handle's; while send_all has a rest, they answer PORTICO_WOULD_BLOCK.
    portico_status send(const void *data, std::uint64_t size) const noexcept {
        return is_sending_rest() ? refusal() : connection_handle::send(data, size);
    }
    portico_status send(std::string_view bytes) const noexcept {
        return send(bytes.data(), bytes.size());
    }
    portico_status send_parts(std::initializer_list<part> parts) const noexcept {
        return send_parts(parts.begin(), parts.size());
    }
    portico_status send_parts(const part *parts, std::size_t count) const noexcept {
        return is_sending_rest() ? refusal() : connection_handle::send_parts(parts, count);
    }

    // Sends all of it, however much it is. What the queue does not take is kept here and follows by
    // itself; on_data and on_writable wait until it has gone. So the memory that a slow reader can
    // take is one callback's replies. An error is only PORTICO_NO_MEMORY: a connection that is gone
    // needs no reply.
    flow send_all(std::string_view bytes) const;

    // Sends what on_data was offered, without a copy: `return c.send_all(m);`. What the queue does
    // not take is not consumed, so on_data is called again with the same message, and must come
    // here again.
    flow send_all(const message &offered) const;

    // Close, and end the sending side, after send_all's rest.
    portico_status close() const noexcept {
        if (is_sending_rest()) {
            cell_->rest_->closes = true;
            return PORTICO_OK;
        }
        return connection_handle::close();
    }
    portico_status finish_sending() const noexcept {
        if (is_sending_rest()) {
            cell_->rest_->finishes = true;
            return PORTICO_OK;
        }
        return connection_handle::finish_sending();
    }

    // Has send_all a rest to send?
    bool is_sending_rest() const noexcept {
        return cell_ != nullptr && cell_->rest_ != nullptr && cell_->rest_->is_pending();
    }

    // Calls `function` once after so many milliseconds, or again and again (cpp/task.hpp). It runs
    // on the connection's strand and before on_close, so it may capture the session's `this`.
    template <class F>
    timer after(std::uint32_t milliseconds, F &&function) const;
    template <class F>
    timer every(std::uint32_t milliseconds, F &&function) const;

private:
    portico_status refusal() const noexcept {
        return cell_->rest_->closes     ? PORTICO_GONE
               : cell_->rest_->finishes ? PORTICO_CLOSING
                                        : PORTICO_WOULD_BLOCK;
    }

    detail::cell *cell_ = nullptr;  // nullptr: a posted function of a refused connection
};

namespace detail {

// Sends `bytes` from `begin` on in pieces that the host takes. PORTICO_OK: all of it, or the
// connection is gone.
inline portico_status send_pieces(const portico_host *host, portico_instance *instance,
                                  portico_connection id, std::string_view bytes,
                                  std::uint64_t piece_max, std::uint64_t &begin) noexcept {
    while (begin < bytes.size()) {
        const std::uint64_t piece = std::min<std::uint64_t>(bytes.size() - begin, piece_max);
        const portico_status status = host->send(instance, id, bytes.data() + begin, piece);
        if (status == PORTICO_GONE || status == PORTICO_CLOSING) {
            begin = bytes.size();
            return PORTICO_OK;
        }
        if (status != PORTICO_OK) {
            return status;
        }
        begin += piece;
    }
    return PORTICO_OK;
}

// What send_all does if one send is not enough.
PORTICO_DETAIL_RARE inline flow send_or_keep(cell &c, portico_connection id,
                                             std::string_view bytes) {
    const core &owner = *c.core_;
    const bool has_rest = c.rest_ != nullptr && c.rest_->is_pending();
    std::uint64_t begin = 0;
    if (has_rest && c.rest_->closes) {
        return flow::all();
    }
    if (!has_rest) {
        const portico_status status = send_pieces(owner.host, owner.instance, id, bytes,
                                                  owner.max_send_bytes, begin);
        if (status != PORTICO_WOULD_BLOCK) {
            return status == PORTICO_OK ? flow::all() : flow::error(status);
        }
    }
    if (c.rest_ == nullptr) {
        c.rest_ = std::make_unique<rest>();
    }
    c.rest_->bytes.append(bytes.substr(static_cast<std::size_t>(begin)));
    return flow::all();
}

PORTICO_DETAIL_RARE inline flow send_offered_pieces(cell &c, portico_connection id,
                                                    std::string_view bytes) {
    const core &owner = *c.core_;
    if (c.rest_ != nullptr) {  // something large goes first
        const std::string_view left = bytes.substr(static_cast<std::size_t>(c.sent));
        c.sent = 0;
        return send_or_keep(c, id, left);
    }
    const portico_status status = send_pieces(owner.host, owner.instance, id, bytes,
                                              owner.max_send_bytes, c.sent);
    if (status == PORTICO_OK) {
        c.sent = 0;
        return flow::all();
    }
    return status == PORTICO_WOULD_BLOCK ? flow::hold() : flow::error(status);
}

}  // namespace detail

inline flow connection::send_all(std::string_view bytes) const {
    if (cell_ == nullptr) {
        return flow::all();
    }
    if (cell_->rest_ == nullptr && bytes.size() <= cell_->core_->max_send_bytes) {
        const portico_status status = host_->send(instance_, id_, bytes.data(), bytes.size());
        if (status == PORTICO_OK) {
            return flow::all();
        }
    }
    return detail::send_or_keep(*cell_, id_, bytes);
}

inline flow connection::send_all(const message &offered) const {
    if (cell_->rest_ == nullptr && cell_->sent == 0 &&
        offered.size() <= cell_->core_->max_send_bytes) {
        return flow(host_->send(instance_, id_, offered.data(), offered.size()));
    }
    return detail::send_offered_pieces(*cell_, id_, offered.bytes());
}

}  // namespace portico

#endif
