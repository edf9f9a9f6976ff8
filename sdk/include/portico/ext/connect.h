/* Extension "portico.connect.draft/1": connections that the plugin makes to other servers.
 *
 * An outbound connection is a connection like an accepted one: the same host functions and
 * extensions work on it, and its callbacks are serial. It has callbacks and a state of its own. */
#ifndef PORTICO_EXT_CONNECT_H
#define PORTICO_EXT_CONNECT_H

#include "../plugin.h"

#define PORTICO_EXT_CONNECT "portico.connect.draft/1"

PORTICO_EXTERN_C_BEGIN

/* Where to connect to, and what the connection is to be. Either `upstream` or `address` is given,
 * and the other one is NULL. The texts are read during the call only. */
typedef struct portico_target {
    uint32_t struct_size;
    /* How long the connect may take, over all addresses. 0: the upstream's connect_timeout_ms;
     * 5,000 without an upstream. */
    uint32_t timeout_ms;
    /* A name among the listener's "upstreams". It brings the upstream's addresses, framing and
     * limits. */
    const char *upstream;
    uint64_t upstream_size;
    /* "192.0.2.1:5000", "[2001:db8::1]:5000", or "5000" for 127.0.0.1; no name of a host. Then
     * there is no framing, and the listener's limits count. The connection takes one of the places
     * of its limits.connections. */
    const char *address;
    uint64_t address_size;
    /* A connection of this instance for which the new one is made. Both live on one worker, so that
     * what one receives need not wake another thread to be sent on the other. If the upstream has
     * "send_proxy", its header names the peer of this connection. 0: the host chooses, in a
     * callback the callback's own worker; and the header says that the connection is for nobody. */
    portico_connection beside;
    /* Static and constant, as those of the plugin; on_data is required. on_drain is never called.
     * NULL members mean what they mean for accepted connections. */
    const portico_callbacks *callbacks;
    /* What every callback and posted function gets as state, from the first one on. on_open finds
     * it in *state and may replace it. */
    void *state;
} portico_target;

/* What the configuration says of an upstream: the counterparts of the members of portico_setup. */
typedef struct portico_upstream {
    /* The caller's sizeof; the host does not change it. The host fills in the members that it
     * knows, and zeroes the rest. */
    uint32_t struct_size;
    uint32_t framing; /* one of PORTICO_FRAMING_..., not ANY */
    uint64_t max_send_bytes;
    uint64_t send_high_bytes;
    uint64_t send_low_bytes;
    uint64_t max_message_bytes;
    uint32_t connections_max;
    uint32_t connect_timeout_ms;
} portico_upstream;

typedef struct portico_connect {
    uint32_t struct_size;
    uint32_t reserved;

    /* [any] Begins to connect. *connection is the new connection; it is stored before its first
     * callback, which is never inside this call.
     *
     * After PORTICO_OK exactly one on_close comes, whatever fails. on_open comes before it, with
     * PORTICO_ORIGIN_CONNECTED, once the connection is made. If it is not made there is no on_open,
     * and on_close names PORTICO_REASON_CONNECT_FAILED or PORTICO_REASON_CONNECT_TIMEOUT. If
     * on_open returns a negative status, the connection is aborted, and on_close names
     * PORTICO_REASON_PLUGIN_ERROR and that status.
     *
     * Meanwhile the connection can be used: what is sent is queued within the limits and leaves
     * when the connection is made, posted functions and timers run. A graceful close ends it at
     * once if nothing is queued; otherwise the queue still goes out, and on_open does not come.
     *
     * In a stop, an instance may connect until its last accepted connection has ended. Then its
     * outbound connections flush and close with PORTICO_REASON_DRAIN.
     *
     * Returns
     *   PORTICO_OK
     *   PORTICO_INVALID      connection NULL; a wrong struct_size; neither or both of upstream and
     *                        address; an address that is none; callbacks NULL or unsound
     *   PORTICO_NOT_FOUND    the listener has no such upstream
     *   PORTICO_LIMIT        the upstream (or, for an address, the listener) has as many
     *                        connections as its limits.connections; or this is the 257th table of
     *                        callbacks
     *   PORTICO_GONE         the instance ends, or `beside` does not exist any more
     *   PORTICO_UNSUPPORTED  in create
     *   PORTICO_NO_MEMORY */
    portico_status(PORTICO_CALL *connect)(portico_instance *instance, const portico_target *target,
                                          portico_connection *connection);

    /* [any] What an upstream is. Works in create and validate too, so that a plugin can refuse a
     * setting that names none. Returns PORTICO_OK, PORTICO_NOT_FOUND, PORTICO_INVALID (a NULL, or a
     * struct_size that is none) or PORTICO_GONE. */
    portico_status(PORTICO_CALL *find)(portico_instance *instance, const char *upstream,
                                       uint64_t upstream_size, portico_upstream *found);
} portico_connect;

PORTICO_EXTERN_C_END

#endif
