/* Replies. They gather in the session, and one send takes all that a read has caused. */
#ifndef REPLIES_H
#define REPLIES_H

#include "session.h"

/* Adds "CODE ENHANCED TEXT". The enhanced status code (RFC 2034, 3463) is left out unless EHLO has
 * announced that there are any. NULL: this reply never has one. */
void add_reply(struct session *session, int code, const char *enhanced, const char *text);
/* The same with the host's name before the text, as in 220, 221 and 421. */
void add_named_reply(struct session *session, int code, const char *enhanced, const char *text);
/* The answer to EHLO: what this server can do. */
void add_announcement(struct session *session);

/* Is there room for the replies to one command? */
int has_room(const struct session *session);

/* Sends what has gathered. PORTICO_WOULD_BLOCK: it has not been sent, and on_writable follows. */
portico_status send_replies(struct session *session);

#endif
