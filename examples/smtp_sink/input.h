/* What the client sends: lines of commands, and the texts of messages. */
#ifndef INPUT_H
#define INPUT_H

#include "session.h"

/* Takes one command line, or part of a text. Returns how many bytes; 0: a line is not complete, and
 * is less than LINE_BYTES long. */
uint64_t take_input(struct session *session, const uint8_t *data, uint64_t size);

#endif
