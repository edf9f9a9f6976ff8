/* What happens to a session, whatever its client asks for: its timer, its messages, its end. */
#ifndef DIALOGUE_H
#define DIALOGUE_H

#include "session.h"

/* How long the client may take now: the present state's time, or what is left of the session. */
uint32_t time_to_wait(const struct session *session);
void restart_timer(struct session *session);

/* Forgets the message that was begun, as RSET does. */
void forget_message(struct session *session);

/* Counts the message and logs one line on it. */
void report_message(const struct session *session, enum result result);
/* Does so if the session ends inside a message. */
void report_lost_message(struct session *session);

/* Ends the dialogue. The connection closes once the replies are sent, see settle. */
void end_dialogue(struct session *session);
/* Ends it with a 421, which a client may get at any time (RFC 5321, 3.8). */
void hang_up(struct session *session, const char *enhanced, const char *text);

/* Sends the replies, and closes the connection if the dialogue has ended. Every callback that adds
 * replies calls it last, and so does on_writable if the queue was full. */
portico_status settle(struct session *session);

#endif
