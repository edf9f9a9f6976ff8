#include "counts.h"

#include <string.h>

static const char *const result_names[RESULTS] = {"accepted", "too_large", "incomplete"};

const char *name_of_result(enum result result) { return result_names[result]; }

struct metric {
    uint32_t kind;
    const char *name;
    const char *help;
    const char *label; /* or NULL */
};

/* Defines a metric and its series: one for each of `count` values of its label, or the only one. */
static portico_status define(const struct counts *counts, const struct metric *metric,
                             const char *const *values, uint32_t count, portico_series *series) {
    static const double bounds[] = {1024, 16384, 262144, 4194304, 67108864};
    const int has_bounds = metric->kind == PORTICO_METRIC_HISTOGRAM;
    const int has_label = metric->label != NULL;
    const portico_part label = {metric->label, has_label ? strlen(metric->label) : 0};
    const portico_metric_definition definition = {
        .struct_size = sizeof definition,
        .kind = metric->kind,
        .name = metric->name,
        .name_size = strlen(metric->name),
        .help = metric->help,
        .help_size = strlen(metric->help),
        .labels = has_label ? &label : NULL,
        .label_count = has_label ? 1 : 0,
        .label_stride = has_label ? sizeof label : 0,
        .bounds = has_bounds ? bounds : NULL,
        .bound_count = has_bounds ? sizeof bounds / sizeof bounds[0] : 0,
    };
    portico_metric made = 0;
    portico_status status = counts->metrics->define(counts->instance, &definition, &made);
    for (uint32_t i = 0; status == PORTICO_OK && i < count; ++i) {
        const portico_part value = {has_label ? values[i] : NULL,
                                    has_label ? strlen(values[i]) : 0};
        status = counts->metrics->get_series(counts->instance, made, has_label ? &value : NULL,
                                             has_label ? 1 : 0, has_label ? sizeof value : 0,
                                             &series[i]);
    }
    return status;
}

portico_status define_counts(const portico_setup *setup, struct counts *counts) {
    static const struct metric messages = {PORTICO_METRIC_COUNTER, "messages_total",
                                           "Messages, by what became of them.", "result"};
    static const struct metric bytes = {PORTICO_METRIC_HISTOGRAM, "message_bytes",
                                        "Sizes of accepted messages.", NULL};
    static const struct metric recipients = {PORTICO_METRIC_COUNTER, "recipients_total",
                                             "Recipients of accepted messages.", NULL};
    static const struct metric mistakes = {PORTICO_METRIC_COUNTER, "mistakes_total",
                                           "Commands that were wrong or out of order.", NULL};
    static const struct metric timeouts = {PORTICO_METRIC_COUNTER, "timeouts_total",
                                           "Sessions that timed out, by state.", "state"};
    const char *states[WAITING_STATES];
    portico_status status;
    counts->instance = setup->instance;
    counts->metrics = setup->host->get_extension(setup->instance, PORTICO_EXT_METRICS,
                                                 sizeof PORTICO_EXT_METRICS - 1);
    if (counts->metrics == NULL) return PORTICO_OK;
    for (int i = 0; i < WAITING_STATES; ++i) states[i] = name_of_state((enum state)i);
    status = define(counts, &messages, result_names, RESULTS, counts->messages);
    if (status >= 0) status = define(counts, &bytes, NULL, 1, &counts->message_bytes);
    if (status >= 0) status = define(counts, &recipients, NULL, 1, &counts->recipients);
    if (status >= 0) status = define(counts, &mistakes, NULL, 1, &counts->mistakes);
    if (status >= 0) status = define(counts, &timeouts, states, WAITING_STATES, counts->timeouts);
    return status;
}

void count_one(const struct counts *counts, portico_series series) {
    if (counts->metrics != NULL) (void)counts->metrics->add(counts->instance, series, 1);
}

void count_message(const struct counts *counts, enum result result, uint64_t bytes,
                   uint32_t recipients) {
    count_one(counts, counts->messages[result]);
    if (counts->metrics == NULL || result != RESULT_ACCEPTED) return;
    (void)counts->metrics->record(counts->instance, counts->message_bytes, (double)bytes);
    (void)counts->metrics->add(counts->instance, counts->recipients, recipients);
}
