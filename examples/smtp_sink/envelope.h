/* MAIL and RCPT, with their parameters. */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include "session.h"

/* `rest` is what follows the command's name and a space. */
void run_mail(struct session *session, struct slice rest);
void run_rcpt(struct session *session, struct slice rest);

#endif
