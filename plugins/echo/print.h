/* One received message as one line on standard output, whatever its bytes are. */
#ifndef ECHO_PRINT_H
#define ECHO_PRINT_H

#include <stddef.h>
#include <stdint.h>

#define PRINT_LINE_MAX 4096

/* Writes "Thread WORKER: The following message was received: TEXT\n" to `line`, which has PRINT_LINE_MAX bytes; returns how many it used.
 * Control characters, characters that reorder or break a line, and bytes that are not UTF-8 become \xHH. A text that does not fit is
 * cut, and the line says so. */
size_t print_line(char *line, uint32_t worker, const uint8_t *message, uint64_t size);

/* Prints that line in one write, so that lines of several threads do not mix. */
void print_message(uint32_t worker, const uint8_t *message, uint64_t size);

#endif
