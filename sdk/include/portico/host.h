/* What the host offers to a plugin: one table, handed to create and validate. */
#ifndef PORTICO_HOST_H
#define PORTICO_HOST_H

#include "connection.h"

PORTICO_EXTERN_C_BEGIN

/* `how` of close. */
#define PORTICO_CLOSE_GRACEFUL \
    0u /* flush, shut down the sending side, read and discard until the peer's end or close_timeout_ms */
#define PORTICO_CLOSE_ABORT 1u /* reset the connection; what is queued is lost */

/* `level` of log. Other values count as PORTICO_LOG_INFO. */
#define PORTICO_LOG_TRACE 0u
#define PORTICO_LOG_DEBUG 1u
#define PORTICO_LOG_INFO 2u
#define PORTICO_LOG_WARN 3u
#define PORTICO_LOG_ERROR 4u

/* A function handed to post or post_instance. It runs exactly once, as a callback of the instance.
 *   self        what create stored
 *   connection  the connection it was posted to; 0 for post_instance
 *   state       what on_open stored; NULL for post_instance, and when on_open refused the
 *               connection after the post
 *   argument    as posted
 *   status      PORTICO_OK, or PORTICO_CLOSING when the connection or the instance has begun to
 *               close meanwhile. Clean `argument` up in either case. When create failed after a
 *               post_instance, status is PORTICO_CLOSING and self NULL. */
typedef void(PORTICO_CALL *portico_post_function)(void *self, portico_connection connection,
                                                  void *state, void *argument,
                                                  portico_status status);

/* Valid until destroy (or validate) has returned. Every function takes the instance's handle first.
 * */
typedef struct portico_host {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t reserved;
    const char *version; /* of the host program, for the log: "MAJOR.MINOR.PATCH" */
    uint64_t version_size;

    /* [any] Queues `size` bytes (copied) to be sent, behind all that this thread queued before on
     * this connection.
     * PORTICO_OK: queued. They are delivered unless the connection fails, is aborted, or meets a
     *   deadline.
     * PORTICO_WOULD_BLOCK: nothing was queued, since at least limits.send_queue_bytes are queued
     * already. (Until a send
     *   from another thread has reached the connection's strand, it counts for a few dozen bytes more than it has.) Exactly one
     *   on_writable follows (for any number of refusals before it) when the queue is below its low watermark, or on_close.
     * PORTICO_TOO_LARGE: `size` is above limits.max_send_bytes. PORTICO_CLOSING: after
     *   finish_sending. PORTICO_GONE, PORTICO_NO_MEMORY,
     * PORTICO_INVALID (data NULL and size not 0). A size of 0 queues nothing and answers what one
     *   byte would be answered. */
    portico_status(PORTICO_CALL *send)(portico_instance *instance, portico_connection connection,
                                       const void *data, uint64_t size);

    /* [any] Ends the sending side behind what is queued: the peer reads the end of the stream;
     * reading goes on. Later sends answer PORTICO_CLOSING. A second call does nothing. PORTICO_OK,
     * PORTICO_GONE, PORTICO_NO_MEMORY. */
    portico_status(PORTICO_CALL *finish_sending)(portico_instance *instance,
                                                 portico_connection connection);

    /* [any] Begins to close, `how` as above; on_close follows, later and on the connection's
     * strand. Functions posted before still run; of on_data at most one call that had already begun
     * is still under way. PORTICO_OK; PORTICO_GONE when closing has begun already, but that an
     * abort may follow a graceful close, once. PORTICO_INVALID, PORTICO_NO_MEMORY. */
    portico_status(PORTICO_CALL *close)(portico_instance *instance, portico_connection connection,
                                        uint32_t how);

    /* [any] Stops and restarts on_data, and with it on_end. After a pause from elsewhere than the
     * connection's own callbacks at most one on_data that had already begun follows. Pauses do not
     * count: one resume ends any number of them, offers what is left, and also ends a PORTICO_HOLD
     * that was answered before; inside the very on_data that answers PORTICO_HOLD it comes too
     * early and does nothing. While reading is stopped the peer's end or reset is not noticed,
     * unless a send fails. PORTICO_OK, PORTICO_GONE, PORTICO_NO_MEMORY. */
    portico_status(PORTICO_CALL *pause_reading)(portico_instance *instance,
                                                portico_connection connection);
    portico_status(PORTICO_CALL *resume_reading)(portico_instance *instance,
                                                 portico_connection connection);

    /* [any] Runs `function` on the connection's strand. PORTICO_OK: it runs exactly once, before
     * on_close, never inside this call. Else it never runs: PORTICO_GONE, PORTICO_INVALID (function
     * NULL), PORTICO_LIMIT (65,536 posts of this instance wait), PORTICO_NO_MEMORY. */
    portico_status(PORTICO_CALL *post)(portico_instance *instance, portico_connection connection,
                                       portico_post_function function, void *argument);

    /* [any] Runs `function` on the instance's own strand: serial with the other functions posted
     * so, concurrent with the connections' callbacks (not so with PORTICO_PLUGIN_SERIAL: there all
     * of them are serial). PORTICO_OK: it runs exactly once, before destroy. Else as post;
     * PORTICO_GONE once the last connection is closed and the instance is about to be destroyed. */
    portico_status(PORTICO_CALL *post_instance)(portico_instance *instance,
                                                portico_post_function function, void *argument);

    /* [any] Fills in *info; set info->struct_size first. PORTICO_OK; PORTICO_GONE, also while
     * closing: who needs the peer's address in on_close keeps it from on_open; PORTICO_INVALID
     * (info NULL, struct_size below 8), PORTICO_NO_MEMORY. */
    portico_status(PORTICO_CALL *info)(portico_instance *instance, portico_connection connection,
                                       portico_connection_info *info);

    /* [any] The host's monotonic clock, in nanoseconds. */
    uint64_t(PORTICO_CALL *now)(portico_instance *instance);

    /* [any] Writes one line to the host's log, with the listener's name. Control bytes are escaped;
     * more than 4,096 bytes are cut. A text of NULL writes nothing. Never blocks: when the log's
     * queue is full a line is dropped and counted. */
    void(PORTICO_CALL *log)(portico_instance *instance, uint32_t level, const char *text,
                            uint64_t size);

    /* [connection] Which of the server's worker threads this is, from 0; for posted functions too.
     * UINT32_MAX on every other thread, and so in create, validate and destroy. */
    uint32_t(PORTICO_CALL *worker_index)(portico_instance *instance);

    /* [any] The table of an extension ("portico.settings/1"), or NULL when this host does not have
     * it. Valid as long as this table. */
    const void *(PORTICO_CALL *get_extension)(portico_instance *instance, const char *id,
                                              uint64_t id_size);
} portico_host;

PORTICO_EXTERN_C_END

#endif
