/* Extension "portico.send_owned.draft/1": sends without a copy. */
#ifndef PORTICO_EXT_SEND_OWNED_H
#define PORTICO_EXT_SEND_OWNED_H

#include "../connection.h"

#define PORTICO_EXT_SEND_OWNED "portico.send_owned.draft/1"

PORTICO_EXTERN_C_BEGIN

/* Says that the host no longer uses the memory of one send_owned. It comes exactly once for each
 * send_owned that returned PORTICO_OK: on the connection's strand, before on_close, and never
 * inside a host function. It comes even if on_open refuses the connection.
 *   self        what create stored
 *   connection  as given to send_owned
 *   state       what on_open stored; NULL if on_open refused the connection
 *   argument    as given to send_owned
 *   status      PORTICO_OK: the system has taken all the bytes. PORTICO_CLOSING: the connection has
 *               ended, and some of them were not sent.
 * It may call host functions, as any callback. */
typedef void(PORTICO_CALL *portico_release_function)(void *self, portico_connection connection,
                                                     void *state, void *argument,
                                                     portico_status status);

typedef struct portico_send_owned {
    uint32_t struct_size;
    uint32_t reserved;

    /* [any] Like send_parts, without a copy: the bytes must stay valid, and must not change, until
     * `release` is called. The array of parts is not needed after the call. Small parts may be
     * copied all the same. Until its release a send counts for about a kilobyte more than its
     * bytes, so `send` is better for small messages. Answers as send_parts, and PORTICO_INVALID if
     * release is NULL. If the answer is not PORTICO_OK, release is never called. */
    portico_status(PORTICO_CALL *send)(portico_instance *instance, portico_connection connection,
                                       const portico_part *parts, uint32_t count, uint32_t stride,
                                       portico_release_function release, void *argument);

    /* [connection] Reserves `size` bytes (1 to limits.max_send_bytes) of the send queue's own
     * memory, so that a reply can be written there at once. *data is the place, *buffer its number.
     * A callback has one reservation at a time: until commit or drop, a second reserve answers
     * PORTICO_INVALID. A reservation that is left when the callback returns is dropped. Nothing is
     * queued before commit; other sends simply go before it. Answers as send, and
     * PORTICO_UNSUPPORTED on a thread that does not run the connection's strand. */
    portico_status(PORTICO_CALL *reserve)(portico_instance *instance, portico_connection connection,
                                          uint64_t size, void **data, uint64_t *buffer);

    /* [connection] Sends the first `used` bytes of a reservation; 0 is a drop. Returns PORTICO_OK
     * (which ends the reservation), PORTICO_INVALID (more than was reserved; it stays),
     * PORTICO_GONE (this callback has no such reservation), or PORTICO_GONE or PORTICO_CLOSING as
     * send: then it is dropped. The queue is never too full for what was reserved. */
    portico_status(PORTICO_CALL *commit)(portico_instance *instance, uint64_t buffer,
                                         uint64_t used);

    /* [connection] Gives a reservation back. Returns PORTICO_OK, or PORTICO_GONE (this callback has
     * no such reservation). */
    portico_status(PORTICO_CALL *drop)(portico_instance *instance, uint64_t buffer);
} portico_send_owned;

PORTICO_EXTERN_C_END

#endif
