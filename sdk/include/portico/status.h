/* Status codes: what functions on both sides of the boundary return. */
#ifndef PORTICO_STATUS_H
#define PORTICO_STATUS_H

#include "abi.h"

/* 0 is success, a negative value is an error. An unknown negative value means PORTICO_ERROR. An
 * unknown positive one means PORTICO_OK, and so does PORTICO_HOLD or PORTICO_WAIT if it has no
 * meaning there: test for errors with `status < 0`.
 *
 * A callback of a connection, except on_open, may return what a send on that connection answered:
 * PORTICO_GONE and PORTICO_CLOSING mean PORTICO_OK, because nothing more can be sent, and
 * PORTICO_WOULD_BLOCK is no error if an on_writable of this connection is to come. */
typedef int32_t portico_status;

#define PORTICO_OK 0
/* on_data only: stop reading. The bytes not consumed are offered again after on_writable or
 * resume_reading. */
#define PORTICO_HOLD 1
/* on_data only: like PORTICO_HOLD, but only resume_reading ends it. */
#define PORTICO_WAIT 2

/* It failed, and no other code fits. */
#define PORTICO_ERROR (-1)
/* The connection, timer or instance does not exist (any more), is closing, or belongs to another
 * instance or server. This is no mistake: a peer can end at any time. */
#define PORTICO_GONE (-2)
/* The send queue is at its high watermark. One on_writable follows, or the connection closes. From
 * on_data it means PORTICO_HOLD with nothing consumed; from other callbacks PORTICO_OK. If no
 * on_writable of this connection is to come, it is an error like any other. */
#define PORTICO_WOULD_BLOCK (-3)
/* More bytes than the listener's limits.max_send_bytes: they will never be accepted. */
#define PORTICO_TOO_LARGE (-4)
/* Posted functions and timers: the connection or instance has begun to close. send: finish_sending
 * was called. */
#define PORTICO_CLOSING (-5)
/* An argument is out of range. */
#define PORTICO_INVALID (-6)
/* Out of memory; nothing was changed. */
#define PORTICO_NO_MEMORY (-7)
/* This host, or this thread (see the thread tag), cannot do it. */
#define PORTICO_UNSUPPORTED (-8)
/* A limit was reached: too many posts wait, too many timers run, or too many connections are open
 * to an upstream. */
#define PORTICO_LIMIT (-9)
/* The setting or the upstream does not exist. */
#define PORTICO_NOT_FOUND (-10)
/* The setting has another type, or is out of range. */
#define PORTICO_WRONG_TYPE (-11)
/* For plugins: the peer broke the protocol. */
#define PORTICO_PROTOCOL_ERROR (-12)
/* For plugins: on_open does not want this connection. */
#define PORTICO_REFUSED (-13)
/* The last call of a timer, or the call of a lookup: it was cancelled. */
#define PORTICO_CANCELLED (-14)
/* A lookup has not been answered in time. */
#define PORTICO_TIMED_OUT (-15)

/* Why a connection was closed: `reason` of portico_closed. An unknown value means
 * PORTICO_REASON_ERROR.
 *
 * The first cause counts: if a timeout or an abort cuts off the plugin's graceful close, the reason
 * is still PORTICO_REASON_PLUGIN. There are two exceptions: the peer resets before everything was
 * flushed, or the deadline of a stop cuts the connection. Then that is the reason. */
#define PORTICO_REASON_PLUGIN 1u       /* the plugin called close */
#define PORTICO_REASON_PEER 2u         /* the peer finished sending, and on_end is NULL */
#define PORTICO_REASON_RESET 3u        /* the peer, or something between, reset the connection */
#define PORTICO_REASON_ERROR 4u        /* a system error; the log has it */
#define PORTICO_REASON_PLUGIN_ERROR 5u /* a callback returned an error */
#define PORTICO_REASON_IDLE 6u /* limits.idle_timeout_ms without a byte in either direction */
#define PORTICO_REASON_HALF_CLOSE \
    7u                          /* limits.half_close_timeout_ms after the peer's end of stream */
#define PORTICO_REASON_FRAME 8u /* a frame longer than framing.max_bytes */
#define PORTICO_REASON_UNCONSUMED 9u /* limits.unconsumed_bytes were offered and not consumed */
#define PORTICO_REASON_DRAIN 10u     /* a drain, and on_drain is NULL; or outbound */
#define PORTICO_REASON_DRAIN_DEADLINE 11u /* the deadline of a drain cut the connection */
#define PORTICO_REASON_NO_MEMORY 12u      /* out of memory for this connection */
/* Of outbound connections (ext/connect.h), without an on_open before. */
#define PORTICO_REASON_CONNECT_FAILED 13u  /* refused or unreachable; the log has it */
#define PORTICO_REASON_CONNECT_TIMEOUT 14u /* no answer in time */

#endif
