/* metrics: an echo that counts its messages, their sizes and its connections. Its test knows what
 * it has sent, and compares. */
#include <portico/ext/metrics.h>
#include <portico/portico.h>
#include <stdlib.h>

struct instance {
    const portico_host* host;
    portico_instance* handle;
    const portico_metrics* metrics;
    portico_series messages;    /* a counter */
    portico_series bytes;       /* a counter */
    portico_series connections; /* a gauge */
    portico_series sizes;       /* a histogram of messages, in bytes */
};

static portico_status define(const struct instance* self, uint32_t kind, const char* name,
                             uint64_t name_size, const double* bounds, uint32_t bound_count,
                             portico_series* series) {
    static const char help[] = "Of the echo that the tests load.";
    const portico_metric_definition definition = {
        .struct_size = sizeof definition,
        .kind = kind,
        .name = name,
        .name_size = name_size,
        .help = help,
        .help_size = sizeof help - 1,
        .bounds = bounds,
        .bound_count = bound_count,
    };
    portico_metric metric = 0;
    const portico_status status = self->metrics->define(self->handle, &definition, &metric);
    if (status != PORTICO_OK) return status;
    return self->metrics->get_series(self->handle, metric, NULL, 0, 0, series);
}

static portico_status define_all(struct instance* self) {
    static const double bounds[] = {16, 256, 4096};
    portico_status status = define(self, PORTICO_METRIC_COUNTER, "messages_total", 14, NULL, 0,
                                   &self->messages);
    if (status == PORTICO_OK)
        status = define(self, PORTICO_METRIC_COUNTER, "bytes_total", 11, NULL, 0, &self->bytes);
    if (status == PORTICO_OK)
        status = define(self, PORTICO_METRIC_GAUGE, "connections", 11, NULL, 0, &self->connections);
    if (status == PORTICO_OK)
        status = define(self, PORTICO_METRIC_HISTOGRAM, "message_bytes", 13, bounds, 3,
                        &self->sizes);
    return status;
}

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    struct instance* made = calloc(1, sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    made->host = setup->host;
    made->handle = setup->instance;
    made->metrics = setup->host->get_extension(setup->instance, PORTICO_EXT_METRICS,
                                               sizeof PORTICO_EXT_METRICS - 1);
    const portico_status status = made->metrics != NULL ? define_all(made) : PORTICO_UNSUPPORTED;
    if (status != PORTICO_OK) {
        free(made);
        return status;
    }
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(self);
}

static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                           const portico_opened* opened, void** state) {
    const struct instance* instance = self;
    (void)connection, (void)opened, (void)state;
    return instance->metrics->add(instance->handle, instance->connections, 1);
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    const struct instance* instance = self;
    (void)state, (void)frame;
    const portico_status status = instance->host->send(instance->handle, connection, data, size);
    if (status != PORTICO_OK) return status;
    *consumed = size;
    const portico_metrics* metrics = instance->metrics;
    portico_status counted = metrics->add(instance->handle, instance->messages, 1);
    if (counted == PORTICO_OK)
        counted = metrics->add(instance->handle, instance->bytes, (double)size);
    if (counted == PORTICO_OK)
        counted = metrics->record(instance->handle, instance->sizes, (double)size);
    return counted;
}

static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                  const portico_closed* closed) {
    const struct instance* instance = self;
    (void)connection, (void)state, (void)closed;
    instance->metrics->add(instance->handle, instance->connections, -1);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};
static const portico_plugin metrics_plugin = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .flags = PORTICO_PLUGIN_UNLOADABLE,
    .name = "metrics",
    .name_size = 7,
    .version = "1",
    .version_size = 1,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(metrics_plugin)
