/* What a plugin offers to the host: one table for each protocol. */
#ifndef PORTICO_PLUGIN_H
#define PORTICO_PLUGIN_H

#include "events.h"
#include "host.h"

PORTICO_EXTERN_C_BEGIN

/* Flags of a plugin. A plugin with an unknown flag in `flags` does not load; unknown
 * `optional_flags` are ignored. */
/* All connections, posts and timers of an instance are one strand: no two of its callbacks ever run
 * at once. */
#define PORTICO_PLUGIN_SERIAL 1u
/* Callbacks may block. The instance gets threads of its own (its listener's "blocking_threads"): at
 * most that many callbacks block at once, and only this instance's connections wait for them. */
#define PORTICO_PLUGIN_BLOCKING 2u
/* The library may be unloaded after its last instance is destroyed: it leaves no thread, no handler
 * and no thread-local destructor behind. Without this flag it stays loaded until the process
 * ends. */
#define PORTICO_PLUGIN_UNLOADABLE 4u

/* Ways in which the host cuts a connection's bytes into messages: the key "framing" of a listener.
 * A plugin combines those that it can serve; a listener has one. A host ignores bits that it does
 * not know, and refuses the plugin only if none is left. */
#define PORTICO_FRAMING_ANY 0u  /* later ones too: rely on portico_frame's payload alone */
#define PORTICO_FRAMING_NONE 1u /* bytes as they come */
#define PORTICO_FRAMING_DELIMITER 2u
#define PORTICO_FRAMING_LENGTH_PREFIX 4u

/* `mode` of portico_setup. Another value means what the called function's name says. */
#define PORTICO_SETUP_CREATE 1u   /* create: the instance will serve */
#define PORTICO_SETUP_VALIDATE 2u /* validate: only the settings are checked */
#define PORTICO_SETUP_RELOAD 3u   /* create, beside an older instance that still serves */

/* What create and validate are given. Everything in it is the host's, and valid until the call
 * returns, unless its member says otherwise. */
typedef struct portico_setup {
    uint32_t struct_size;
    uint32_t mode;                       /* PORTICO_SETUP_... */
    const portico_host *host;            /* until the process ends */
    portico_instance *instance;          /* until the process ends */
    const struct portico_plugin *plugin; /* its own table; while the library is loaded */
    /* The listener's "settings" as one normalised JSON object; "{}" if there are none. */
    const char *settings;
    uint64_t settings_size;
    const char *listener_name; /* UTF-8 */
    uint64_t listener_name_size;
    /* Zeroed room for the reason of a failure, UTF-8. The text ends at the first zero byte or at
     * error_capacity, which is at least 256. */
    char *error;
    uint64_t error_capacity;
    /* worker_index is below this as long as the instance lives. */
    uint32_t worker_count;
    uint32_t framing; /* the listener's: one of PORTICO_FRAMING_..., not ANY */
    /* The largest message that send takes: limits.max_send_bytes. */
    uint64_t max_send_bytes;
    /* send refuses at send_high_bytes, and on_writable comes below send_low_bytes. */
    uint64_t send_high_bytes;
    uint64_t send_low_bytes;
    /* With framing: framing.max_bytes, the longest payload. Without: limits.unconsumed_bytes, which
     * on_data must not leave unconsumed. */
    uint64_t max_message_bytes;
} portico_setup;

/* The callbacks of a connection. Static and constant: the host keeps pointers into it while the
 * library is loaded. on_data is required; each other function says what NULL means. `self` is
 * always what create stored, `state` what on_open stored for the connection. A negative status
 * aborts the connection, except for answers of a send (status.h). */
typedef struct portico_callbacks {
    uint32_t struct_size;
    uint32_t reserved;

    /* [connection] The connection is ready for the protocol. Its callbacks get *state (NULL
     * before). Host functions already work on it: a greeting may be sent. Any negative status
     * refuses the connection, PORTICO_GONE too: it is aborted, and the plugin keeps nothing. No
     * other callback follows for it, except the last calls of what was posted, started or sent on
     * it meanwhile, with PORTICO_CLOSING and state NULL. NULL: accepts, with state NULL. */
    portico_status(PORTICO_CALL *on_open)(void *self, portico_connection connection,
                                          const portico_opened *opened, void **state);

    /* [connection] Bytes have come: `size` (at least 1) at `data`. They are the host's, and valid
     * until the callback returns. Without framing: all bytes that have come and were not consumed
     * before. With framing: one whole message with its length prefix or delimiter; `frame` says
     * where its payload lies. When the stream ends, what is left is offered once more (with
     * framing, an incomplete message is not).
     *   frame       never NULL
     *   *consumed   0 before. Set it to the number of bytes (0 to size) that you are done with,
     *               whatever you return (PORTICO_WOULD_BLOCK ignores it). With framing it is all or
     *               nothing: a message counts as consumed if *consumed is not 0.
     * Returns
     *   PORTICO_OK    Without framing: the rest waits for more bytes. With framing: the message is
     *                 done with, whatever *consumed says.
     *   PORTICO_HOLD  Reading stops. What is not consumed is offered again after on_writable or
     *                 resume_reading, even if nothing new came. Nothing else ends a hold, so make
     *                 sure that one follows: a send returned PORTICO_WOULD_BLOCK, or the plugin
     *                 calls resume_reading.
     *   PORTICO_WAIT  Like PORTICO_HOLD, but only resume_reading ends it.
     *   PORTICO_WOULD_BLOCK
     *                 Like PORTICO_HOLD with *consumed 0, if a send on this connection was refused
     *                 and its on_writable is still to come; otherwise an error. So a plugin that
     *                 answers a message with one send may return what send answered. If part of the
     *                 offer was answered, set *consumed and return PORTICO_HOLD instead. If a send
     *                 on another connection was refused, return PORTICO_HOLD or PORTICO_WAIT and
     *                 resume later.
     *   PORTICO_GONE, PORTICO_CLOSING
     *                 Like PORTICO_OK.
     *   an error      The connection is aborted and its queue is lost; on_close comes with
     *                 PORTICO_REASON_PLUGIN_ERROR. The same happens if *consumed is above `size`.
     * Without framing, PORTICO_OK must leave fewer than limits.unconsumed_bytes, or the connection
     * is aborted. */
    portico_status(PORTICO_CALL *on_data)(void *self, portico_connection connection, void *state,
                                          const uint8_t *data, uint64_t size,
                                          const portico_frame *frame, uint64_t *consumed);

    /* [connection] A send returned PORTICO_WOULD_BLOCK, and now the queue is below its low
     * watermark. It may come early: the queue can be full again. A PORTICO_HOLD ends before this
     * call (a pause or a PORTICO_WAIT does not), and on_data follows it with what is left. NULL:
     * only ends the hold. */
    portico_status(PORTICO_CALL *on_writable)(void *self, portico_connection connection,
                                              void *state);

    /* [connection] The peer has finished sending. The plugin may go on sending. It must call close
     * within limits.half_close_timeout_ms of this call, or the connection is aborted. Comes at most
     * once, after the last on_data, and so not while reading is paused or held. NULL: flush and
     * close. */
    portico_status(PORTICO_CALL *on_end)(void *self, portico_connection connection, void *state,
                                         const portico_ended *ended);

    /* [connection] The connection should end soon: finish your work and call close before
     * draining->deadline_ns, when it is cut off. Reading goes on. It may come again, with another
     * reason or an earlier deadline; that an operator undoes a drain is not announced. NULL: with
     * PORTICO_DRAIN_STOP and PORTICO_DRAIN_ADMIN the host offers what has arrived, waits for the
     * end of a hold, flushes and closes; with the others it does nothing. */
    portico_status(PORTICO_CALL *on_drain)(void *self, portico_connection connection, void *state,
                                           const portico_draining *draining);

    /* [connection] The connection is closed. This is its last callback, and comes exactly once for
     * each on_open that accepted (or was NULL), and for each outbound connection. `info` still
     * works; other host functions answer PORTICO_GONE for it. NULL: nothing to do. */
    void(PORTICO_CALL *on_close)(void *self, portico_connection connection, void *state,
                                 const portico_closed *closed);
} portico_callbacks;

/* Static and constant: the host keeps pointers into it while the library is loaded. create, destroy
 * and callbacks are required; each other function says what NULL means. Only the host calls these
 * functions. */
typedef struct portico_plugin {
    uint32_t struct_size;
    uint32_t abi_major;      /* PORTICO_ABI_MAJOR of the headers it was built with */
    uint32_t abi_minor;      /* PORTICO_ABI_MINOR of the headers it was built with */
    uint32_t abi_required;   /* the oldest minor version of a host that suffices */
    uint32_t flags;          /* PORTICO_PLUGIN_...; an unknown one refuses the plugin */
    uint32_t optional_flags; /* hints that a host may not know; none is defined yet */
    uint32_t framing;        /* PORTICO_FRAMING_...: the listeners that it can serve */
    uint32_t reserved;
    const char *name; /* 1 to 64 bytes, printable ASCII without spaces */
    uint64_t name_size;
    const char *version; /* the plugin's own, for the log: 0 to 64 bytes of the same kind */
    uint64_t version_size;

    /* [control] Checks the settings and does nothing else: it starts no thread, opens no file and
     * keeps no memory. `host check` calls it instead of create. Of its host table only now, log and
     * get_extension work; the others answer PORTICO_GONE. It returns what create would. NULL: the
     * settings are not checked. */
    portico_status(PORTICO_CALL *validate)(const portico_setup *setup);

    /* [control] Makes an instance for one listener, before the listener opens. Every callback gets
     * *self (NULL before); it may stay NULL. Returns PORTICO_OK or an error. After an error the
     * host logs the text in setup->error and does not start: destroy is not called, and the plugin
     * keeps nothing. Called for each listener that names the plugin, and again if a program
     * restarts its server. Two instances of one listener may live at once, so take nothing that
     * only one can have. Functions posted meanwhile run after it has returned. */
    portico_status(PORTICO_CALL *create)(const portico_setup *setup, void **self);

    /* [instance] The instance will end: by a stop, a reload or a take-over. Comes at most once,
     * before the first on_drain with such a reason, and not if the instance never served.
     * Connections that are open still serve. Tell the plugin's own threads to finish. A later stop
     * may bring the deadline forward; only on_drain tells that. A negative status is logged and has
     * no other effect. NULL: nothing to do. */
    portico_status(PORTICO_CALL *on_stop)(void *self, const portico_draining *draining);

    /* [control] Ends the instance. Every on_close and every posted function has returned. Host
     * functions may be called until this returns. The plugin's own threads must have ended, or end
     * here. It may run on another thread than create. If it takes longer than the stop may
     * (shutdown.drain_ms and a second), the process ends without waiting for it. */
    void(PORTICO_CALL *destroy)(void *self);

    /* [any] Returns the table of an extension that the plugin offers to the host, or NULL. Pure:
     * it needs no instance and may be called before create. NULL: no extensions. No extension of
     * plugins is defined yet, and this host never asks. */
    const void *(PORTICO_CALL *get_extension)(const char *id, uint64_t id_size);

    const portico_callbacks *callbacks; /* of accepted connections */
} portico_plugin;

/* What portico_plugin_query returns. Static and constant. A listener names one of several plugins
 * as "FILE#NAME". "FILE" alone means the only plugin, or the one with the file's name. Names must
 * differ. Only the chosen plugin's table is checked. These 16 bytes are the same in every version;
 * what follows them belongs to the version that they name. */
typedef struct portico_module {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t plugin_count; /* 1 to 256 */
    const portico_plugin *const *plugins;
} portico_module;

PORTICO_EXTERN_C_END

#endif
