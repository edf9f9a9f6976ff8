/* Extension "portico.send_owned.draft/1": sends without a copy. */
#ifndef PORTICO_EXT_SEND_OWNED_H
#define PORTICO_EXT_SEND_OWNED_H

#include "../connection.h"

#define PORTICO_EXT_SEND_OWNED "portico.send_owned.draft/1"

PORTICO_EXTERN_C_BEGIN

/* Says that the host no longer uses the memory of one send_owned. It comes exactly once for each
 * send_owned that returned PORTICO_OK, on the connection's strand, before on_close, and never
 * inside a host function.
 *   self        what create stored
 *   connection  as given to send_owned
 *   argument    as given to send_owned
 *   status      PORTICO_OK: the system has taken all the bytes. PORTICO_CLOSING: the connection has
 *               ended, and some of them were not sent. */
typedef void(PORTICO_CALL *portico_release_function)(void *self, portico_connection connection,
                                                     void *argument, portico_status status);

typedef struct portico_send_owned {
    uint32_t struct_size;
    uint32_t reserved;

    /* [any] Like send_parts, without a copy: the bytes must not change, and must stay valid, until
     * `release` is called. Small parts may be copied all the same. `count` is 1 to 1,024. Answers
     * as send_parts, and PORTICO_INVALID if release is NULL. Then release is not called. */
    portico_status(PORTICO_CALL *send)(portico_instance *instance, portico_connection connection,
                                       const portico_part *parts, uint32_t count, uint32_t stride,
                                       portico_release_function release, void *argument);

    /* [connection] Reserves `size` bytes (1 to limits.max_send_bytes) in the send queue's own
     * memory, so that a reply can be written there at once. *data is the place, *buffer its number.
     * A connection has one reservation at a time: until commit or drop, every other send on it, and
     * a second reserve, answers PORTICO_INVALID. It must end before the callback returns; the host
     * drops it otherwise, and logs that. Answers as send, and PORTICO_UNSUPPORTED on a thread that
     * does not run the connection's strand. */
    portico_status(PORTICO_CALL *reserve)(portico_instance *instance, portico_connection connection,
                                          uint64_t size, void **data, uint64_t *buffer);

    /* [connection] Sends the first `used` bytes of a reservation; 0 is a drop. Returns PORTICO_OK,
     * PORTICO_GONE (no such reservation) or PORTICO_INVALID (more than was reserved; it stays). */
    portico_status(PORTICO_CALL *commit)(portico_instance *instance, uint64_t buffer,
                                         uint64_t used);

    /* [connection] Gives a reservation back. Returns PORTICO_OK or PORTICO_GONE. */
    portico_status(PORTICO_CALL *drop)(portico_instance *instance, uint64_t buffer);
} portico_send_owned;

PORTICO_EXTERN_C_END

#endif
