/* Commands: each is one line. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "session.h"

/* Carries out one line, without its CR LF. The replies gather in the session. */
void run_command(struct session *session, struct slice line);

/* A command that was not understood or is out of order: replies, and counts it. */
void refuse_mistake(struct session *session, int code, const char *enhanced, const char *text);

#endif
