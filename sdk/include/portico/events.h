/* What a callback is told: one structure for each kind of event. Structures can grow at their end,
 * argument lists cannot. The host sets struct_size, and a structure is valid until its callback
 * returns. */
#ifndef PORTICO_EVENTS_H
#define PORTICO_EVENTS_H

#include "connection.h"

PORTICO_EXTERN_C_BEGIN

/* `origin` of portico_opened. Another value means PORTICO_ORIGIN_ACCEPTED. */
#define PORTICO_ORIGIN_ACCEPTED 1u
#define PORTICO_ORIGIN_CONNECTED 2u /* the plugin connected: ext/connect.h */

/* on_open: the connection is ready for the protocol. */
typedef struct portico_opened {
    uint32_t struct_size;
    uint32_t origin; /* PORTICO_ORIGIN_... */
    /* Accepted: the entry of "listen" that the client has used, if that is a list; from 0. A name
     * that stands for several addresses is one entry. Else 0. */
    uint32_t listen_index;
    uint32_t reserved;
} portico_opened;

/* `flags` of portico_frame. */
/* The peer has finished sending, and these unframed bytes are all that is left. If on_data holds
 * them, they come with it again. No such offer comes if nothing is left. */
#define PORTICO_FRAME_LAST 1u
/* Some of these bytes have been offered before: offered_before is not 0. */
#define PORTICO_FRAME_AGAIN 2u

/* on_data: where a message's payload lies in the bytes given to on_data. */
typedef struct portico_frame {
    uint32_t struct_size;
    uint32_t flags; /* PORTICO_FRAME_... */
    /* The bytes of length prefix before it; 0 without framing or with a delimiter. */
    uint64_t payload_offset;
    /* Without the length prefix or the delimiter; all the bytes if there is no framing. */
    uint64_t payload_size;
    /* The first so many bytes were offered by the previous on_data, and not consumed. A search for
     * the end of a message may start after them. */
    uint64_t offered_before;
} portico_frame;

/* `flags` of portico_ended. */
/* A framed message is incomplete, or the stream ended without the end that its protocol demands
 * (TLS: a close_notify); `remaining` may be 0 then. */
#define PORTICO_ENDED_TRUNCATED 1u

/* on_end: the peer has finished sending. */
typedef struct portico_ended {
    uint32_t struct_size;
    uint32_t flags; /* PORTICO_ENDED_... */
    /* Bytes that were never consumed; with framing those of an incomplete message. */
    uint64_t remaining;
} portico_ended;

/* `reason` of portico_draining. An unknown value means PORTICO_DRAIN_STOP. */
#define PORTICO_DRAIN_STOP 1u      /* the host stops */
#define PORTICO_DRAIN_RELOAD 2u    /* a newer generation serves new connections */
#define PORTICO_DRAIN_TAKE_OVER 3u /* another process serves new connections */
#define PORTICO_DRAIN_ADMIN 4u     /* an operator drains this listener; that can be undone */

/* on_stop and on_drain. */
typedef struct portico_draining {
    uint32_t struct_size;
    uint32_t reason; /* PORTICO_DRAIN_... */
    /* When connections that are still open are cut: an instant of the host's clock (`now`), which
     * counts from the order and not from this call. UINT64_MAX: there is no deadline. */
    uint64_t deadline_ns;
} portico_draining;

/* on_close: how it went. All counts are bytes of the plugin's stream, before any encryption. */
typedef struct portico_closed {
    uint32_t struct_size;
    uint32_t reason; /* PORTICO_REASON_... */
    /* PORTICO_REASON_PLUGIN_ERROR: what the callback returned, or PORTICO_INVALID if it consumed
     * more than it was offered. PORTICO_REASON_RESET, PORTICO_REASON_ERROR,
     * PORTICO_REASON_CONNECT_FAILED and PORTICO_REASON_CONNECT_TIMEOUT: PORTICO_ERROR. Else 0. */
    portico_status status;
    /* With a status of PORTICO_ERROR for one of these reasons: the system's number (errno, or a
     * Windows error), 0 if it gave none. Else 0. */
    uint32_t native_error;
    /* If the connection was reset or cut: bytes that send accepted and the peer did not
     * acknowledge, or, if the system does not tell that, that the system did not take. After an
     * orderly end 0: the system goes on delivering. */
    uint64_t unsent_bytes;
    uint64_t received_bytes; /* read from the socket; those that nobody was offered count too */
    uint64_t sent_bytes;     /* taken by the system */
    uint64_t opened_ns;      /* when on_open was called, by the host's clock; 0: never */
} portico_closed;

PORTICO_EXTERN_C_END

#endif
