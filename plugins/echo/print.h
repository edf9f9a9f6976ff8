/* One received message as one line on standard output, whatever its bytes are. */
#ifndef ECHO_PRINT_H
#define ECHO_PRINT_H

#include <stdint.h>

/* Prints "Thread WORKER: The following message was received: TEXT". Control characters, characters that reorder or break a line, and
 * bytes that are not UTF-8 are printed as \xHH. A text that would make the line longer than 4,096 bytes is cut, and the line says so. The
 * line leaves in one write, so lines of several threads do not mix. */
void print_message(uint32_t worker, const uint8_t *message, uint64_t size);

#endif
