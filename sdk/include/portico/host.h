/* What the host offers to a plugin: one table, passed to create and validate. */
#ifndef PORTICO_HOST_H
#define PORTICO_HOST_H

#include "connection.h"

PORTICO_EXTERN_C_BEGIN

/* `how` of close. */
/* Flushes, shuts down the sending side, and discards what comes until the peer's end or
 * limits.close_timeout_ms. */
#define PORTICO_CLOSE_GRACEFUL 0u
#define PORTICO_CLOSE_ABORT 1u /* reset the connection; what is queued is lost */

/* `level` of log. Other values count as PORTICO_LOG_INFO. */
#define PORTICO_LOG_TRACE 0u
#define PORTICO_LOG_DEBUG 1u
#define PORTICO_LOG_INFO 2u
#define PORTICO_LOG_WARN 3u
#define PORTICO_LOG_ERROR 4u

/* send_parts takes at most so many parts. */
#define PORTICO_PARTS_MAX 1024u

/* [connection], for post_instance [instance]. A function given to post or post_instance. It runs
 * exactly once, as a callback of the instance.
 *   self        what create stored
 *   connection  the connection it was posted to; 0 for post_instance
 *   state       what on_open stored; NULL for post_instance, or if on_open refused the connection
 *               after the post
 *   argument    as posted
 *   status      PORTICO_OK, or PORTICO_CLOSING if the connection or the instance has begun to close
 *               meanwhile. Free `argument` in either case. If create fails after a post_instance,
 *               status is PORTICO_CLOSING and self is NULL. */
typedef void(PORTICO_CALL *portico_post_function)(void *self, portico_connection connection,
                                                  void *state, void *argument,
                                                  portico_status status);

/* Valid until the process ends. Each function takes the instance's handle first. After destroy (or
 * validate) has returned, the functions answer PORTICO_GONE, except that `now` still works, `log`
 * does nothing, worker_index returns UINT32_MAX and get_extension NULL. */
typedef struct portico_host {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t reserved;
    const char *version; /* of the host program, for the log: "MAJOR.MINOR.PATCH" */
    uint64_t version_size;

    /* [any] Copies and queues `size` bytes. Calls on one connection take effect in the order in
     * which they were made, if one had returned before the other began. Returns
     *   PORTICO_OK           Queued. They are delivered unless the connection fails, is aborted, or
     *                        meets a deadline; portico_closed tells how many were not.
     *   PORTICO_WOULD_BLOCK  Nothing was queued: at least limits.send_queue_bytes are queued. One
     *                        on_writable follows when the queue is below its low watermark (one for
     *                        any number of refusals), unless the connection begins to close. (Each
     *                        send from another thread counts for a few dozen bytes more until it
     *                        reaches the connection's strand.)
     *   PORTICO_TOO_LARGE    `size` is above limits.max_send_bytes.
     *   PORTICO_CLOSING      finish_sending was called.
     *   PORTICO_INVALID      `data` is NULL and `size` is not 0.
     *   PORTICO_GONE, PORTICO_NO_MEMORY
     * A size of 0 queues nothing and returns what one byte would. */
    portico_status(PORTICO_CALL *send)(portico_instance *instance, portico_connection connection,
                                       const void *data, uint64_t size);

    /* [any] Like send, for the concatenation of `count` parts: it queues all of them or nothing,
     * and no other thread's bytes come between. `stride` is sizeof(portico_part). The array is read
     * during the call only. All parts together obey limits.max_send_bytes. Answers as send, and
     * PORTICO_INVALID if count is 0 or above PORTICO_PARTS_MAX, or stride is wrong (abi.h). */
    portico_status(PORTICO_CALL *send_parts)(portico_instance *instance,
                                             portico_connection connection,
                                             const portico_part *parts, uint32_t count,
                                             uint32_t stride);

    /* [any] Ends the sending side after what is queued: the peer reads the end of the stream.
     * Reading goes on. Later sends return PORTICO_CLOSING. A second call does nothing. Returns
     * PORTICO_OK, PORTICO_GONE or PORTICO_NO_MEMORY. */
    portico_status(PORTICO_CALL *finish_sending)(portico_instance *instance,
                                                 portico_connection connection);

    /* [any] Begins to close, `how` as above. on_close follows later, on the connection's strand.
     * Functions posted before still run. An on_data that has already begun goes on; no other
     * follows. Returns PORTICO_OK, PORTICO_INVALID, PORTICO_NO_MEMORY, or PORTICO_GONE if closing
     * has already begun (except that an abort may follow a graceful close, once). */
    portico_status(PORTICO_CALL *close)(portico_instance *instance, portico_connection connection,
                                        uint32_t how);

    /* [any] Stop and restart on_data, and with it on_end. After a pause, an on_data that had
     * already begun may still follow, but only one, and only if the pause came from outside the
     * connection's callbacks. Pauses do not count: one resume ends any number of them. It also ends
     * PORTICO_HOLD and PORTICO_WAIT, and what is left is offered again. If it comes while on_data
     * runs, that call's PORTICO_HOLD or PORTICO_WAIT has no effect: the bytes that it leaves are
     * offered again on the strand's next turn. One that was made just before may end the hold too,
     * so a hold may end early. While reading is stopped, the peer's end or reset
     * need not be noticed. Both return PORTICO_OK, PORTICO_GONE or PORTICO_NO_MEMORY. */
    portico_status(PORTICO_CALL *pause_reading)(portico_instance *instance,
                                                portico_connection connection);
    portico_status(PORTICO_CALL *resume_reading)(portico_instance *instance,
                                                 portico_connection connection);

    /* [any] Runs `function` on the connection's strand. After PORTICO_OK it runs exactly once,
     * before on_close and never inside this call. After an error it never runs: PORTICO_GONE,
     * PORTICO_INVALID (function NULL), PORTICO_LIMIT (65,536 posts of this instance already wait),
     * PORTICO_NO_MEMORY. */
    portico_status(PORTICO_CALL *post)(portico_instance *instance, portico_connection connection,
                                       portico_post_function function, void *argument);

    /* [any] Runs `function` on the instance's own strand: serial with other functions posted this
     * way, concurrent with the connections' callbacks (with PORTICO_PLUGIN_SERIAL, serial with them
     * too). After PORTICO_OK it runs exactly once, before destroy. Errors are those of post;
     * PORTICO_GONE once the last connection is closed and destroy is about to be called. */
    portico_status(PORTICO_CALL *post_instance)(portico_instance *instance,
                                                portico_post_function function, void *argument);

    /* [any] Fills in *info; set info->struct_size first. Returns PORTICO_OK, PORTICO_INVALID (info
     * NULL, or struct_size below 8), PORTICO_NO_MEMORY, or PORTICO_GONE. In the connection's own
     * callbacks, on_close included, it always works; elsewhere it answers PORTICO_GONE once closing
     * has begun. */
    portico_status(PORTICO_CALL *info)(portico_instance *instance, portico_connection connection,
                                       portico_connection_info *info);

    /* [any] Returns the host's monotonic clock, in nanoseconds. */
    uint64_t(PORTICO_CALL *now)(portico_instance *instance);

    /* [any] Writes one line to the host's log, with the listener's name and, unless it is 0, the
     * connection's number. A stale connection does no harm. Control bytes are escaped, and the line
     * is cut at 4,096 bytes. A NULL text writes nothing. Never blocks: if the log's queue is full,
     * a line is dropped and counted. */
    void(PORTICO_CALL *log)(portico_instance *instance, portico_connection connection,
                            uint32_t level, const char *text, uint64_t size);

    /* [any] Returns the number of the server's worker thread that runs this, from 0 to
     * portico_setup's worker_count - 1, on the threads of a blocking instance too. Callbacks that
     * run at the same time have different numbers. On every other thread, and so in create,
     * validate and destroy, it returns UINT32_MAX. */
    uint32_t(PORTICO_CALL *worker_index)(portico_instance *instance);

    /* [any] Returns the table of an extension (such as PORTICO_EXT_TIMER), or NULL if this host
     * does not have it. It is valid as long as this table. */
    const void *(PORTICO_CALL *get_extension)(portico_instance *instance, const char *id,
                                              uint64_t id_size);
} portico_host;

PORTICO_EXTERN_C_END

#endif
