/* One received message as one line of text, whatever its bytes are. */
#ifndef COMMON_PRINT_H
#define COMMON_PRINT_H

#include <stddef.h>
#include <stdint.h>

#define PRINT_MESSAGE_MAX 256u /* bytes of a message that are printed */
#define PRINT_LINE_MAX 1280    /* those bytes, each as \xHH, and the words around them */

/* Writes "Thread N: The following message was received: TEXT\n" to `line`, which has PRINT_LINE_MAX
 * bytes; returns how many it used. N is the worker's index plus 1. Control characters, characters
 * that reorder or break a line, and bytes that are not UTF-8 become \xHH. A message longer than
 * PRINT_MESSAGE_MAX is cut there, and the line says how long it is. */
size_t print_line(char *line, uint32_t worker, const uint8_t *message, uint64_t size);

#endif
