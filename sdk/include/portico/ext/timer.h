/* Extension "portico.timer.draft/1": timers of a connection or of an instance.
 *
 * A timer calls its function on the strand of its connection or instance, serial with the other
 * callbacks there. It is never early. It is late by what the strand and its worker have to do
 * before; an idle worker is at most 1 ms late.
 *
 * Each timer ends with exactly one last call. It has the flag PORTICO_TIMER_LAST, and it is the
 * place to free `argument`:
 *   - a timer without period: its only call, with PORTICO_OK
 *   - a cancelled timer: with PORTICO_CANCELLED
 *   - if the connection closes, or the instance ends: with PORTICO_CLOSING. It comes before
 *     on_close (or destroy), and with state NULL if on_open refused the connection. Once the
 *     connection has begun to close, no call with PORTICO_OK begins.
 * A periodic timer's calls with PORTICO_OK are not its last. If several periods have passed before
 * a call, one call stands for all of them, and the following ones keep the rhythm. */
#ifndef PORTICO_EXT_TIMER_H
#define PORTICO_EXT_TIMER_H

#include "../connection.h"

#define PORTICO_EXT_TIMER "portico.timer.draft/1"

PORTICO_EXTERN_C_BEGIN

/* A timer. It is never 0 and never used again while the server lives; after the timer's last call
 * has begun, every function answers PORTICO_GONE for it. */
typedef uint64_t portico_timer;

/* `flags` of portico_timer_event. */
/* No call of this timer follows, so `argument` may be freed. Every timer has exactly one such call.
 */
#define PORTICO_TIMER_LAST 1u

/* A call of a timer. The host sets struct_size, and the structure is valid until the function
 * returns. */
typedef struct portico_timer_event {
    uint32_t struct_size;
    uint32_t flags;      /* PORTICO_TIMER_... */
    portico_timer timer; /* as start stored it */
    /* PORTICO_OK: when it was due, by the host's clock (`now`); if the call stands for several
     * periods, the first of these instants. Else 0. */
    uint64_t due_ns;
    portico_status status; /* PORTICO_OK, or PORTICO_CANCELLED or PORTICO_CLOSING for a last call */
    /* PORTICO_OK: how often it was due, which this call stands for. It is 1, or more if a periodic
     * timer's call came late by whole periods. Else 0. */
    uint32_t periods;
} portico_timer_event;

/*   self        what create stored
 *   connection  the connection; 0 for a timer of the instance
 *   state       what on_open stored; NULL for a timer of the instance
 *   argument    as given to start
 *   event       why it is called */
typedef void(PORTICO_CALL *portico_timer_function)(void *self, portico_connection connection,
                                                   void *state, void *argument,
                                                   const portico_timer_event *event);

typedef struct portico_timers {
    uint32_t struct_size;
    uint32_t reserved;

    /* [any] Starts a timer on `connection` (0: on the instance). It is due after `first_ms`, and
     * then every `period_ms` (0: once). `function` is never called inside this call. *timer (NULL:
     * not wanted) is stored before the first call. Returns PORTICO_OK, PORTICO_GONE (also while
     * closing, and in on_close), PORTICO_INVALID (function NULL), PORTICO_LIMIT (16 million timers
     * of this server run), PORTICO_NO_MEMORY. */
    portico_status(PORTICO_CALL *start)(portico_instance *instance, portico_connection connection,
                                        uint32_t first_ms, uint32_t period_ms,
                                        portico_timer_function function, void *argument,
                                        portico_timer *timer);

    /* [any] Starts a running timer anew, with these times. Cheap enough for every message. From the
     * strand it also prevents a call that was due and has not begun; from elsewhere one such call
     * may still come. Returns PORTICO_OK, PORTICO_NO_MEMORY, or PORTICO_GONE if the timer's last
     * call has begun or is certain, because it was cancelled or its owner closes. */
    portico_status(PORTICO_CALL *restart)(portico_instance *instance, portico_timer timer,
                                          uint32_t first_ms, uint32_t period_ms);

    /* [any] Ends a timer: its last call follows soon, with PORTICO_CANCELLED, never inside this
     * call. After a cancel on the strand no call with PORTICO_OK comes; after one from elsewhere at
     * most one that had already begun. Returns PORTICO_OK, or PORTICO_GONE as restart does; a
     * second cancel returns that too. Cancelling from inside the timer's own call works for a
     * periodic timer. */
    portico_status(PORTICO_CALL *cancel)(portico_instance *instance, portico_timer timer);
} portico_timers;

PORTICO_EXTERN_C_END

#endif
