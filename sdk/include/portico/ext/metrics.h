/* Extension "portico.metrics.draft/1": counters, gauges and histograms of a plugin.
 *
 * A metric is defined in create, and has series: one for each combination of its labels' values
 * that the plugin asks for. Adding to a series is cheap enough for every message: each worker
 * counts for itself, without a locked operation, and the parts are added up when somebody reads.
 *
 * Names are the plugin's own: the metric NAME of the plugin PLUGIN is exported as
 * portico_plugin_PLUGIN_NAME, with the labels "listener" and "plugin" before its own. (Characters
 * of PLUGIN that a name may not have become '_'.) If an instance is created anew for a listener (a
 * reload), equal names go on counting. */
#ifndef PORTICO_EXT_METRICS_H
#define PORTICO_EXT_METRICS_H

#include "../connection.h"

#define PORTICO_EXT_METRICS "portico.metrics.draft/1"

/* `kind` of define. */
#define PORTICO_METRIC_COUNTER 1u   /* only grows; its name ends with "_total" */
#define PORTICO_METRIC_GAUGE 2u     /* goes up and down */
#define PORTICO_METRIC_HISTOGRAM 3u /* counts values by size */

PORTICO_EXTERN_C_BEGIN

/* A metric and a series, by number. They are never 0, and valid until destroy has returned. To a
 * number of another instance, or of nothing, the functions answer PORTICO_GONE. */
typedef uint64_t portico_metric;
typedef uint64_t portico_series;

typedef struct portico_metric_definition {
    uint32_t struct_size;
    uint32_t kind; /* PORTICO_METRIC_... */
    /* As Prometheus writes names: letters, digits and '_', not a digit first; at most 128 bytes. */
    const char *name;
    uint64_t name_size;
    /* One line for a person, UTF-8, at most 1,024 bytes; may be empty. */
    const char *help;
    uint64_t help_size;
    /* The labels' names, `label_count` (0 to 8) portico_parts, `label_stride` bytes apart; NULL
     * if there are none. A name is like the metric's, but does not begin with "__", and is not
     * "listener", "plugin" or "le". */
    const portico_part *labels;
    /* Histograms: the upper bounds of the buckets, ascending and finite, 1 to 64 of them. A last
     * bucket without bound is added. Else NULL. */
    const double *bounds;
    uint32_t label_count;
    uint32_t label_stride;
    uint32_t bound_count;
    uint32_t series_max; /* at most so many series of this listener; 0 means 1,000 */
} portico_metric_definition;

typedef struct portico_metrics {
    uint32_t struct_size;
    uint32_t reserved;

    /* [control] Defines a metric, in create only. All instances of a plugin in a server, of any
     * listener and before or after a reload, must give a name the same kind, labels and bounds.
     * Returns PORTICO_OK, PORTICO_INVALID (the definition breaks a rule above, or the exported name
     * has another definition), PORTICO_LIMIT (256 metrics of the instance), PORTICO_UNSUPPORTED
     * (not in create), PORTICO_NO_MEMORY. The host keeps a text that says what is wrong. It is the
     * error if create then fails without one of its own, and a warning in the log if create
     * succeeds. */
    portico_status(PORTICO_CALL *define)(portico_instance *instance,
                                         const portico_metric_definition *definition,
                                         portico_metric *metric);

    /* [any] Finds or makes the series with these labels' values (`count` as defined; UTF-8, at most
     * 256 bytes each; NULL if there are none). It takes a lock: call it once and keep the number.
     * Returns PORTICO_OK, PORTICO_INVALID, PORTICO_LIMIT (series_max), PORTICO_GONE,
     * PORTICO_NO_MEMORY. */
    portico_status(PORTICO_CALL *get_series)(portico_instance *instance, portico_metric metric,
                                             const portico_part *values, uint32_t count,
                                             uint32_t stride, portico_series *series);

    /* [any] Adds to a counter (0 or more) or a gauge. Whole numbers are added exactly up to 2^53 in
     * all. Returns PORTICO_OK, PORTICO_INVALID (another kind, an amount that is not finite, or a
     * counter and less than 0) or PORTICO_GONE. */
    portico_status(PORTICO_CALL *add)(portico_instance *instance, portico_series series,
                                      double amount);

    /* [any] Sets a gauge. What other threads add meanwhile counts before or after. If several set
     * it at once, one of them wins. Returns PORTICO_OK, PORTICO_INVALID or PORTICO_GONE. */
    portico_status(PORTICO_CALL *set)(portico_instance *instance, portico_series series,
                                      double value);

    /* [any] Counts a value in a histogram. Returns PORTICO_OK, PORTICO_INVALID (another kind, or
     * NaN) or PORTICO_GONE. */
    portico_status(PORTICO_CALL *record)(portico_instance *instance, portico_series series,
                                         double value);
} portico_metrics;

PORTICO_EXTERN_C_END

#endif
