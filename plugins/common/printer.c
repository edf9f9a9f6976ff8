#include "printer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "thread.h"

#define QUEUE_BYTES (256u * 1024u)
/* A pipe takes this much as a whole, so the lines of several plugins do not mix. */
#define BATCH_BYTES 4096u
#define STOP_WAIT_MS 200u

struct printer {
    const char *name;
    struct thread thread;
    struct monitor monitor; /* of all that follows except the batch */
    int is_ending;
    uint64_t dropped; /* since the last line that said so */
    size_t begin;     /* of the oldest byte in the queue */
    size_t used;
    char queue[QUEUE_BYTES]; /* whole lines, one after the other, wrapping around the end */
    char batch[BATCH_BYTES]; /* the thread's */
};

/* False: it does not fit. */
static int put(struct printer *printer, const char *bytes, size_t size) {
    if (size > QUEUE_BYTES - printer->used) return 0;
    const size_t at = (printer->begin + printer->used) % QUEUE_BYTES;
    const size_t first = size < QUEUE_BYTES - at ? size : QUEUE_BYTES - at;
    memcpy(printer->queue + at, bytes, first);
    memcpy(printer->queue, bytes + first, size - first);
    printer->used += size;
    return 1;
}

/* As many whole lines as fit into the batch. */
static size_t take(struct printer *printer) {
    size_t size = printer->used < BATCH_BYTES ? printer->used : BATCH_BYTES;
    const size_t first = size < QUEUE_BYTES - printer->begin ? size : QUEUE_BYTES - printer->begin;
    memcpy(printer->batch, printer->queue + printer->begin, first);
    memcpy(printer->batch + first, printer->queue, size - first);
    while (printer->batch[size - 1] != '\n') --size;
    printer->begin = (printer->begin + size) % QUEUE_BYTES;
    printer->used -= size;
    return size;
}

/* Queues the count of dropped lines, after what was queued before the first of them. */
static void put_dropped(struct printer *printer) {
    char line[160];
    const int size = snprintf(line, sizeof line,
                              "%s: %" PRIu64
                              " messages were not printed: standard output was too slow" LINE_END,
                              printer->name, printer->dropped);
    if (put(printer, line, (size_t)size)) printer->dropped = 0;
}

static void run(void *argument) {
    struct printer *printer = argument;
    monitor_enter(&printer->monitor);
    for (;;) {
        while (printer->used == 0 && printer->dropped == 0 && !printer->is_ending)
            monitor_wait(&printer->monitor);
        if (printer->used == 0 && printer->dropped != 0) put_dropped(printer);
        if (printer->used == 0) break;
        const size_t size = take(printer);
        monitor_leave(&printer->monitor);
        const int is_cancelled = !thread_write_output(&printer->thread, printer->batch, size);
        monitor_enter(&printer->monitor);
        if (is_cancelled) break;
    }
    monitor_leave(&printer->monitor);
}

struct printer *printer_start(const char *name) {
    struct printer *printer = malloc(sizeof *printer);
    if (printer == NULL) return NULL;
    printer->name = name;
    printer->is_ending = 0;
    printer->dropped = 0;
    printer->begin = 0;
    printer->used = 0;
    monitor_init(&printer->monitor);
    if (!thread_start(&printer->thread, run, printer)) {
        monitor_destroy(&printer->monitor);
        free(printer);
        return NULL;
    }
    return printer;
}

void printer_print(struct printer *printer, uint32_t worker, const uint8_t *message,
                   uint64_t size) {
    char line[PRINT_LINE_MAX + sizeof LINE_END];
    size_t used = print_line(line, worker, message, size);
    memcpy(line + used - 1, LINE_END, sizeof LINE_END - 1);
    used += sizeof LINE_END - 2;

    monitor_enter(&printer->monitor);
    /* After a drop, half of the queue has to be free; otherwise every other line would report
     * one. */
    if (printer->dropped != 0 && printer->used <= QUEUE_BYTES / 2) put_dropped(printer);
    const int is_idle = printer->used == 0;
    if (printer->dropped != 0 || !put(printer, line, used)) ++printer->dropped;
    if (is_idle) monitor_wake(&printer->monitor);
    monitor_leave(&printer->monitor);
}

void printer_stop(struct printer *printer) {
    if (printer == NULL) return;
    monitor_enter(&printer->monitor);
    printer->is_ending = 1;
    monitor_wake(&printer->monitor);
    monitor_leave(&printer->monitor);
    /* A thread that cannot be ended keeps its memory. */
    if (thread_end(&printer->thread, STOP_WAIT_MS)) {
        monitor_destroy(&printer->monitor);
        free(printer);
    }
}
