/* The listener's "settings", with their defaults. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <portico/plugin.h>

/* What a session waits for:
 *
 *   HELLO --HELO, EHLO--> MAIL --MAIL--> RCPT --RCPT--> DATA --DATA--> TEXT --"."--> MAIL
 *                          ^              |              |
 *                          +--RSET, HELO, EHLO-----------+
 *
 * In DATA another RCPT may come. QUIT, a timeout, a drain, the client's end and too many mistakes
 * lead from each to ENDING. */
enum state {
    STATE_HELLO,
    STATE_MAIL,
    STATE_RCPT,
    STATE_DATA,
    STATE_TEXT,
    STATE_ENDING /* nothing but the client's system, which is to take the last replies */
};
#define WAITING_STATES STATE_ENDING /* those before it */

#define HOSTNAME_BYTES 255

struct options {
    char hostname[HOSTNAME_BYTES + 1]; /* terminated */
    uint64_t message_bytes;            /* the largest message */
    uint32_t recipients;               /* of a message, at most */
    uint32_t mistakes;                 /* of a session, before it is ended */
    uint32_t timeouts_ms[WAITING_STATES];
    uint32_t session_ms; /* the whole session */
};

/* The name of a state that waits, as in "timeouts": "hello". */
const char *name_of_state(enum state state);

/* [control] Reads the settings. After an error the host knows what is wrong, and where. */
portico_status read_options(const portico_setup *setup, struct options *options);

#endif
