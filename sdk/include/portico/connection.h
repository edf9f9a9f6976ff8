/* A connection as a plugin sees it. */
#ifndef PORTICO_CONNECTION_H
#define PORTICO_CONNECTION_H

#include "status.h"

PORTICO_EXTERN_C_BEGIN

/* A handle. It is never 0 and never used again while the server lives. Every function that takes
 * it answers PORTICO_GONE if it is stale, or belongs to another instance or server. It may be kept
 * and copied for any length of time. */
typedef uint64_t portico_connection;

/* One address as text, not terminated: "192.0.2.1:5000" or "[2001:db8::1]:5000". */
typedef struct portico_address_text {
    uint32_t size; /* bytes used of `text` */
    uint32_t reserved;
    char text[72];
} portico_address_text;

typedef struct portico_connection_info {
    /* The caller's sizeof; the host does not change it. The host fills in up to the smaller of the
     * two sizes: zero the structure first. */
    uint32_t struct_size;
    uint32_t listener_name_size; /* bytes used of listener_name */
    portico_address_text peer;
    portico_address_text local;
    /* Accepted by send and not yet taken by the system. A call from another thread that is still
     * on its way adds a few dozen. */
    uint64_t queued_bytes;
    char listener_name[64]; /* cut at 64 bytes, not terminated */
} portico_connection_info;

PORTICO_EXTERN_C_END

#endif
