/* Extension "portico.connections.draft/1": the connections of an instance, and groups of them.
 *
 * A group is a number of the plugin's choice, and exists as long as it has a member. A connection
 * is a member from join to leave, or until it begins to close. A broadcast makes one copy of its
 * bytes, which all members share. */
#ifndef PORTICO_EXT_CONNECTIONS_H
#define PORTICO_EXT_CONNECTIONS_H

#include "../connection.h"

#define PORTICO_EXT_CONNECTIONS "portico.connections.draft/1"

/* `when_full` of broadcast: what becomes of a member whose send queue is full. */
#define PORTICO_WHEN_FULL_SKIP 0u  /* it misses these bytes; no on_writable follows */
#define PORTICO_WHEN_FULL_ABORT 1u /* its connection is aborted */

PORTICO_EXTERN_C_BEGIN

typedef struct portico_connections {
    uint32_t struct_size;
    uint32_t reserved;

    /* [any] Stores up to `capacity` of the connections that the instance's listener accepted at
     * `connections`, and their number in *count. (Those that the plugin made, with ext/connect.h,
     * are not among them.) Begin with *cursor 0; the call moves it on for the next one. If *count
     * is below `capacity`, these were the last. Each connection comes once at most. One that is
     * open from before the first call to after the last one comes; of the others some do. Among
     * them may be one whose on_open has not been called yet, or refuses. Returns PORTICO_OK,
     * PORTICO_GONE or PORTICO_INVALID (a NULL, or a capacity of 0). */
    portico_status(PORTICO_CALL *list)(portico_instance *instance, uint64_t *cursor,
                                       portico_connection *connections, uint32_t capacity,
                                       uint32_t *count);

    /* [any] Makes the connection a member of the group, which is not 0. If it is one already, that
     * is PORTICO_OK too. Broadcasts that begin after the call reach it. Returns PORTICO_OK,
     * PORTICO_GONE (also while closing), PORTICO_INVALID, PORTICO_LIMIT (1,024 groups of one
     * connection), PORTICO_NO_MEMORY. */
    portico_status(PORTICO_CALL *join)(portico_instance *instance, portico_connection connection,
                                       uint64_t group);

    /* [any] Ends a membership. If there is none, that is PORTICO_OK too. Broadcasts that begin
     * after the call do not reach the connection; what it was sent before stays in its queue.
     * Returns PORTICO_OK, PORTICO_GONE (also while closing: it is no member any more) or
     * PORTICO_INVALID (group 0). */
    portico_status(PORTICO_CALL *leave)(portico_instance *instance, portico_connection connection,
                                        uint64_t group);

    /* [any] Sends the concatenation of `count` parts to each member of the group (0: to each
     * connection that list finds; one that is about to open may get it after its on_open), except
     * to the connection `except` (0: to all). The parts are copied once. To each member it is like
     * a send_parts: the bytes are one message, they stay in order with the other calls for that
     * connection, and a close that follows flushes them. There is one difference: a member whose
     * queue is full, or for which there is no memory, is treated as `when_full` says (which may
     * abort one that is about to open, if broadcasts to all have filled its queue). Members that
     * are closing, or whose sending side has ended, get nothing. In a member's queue the bytes
     * count for about a kilobyte more until they are sent. Returns
     *   PORTICO_OK         also if the group has no member, or none of them had room
     *   PORTICO_TOO_LARGE  the parts are above limits.max_send_bytes
     *   PORTICO_INVALID    the parts (as for send_parts), or when_full
     *   PORTICO_GONE, PORTICO_NO_MEMORY (nobody gets anything)
     * Two broadcasts that run at the same time may reach two members in different orders. */
    portico_status(PORTICO_CALL *broadcast)(portico_instance *instance, uint64_t group,
                                            portico_connection except, const portico_part *parts,
                                            uint32_t count, uint32_t stride, uint32_t when_full);
} portico_connections;

PORTICO_EXTERN_C_END

#endif
