/* Prints received messages to standard output from a thread of its own, so that a slow or stopped
 * console never holds up a worker. Lines wait in a bounded queue. A line that does not fit is
 * dropped, and the number of dropped lines is printed when there is room again. */
#ifndef COMMON_PRINTER_H
#define COMMON_PRINTER_H

#include <stdint.h>

struct printer;

/* `name`, the plugin's, begins the line that says how many messages were dropped; the pointer is
 * kept. Returns NULL if there is no memory or no thread. */
struct printer *printer_start(const char *name);

/* Queues the line that print_line() makes. Any thread may call it; it never waits for the
 * console. */
void printer_print(struct printer *printer, uint32_t worker, const uint8_t *message, uint64_t size);

/* Prints what is queued and ends the thread, within half a second even if nobody ever reads the
 * standard output. NULL does nothing. */
void printer_stop(struct printer *printer);

#endif
