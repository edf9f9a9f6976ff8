/* A connection as a plugin sees it. */
#ifndef PORTICO_CONNECTION_H
#define PORTICO_CONNECTION_H

#include "status.h"

PORTICO_EXTERN_C_BEGIN

/* A handle. It is never 0 and never used again while the server lives. Every function that takes
 * it answers PORTICO_GONE if it is stale, or belongs to another instance or server. It may be kept
 * and copied for any length of time. */
typedef uint64_t portico_connection;

/* `data` may be NULL if `size` is 0. */
typedef struct portico_part {
    const void *data;
    uint64_t size; /* bytes */
} portico_part;

/* `family` of an address. The numbers are the ABI's own, not the system's. If it is another one,
 * use only the text. */
#define PORTICO_ADDRESS_UNKNOWN 0u
#define PORTICO_ADDRESS_UNIX 1u /* reserved: port and bytes are 0, the text is "unix:PATH" */
#define PORTICO_ADDRESS_IPV4 4u
#define PORTICO_ADDRESS_IPV6 6u

/* Its 160 bytes are final. */
typedef struct portico_address {
    uint32_t family;    /* PORTICO_ADDRESS_... */
    uint16_t port;      /* in the machine's byte order */
    uint16_t text_size; /* bytes used of `text`, at most 127 */
    uint8_t bytes[16];  /* in network order; IPv4 uses the first 4, the others are 0 */
    uint32_t scope;     /* IPv6: the scope id (RFC 4007); else 0 */
    uint32_t reserved;
    char text[128]; /* "192.0.2.1:5000" or "[2001:db8::1]:5000"; a zero byte follows */
} portico_address;

typedef struct portico_connection_info {
    /* The caller's sizeof; the host does not change it. The host fills in the members that it
     * knows, and zeroes the rest. */
    uint32_t struct_size;
    uint32_t reserved;
    portico_address peer;
    portico_address local;
    /* Accepted by send and not yet taken by the system. A call from another thread that is still
     * on its way adds a few dozen. */
    uint64_t queued_bytes;
} portico_connection_info;

PORTICO_EXTERN_C_END

#endif
