/* A connection, as a plugin names it. */
#ifndef PORTICO_CONNECTION_H
#define PORTICO_CONNECTION_H

#include "status.h"

PORTICO_EXTERN_C_BEGIN

/* A handle: never 0, never used again in the life of a server. A stale one, or one of another
 * instance or server, answers
 * PORTICO_GONE wherever it is used. It may be kept and copied as long as one likes. */
typedef uint64_t portico_connection;

/* One address as text, "192.0.2.1:5000" or "[2001:db8::1]:5000", not terminated. */
typedef struct portico_address_text {
    uint32_t size; /* bytes used of `text` */
    uint32_t reserved;
    char text[72];
} portico_address_text;

typedef struct portico_connection_info {
    /* the caller's sizeof, stays. The host fills in up to the smaller size: zero the rest before */
    uint32_t struct_size;
    uint32_t listener_name_size; /* bytes used of listener_name */
    portico_address_text peer;
    portico_address_text local;
    /* accepted by send and not yet taken by the system; other threads' calls on their way add a few
     * dozen each */
    uint64_t queued_bytes;
    char listener_name[64]; /* cut at 64 bytes; not terminated */
} portico_connection_info;

PORTICO_EXTERN_C_END

#endif
