/* Extension "portico.resolve.draft/1": the addresses of a name.
 *
 * The system's resolver may wait for a name server for many seconds, so no callback may call it.
 * The host calls it on threads of its own and brings the answer to the strand. */
#ifndef PORTICO_EXT_RESOLVE_H
#define PORTICO_EXT_RESOLVE_H

#include "../connection.h"
#include "../status.h"

#define PORTICO_EXT_RESOLVE "portico.resolve.draft/1"

PORTICO_EXTERN_C_BEGIN

typedef uint64_t portico_request;

/* The answer to a request. The host sets struct_size; all of it is valid until the function
 * returns. */
typedef struct portico_resolved {
    uint32_t struct_size;
    /* PORTICO_OK           there are addresses
     * PORTICO_NOT_FOUND    the name has none
     * PORTICO_TIMED_OUT    no answer within timeout_ms
     * PORTICO_ERROR        the name could not be looked up: no name server has answered, ...
     * PORTICO_CANCELLED    cancel was called
     * PORTICO_CLOSING      the connection or instance has begun to close
     * PORTICO_NO_MEMORY */
    portico_status status;
    portico_request request; /* as resolve stored it */
    /* PORTICO_OK: `count` addresses, at least one, each `stride` bytes after the one before, in the
     * order in which the system would try them (RFC 6724). Each has the port that was asked for,
     * and its text is one that connect takes. Else NULL. */
    const portico_address *addresses;
    uint32_t count;
    uint32_t stride;
} portico_resolved;

/*   self        what create stored
 *   connection  as given to resolve; 0 for a request of the instance
 *   state       what on_open stored; NULL for a request of the instance
 *   argument    as given to resolve */
typedef void(PORTICO_CALL *portico_resolved_function)(void *self, portico_connection connection,
                                                      void *state, void *argument,
                                                      const portico_resolved *resolved);

typedef struct portico_resolve {
    uint32_t struct_size;
    uint32_t reserved;

    /* [any] Looks up `name`: "db.internal:5432", with a port from 1 to 65535, which is handed
     * through. A literal address is its own answer. After PORTICO_OK `function` is called exactly
     * once: on the connection's strand and before its on_close; for connection 0 on the instance's
     * strand and before destroy. It is never called inside this call. *request (NULL: not wanted)
     * is stored before. `timeout_ms`: the longest time from this call to the answer; 0: 5,000.
     *
     * Requests do not wait for each other, but an instance has four lookups under way at most, and
     * 1,024 may wait.
     *
     * Returns
     *   PORTICO_OK
     *   PORTICO_INVALID      name or function NULL; a name without a port, or that is none
     *   PORTICO_GONE         the connection is gone or closing, or the instance ends
     *   PORTICO_LIMIT        too many requests wait, or too many posts or timers
     *   PORTICO_UNSUPPORTED  in create; or the system gives no thread
     *   PORTICO_NO_MEMORY */
    portico_status(PORTICO_CALL *resolve)(portico_instance *instance, portico_connection connection,
                                          const char *name, uint64_t name_size, uint32_t timeout_ms,
                                          portico_resolved_function function, void *argument,
                                          portico_request *request);

    /* [any] The function's call follows soon, with PORTICO_CANCELLED, never inside this call.
     * Returns PORTICO_OK, or PORTICO_GONE if its call has begun or is certain. */
    portico_status(PORTICO_CALL *cancel)(portico_instance *instance, portico_request request);
} portico_resolve;

PORTICO_EXTERN_C_END

#endif
