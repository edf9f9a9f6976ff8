/* Extension "portico.executor.draft/1": work that blocks, on helper threads of the instance.
 *
 * A callback that waits for a disk, a database or another machine holds up every connection of its
 * worker. Work given to run waits on a thread of its own instead, and its result comes back to the
 * connection's strand, where the connection may be used as in any other callback.
 *
 * The listener's "executor_threads" says how many threads the instance has, and so how many pieces
 * of work run at once. Up to "executor_queue" more may wait. The threads start when the instance
 * asks for this extension for the first time, so a plugin that never does has none. (NULL: the
 * system gives it none; the log says why.) Work begins in the order in which it was given.
 *
 * Each piece of work that run has accepted is done exactly once, whatever becomes of its
 * connection, and `done` follows exactly once. Its place is reserved, so neither can fail. destroy
 * waits for both. on_close does not: the connection may be gone when the work ends. */
#ifndef PORTICO_EXT_EXECUTOR_H
#define PORTICO_EXT_EXECUTOR_H

#include "../connection.h"
#include "../host.h"

#define PORTICO_EXT_EXECUTOR "portico.executor.draft/1"

PORTICO_EXTERN_C_BEGIN

/* The work itself. It runs on a helper thread, beside all callbacks, and may block. It may use the
 * host's functions, as any thread may. What they did to a connection takes effect there before
 * `done`. It must not use the connection's state: the connection may close meanwhile.
 *   self      what create stored
 *   argument  as given to run */
typedef void(PORTICO_CALL *portico_work_function)(void *self, void *argument);

typedef struct portico_executor {
    uint32_t struct_size;
    uint32_t reserved;

    /* [any] Runs `work` on a helper thread and then `done`, with what a posted function is told
     * (host.h):
     *   PORTICO_OK       on the connection's strand, before on_close, with the connection's state
     *   PORTICO_CLOSING  the connection has begun to close meanwhile, or is gone: on the instance's
     *                    strand, with state NULL, and perhaps after on_close. `connection` still
     *                    says which it was. Free `argument`.
     * With connection 0, `done` runs on the instance's strand, with state NULL, and with
     * PORTICO_CLOSING once the instance is about to end. Neither function is called inside this
     * call. Returns
     *   PORTICO_OK           Accepted.
     *   PORTICO_LIMIT        The queue is full ("executor_queue" of the listener). Try again when
     *                        some `done` has come, or tell the peer.
     *   PORTICO_GONE         The connection is closing (so in on_close) or gone, or another
     *                        instance's; with 0, the instance is about to end.
     *   PORTICO_INVALID      `work` or `done` is NULL.
     *   PORTICO_UNSUPPORTED  create has not returned yet, or this very instance has not asked for
     *                        the extension.
     *   PORTICO_NO_MEMORY */
    portico_status(PORTICO_CALL *run)(portico_instance *instance, portico_connection connection,
                                      portico_work_function work, portico_post_function done,
                                      void *argument);
} portico_executor;

PORTICO_EXTERN_C_END

#endif
