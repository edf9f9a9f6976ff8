/* What a plugin offers to the host: one table for each protocol. */
#ifndef PORTICO_PLUGIN_H
#define PORTICO_PLUGIN_H

#include "host.h"

PORTICO_EXTERN_C_BEGIN

/* Flags of a plugin. Unknown flags are an error: the plugin does not load. */
/* All connections, posts and timers of an instance are one strand: no two callbacks of the instance
 * ever run at once. */
#define PORTICO_PLUGIN_SERIAL 1u
/* Callbacks may block. The instance gets threads of its own ("blocking_threads" of its listener):
 * at most that many callbacks block at once, and only this instance's connections wait for them. */
#define PORTICO_PLUGIN_BLOCKING 2u
/* The library may be unloaded when its last instance is destroyed: it leaves no thread, no handler
 * and no thread-local destructor behind. Without this flag a library stays loaded until the process
 * ends. */
#define PORTICO_PLUGIN_UNLOADABLE 4u

/* Where the payload of a message lies in the bytes given to on_data. */
typedef struct portico_frame {
    uint32_t struct_size;
    uint32_t reserved;
    /* bytes of length prefix before it; 0 without framing or with a delimiter */
    uint64_t payload_offset;
    /* without the length prefix or the delimiter; without framing all the bytes */
    uint64_t payload_size;
} portico_frame;

/* Static and constant: the host keeps pointers into it for as long as the library is loaded.
 * create, destroy and on_data are required; what NULL means for the others is said at each.
 * Callbacks are called by the host only. In all of them `self` is what create stored, `state` what
 * on_open stored for the connection. */
typedef struct portico_plugin {
    uint32_t struct_size;
    uint32_t abi_major;    /* PORTICO_ABI_MAJOR of the headers it was built with */
    uint32_t abi_minor;    /* PORTICO_ABI_MINOR of the headers it was built with */
    uint32_t abi_required; /* the least minor version of the host that it can do with */
    uint32_t flags;        /* PORTICO_PLUGIN_... */
    uint32_t reserved;
    const char *name; /* 1 to 64 bytes, printable ASCII without spaces */
    uint64_t name_size;
    const char *version; /* the plugin's own, for the log: 0 to 64 such bytes */
    uint64_t version_size;

    /* [control] Checks the settings and does nothing else: no thread, no file, no memory kept.
     * `host check` calls it instead of create, with a host table whose functions answer
     * PORTICO_GONE but for now, log and get_extension. Arguments and answer as create's. NULL: not
     * checked. */
    portico_status(PORTICO_CALL *validate)(const portico_host *host, portico_instance *instance,
                                           const char *settings, uint64_t settings_size,
                                           char *error, uint64_t error_capacity);

    /* [control] Makes an instance for one listener, before that listens.
     *   host, instance  valid until destroy has returned
     *   settings        the listener's "settings" as one normalised JSON object, "{}" when there
     *                   are none
     *   error           zeroed room for the reason of a failure, UTF-8; the text ends at the first
     *                   zero byte or at error_capacity
     *   self            *self (NULL before) is handed to every callback; NULL is allowed
     * PORTICO_OK, or an error: the host logs the text and does not start. destroy is then not
     * called, the plugin keeps nothing, and `host` and `instance` are not used any more. Called for
     * each listener that names the plugin, and again when a program starts its server again. */
    portico_status(PORTICO_CALL *create)(const portico_host *host, portico_instance *instance,
                                         const char *settings, uint64_t settings_size, char *error,
                                         uint64_t error_capacity, void **self);

    /* [control] Ends the instance: every on_close and every posted function has returned, and host
     * functions may be called until this returns. The plugin's own threads must have ended (or end
     * here), and must not use the host's table afterwards. Called on another thread than create;
     * one that takes longer than the stop may (shutdown.drain_ms and a second) is cut off. */
    void(PORTICO_CALL *destroy)(void *self);

    /* [connection] A connection was accepted. *state (NULL before) is handed to the connection's
     * callbacks. An error refuses it: the connection is aborted, the plugin keeps nothing, and
     * nothing else is called for it (but functions that were posted to it meanwhile, with
     * PORTICO_CLOSING and state NULL). Host functions work on the connection here already: a
     *   greeting may be sent. NULL: accepts, state NULL. */
    portico_status(PORTICO_CALL *on_open)(void *self, portico_connection connection, void **state);

    /* [connection] Bytes have come: `size` (at least 1) at `data`, the host's until the callback
     * returns. Without framing: all that is there and was not consumed before. With framing: one
     * whole message, length prefix or delimiter included; frame says where its payload lies. At the
     * end of the stream what is left is offered once more (with framing: an incomplete message is
     * not offered).
     *   frame       never NULL
     *   *consumed   0 before; set it to the number of bytes (0 to size) that are done with,
     *               whatever the answer is. With framing it is all or nothing: a message counts as
     *               consumed when *consumed is not 0.
     * PORTICO_OK: without framing the rest waits for more bytes; with framing the message is done
     *   with, *consumed or not.
     * PORTICO_HOLD: reading stops. What is not consumed is offered again after on_writable or
     * resume_reading, even if nothing new came. One
     *   of the two must be on its way, by a send that answered PORTICO_WOULD_BLOCK or by the plugin's own doing: nothing else ends a hold.
     * An error, or more consumed than `size`: the connection is aborted (what is queued is lost),
     * on_close comes with PORTICO_REASON_PLUGIN_ERROR. Without framing fewer than
     * limits.unconsumed_bytes may be left by PORTICO_OK, else the connection is aborted. */
    portico_status(PORTICO_CALL *on_data)(void *self, portico_connection connection, void *state,
                                          const uint8_t *data, uint64_t size,
                                          const portico_frame *frame, uint64_t *consumed);

    /* [connection] After a send that answered PORTICO_WOULD_BLOCK: the queue is below its low
     * watermark. A PORTICO_HOLD ends before it (a pause does not), and on_data follows it with what
     * is left. An error aborts the connection. NULL: only ends the hold. */
    portico_status(PORTICO_CALL *on_writable)(void *self, portico_connection connection,
                                              void *state);

    /* [connection] The peer has finished sending; `remaining` bytes were never consumed (with
     * framing: of an incomplete message). The plugin may go on sending, and calls close within
     * limits.half_close_timeout_ms of this call, or the connection is aborted. Comes at most once,
     * behind the last on_data, and so not while reading is paused or held. An error aborts. NULL:
     * flush and close. */
    portico_status(PORTICO_CALL *on_end)(void *self, portico_connection connection, void *state,
                                         uint64_t remaining);

    /* [connection] The host is about to stop: finish what is under way and call close within
     * `deadline_ms`, or be cut off. Reading goes on. An error aborts. NULL: stop reading, flush,
     * close, at once. */
    portico_status(PORTICO_CALL *on_drain)(void *self, portico_connection connection, void *state,
                                           uint32_t deadline_ms);

    /* [connection] The connection is closed: the last callback for it, exactly once for each
     * on_open that accepted (or was NULL). Host functions answer PORTICO_GONE for it already.
     * `reason` is a PORTICO_REASON_... NULL: nothing to do. */
    void(PORTICO_CALL *on_close)(void *self, portico_connection connection, void *state,
                                 uint32_t reason);

    /* [any] The table of an extension that the plugin offers to the host, or NULL. Pure, and
     * without an instance: it may be called before create.
     * NULL: none. No extension of plugins is defined yet, and this host never asks. */
    const void *(PORTICO_CALL *get_extension)(const char *id, uint64_t id_size);
} portico_plugin;

/* What portico_plugin_query returns. Static and constant. Of several plugins a listener names one
 * as "FILE#NAME"; "FILE" alone is the only one, or the one of that name. Names differ, and every
 * table must be right: one that is not refuses the whole library. */
typedef struct portico_module {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t plugin_count; /* 1 to 256 */
    const portico_plugin *const *plugins;
} portico_module;

PORTICO_EXTERN_C_END

#endif
