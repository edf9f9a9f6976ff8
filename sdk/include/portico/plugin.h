/* What a plugin offers to the host: one table for each protocol. */
#ifndef PORTICO_PLUGIN_H
#define PORTICO_PLUGIN_H

#include "host.h"

PORTICO_EXTERN_C_BEGIN

/* Flags of a plugin. A plugin with an unknown flag does not load. */
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

/* Where a message's payload lies in the bytes given to on_data. */
typedef struct portico_frame {
    uint32_t struct_size;
    uint32_t reserved;
    /* The bytes of length prefix before it; 0 without framing or with a delimiter. */
    uint64_t payload_offset;
    /* Without the length prefix or the delimiter; all the bytes if there is no framing. */
    uint64_t payload_size;
} portico_frame;

/* Static and constant: the host keeps pointers into it while the library is loaded. create, destroy
 * and on_data are required; each other function says what NULL means. Only the host calls these
 * functions. `self` is always what create stored, `state` what on_open stored for the
 * connection. */
typedef struct portico_plugin {
    uint32_t struct_size;
    uint32_t abi_major;    /* PORTICO_ABI_MAJOR of the headers it was built with */
    uint32_t abi_minor;    /* PORTICO_ABI_MINOR of the headers it was built with */
    uint32_t abi_required; /* the oldest minor version of a host that suffices */
    uint32_t flags;        /* PORTICO_PLUGIN_... */
    uint32_t reserved;
    const char *name; /* 1 to 64 bytes, printable ASCII without spaces */
    uint64_t name_size;
    const char *version; /* the plugin's own, for the log: 0 to 64 bytes of the same kind */
    uint64_t version_size;

    /* [control] Checks the settings and does nothing else: it starts no thread, opens no file and
     * keeps no memory. `host check` calls it instead of create. Of its host table only now, log and
     * get_extension work; the others answer PORTICO_GONE. Arguments and result are those of create.
     * NULL: the settings are not checked. */
    portico_status(PORTICO_CALL *validate)(const portico_host *host, portico_instance *instance,
                                           const char *settings, uint64_t settings_size,
                                           char *error, uint64_t error_capacity);

    /* [control] Makes an instance for one listener, before the listener opens.
     *   host, instance  valid until destroy has returned
     *   settings        the listener's "settings" as one normalised JSON object; "{}" if there are
     *                   none
     *   error           zeroed room for the reason of a failure, UTF-8; the text ends at the first
     *                   zero byte or at error_capacity
     *   self            every callback gets *self (NULL before); it may stay NULL
     * Returns PORTICO_OK or an error. After an error the host logs the text and does not start:
     * destroy is not called, and the plugin keeps nothing and uses `host` and `instance` no more.
     * Called for each listener that names the plugin, and again if a program restarts its
     * server. */
    portico_status(PORTICO_CALL *create)(const portico_host *host, portico_instance *instance,
                                         const char *settings, uint64_t settings_size, char *error,
                                         uint64_t error_capacity, void **self);

    /* [control] Ends the instance. Every on_close and every posted function has returned. Host
     * functions may be called until this returns. The plugin's own threads must have ended (or end
     * here) and must not use the host's table afterwards. It runs on another thread than create. If
     * it takes longer than the stop may (shutdown.drain_ms and a second), it is cut off. */
    void(PORTICO_CALL *destroy)(void *self);

    /* [connection] A connection was accepted. Its callbacks get *state (NULL before). Host
     * functions already work on it: a greeting may be sent. An error refuses the connection: it is
     * aborted, and the plugin keeps nothing. No other callback follows for it, except functions
     * posted to it meanwhile, with PORTICO_CLOSING and state NULL. NULL: accepts, with state
     * NULL. */
    portico_status(PORTICO_CALL *on_open)(void *self, portico_connection connection, void **state);

    /* [connection] Bytes have come: `size` (at least 1) at `data`. They are the host's, and valid
     * until the callback returns. Without framing: all bytes that have come and were not consumed
     * before. With framing: one whole message with its length prefix or delimiter; `frame` says
     * where its payload lies. When the stream ends, what is left is offered once more (with
     * framing, an incomplete message is not).
     *   frame       never NULL
     *   *consumed   0 before. Set it to the number of bytes (0 to size) that you are done with,
     *               whatever you return. With framing it is all or nothing: a message counts as
     *               consumed if *consumed is not 0.
     * Returns
     *   PORTICO_OK    Without framing: the rest waits for more bytes. With framing: the message is
     *                 done with, whatever *consumed says.
     *   PORTICO_HOLD  Reading stops. What is not consumed is offered again after on_writable or
     *                 resume_reading, even if nothing new came. Nothing else ends a hold, so make
     *                 sure that one follows: a send returned PORTICO_WOULD_BLOCK, or the plugin
     *                 calls resume_reading.
     *   an error      The connection is aborted and its queue is lost; on_close comes with
     *                 PORTICO_REASON_PLUGIN_ERROR. The same happens if *consumed is above `size`.
     * Without framing, PORTICO_OK must leave fewer than limits.unconsumed_bytes, or the connection
     * is aborted. */
    portico_status(PORTICO_CALL *on_data)(void *self, portico_connection connection, void *state,
                                          const uint8_t *data, uint64_t size,
                                          const portico_frame *frame, uint64_t *consumed);

    /* [connection] A send returned PORTICO_WOULD_BLOCK, and now the queue is below its low
     * watermark. A PORTICO_HOLD ends before this call (a pause does not), and on_data follows it
     * with what is left. An error aborts the connection. NULL: only ends the hold. */
    portico_status(PORTICO_CALL *on_writable)(void *self, portico_connection connection,
                                              void *state);

    /* [connection] The peer has finished sending; `remaining` bytes were never consumed (with
     * framing: those of an incomplete message). The plugin may go on sending. It must call close
     * within limits.half_close_timeout_ms of this call, or the connection is aborted. Comes at most
     * once, after the last on_data, and so not while reading is paused or held. An error aborts.
     * NULL: flush and close. */
    portico_status(PORTICO_CALL *on_end)(void *self, portico_connection connection, void *state,
                                         uint64_t remaining);

    /* [connection] The host is about to stop: finish your work and call close within `deadline_ms`,
     * or the connection is cut off. Reading goes on. An error aborts. NULL: stop reading, flush and
     * close at once. */
    portico_status(PORTICO_CALL *on_drain)(void *self, portico_connection connection, void *state,
                                           uint32_t deadline_ms);

    /* [connection] The connection is closed. This is its last callback, and comes exactly once for
     * each on_open that accepted (or was NULL). Host functions already answer PORTICO_GONE for it.
     * `reason` is a PORTICO_REASON_... value. NULL: nothing to do. */
    void(PORTICO_CALL *on_close)(void *self, portico_connection connection, void *state,
                                 uint32_t reason);

    /* [any] Returns the table of an extension that the plugin offers to the host, or NULL. Pure:
     * it needs no instance and may be called before create. NULL: no extensions. No extension of
     * plugins is defined yet, and this host never asks. */
    const void *(PORTICO_CALL *get_extension)(const char *id, uint64_t id_size);
} portico_plugin;

/* What portico_plugin_query returns. Static and constant. A listener names one of several plugins
 * as "FILE#NAME". "FILE" alone means the only plugin, or the one with the file's name. Names must
 * differ. One wrong table refuses the whole library. */
typedef struct portico_module {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t plugin_count; /* 1 to 256 */
    const portico_plugin *const *plugins;
} portico_module;

PORTICO_EXTERN_C_END

#endif
