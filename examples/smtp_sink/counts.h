/* What the plugin counts, with the host's metrics. */
#ifndef COUNTS_H
#define COUNTS_H

#include <portico/ext/metrics.h>
#include <portico/plugin.h>

#include "options.h"

enum result { RESULT_ACCEPTED, RESULT_TOO_LARGE, RESULT_INCOMPLETE };
#define RESULTS 3

struct counts {
    const portico_metrics *metrics; /* NULL: this host has none */
    portico_instance *instance;
    portico_series messages[RESULTS];
    portico_series message_bytes; /* a histogram of accepted ones */
    portico_series recipients;    /* of accepted messages */
    portico_series mistakes;
    portico_series timeouts[WAITING_STATES];
};

const char *name_of_result(enum result result);

/* [control] Defines the metrics, in create. A host without the extension is served all the same. */
portico_status define_counts(const portico_setup *setup, struct counts *counts);

/* [any] */
void count_one(const struct counts *counts, portico_series series);
void count_message(const struct counts *counts, enum result result, uint64_t bytes,
                   uint32_t recipients);

#endif
