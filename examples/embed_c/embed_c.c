/* A C program that serves a protocol of its own on two servers: every message comes back reversed.
 * The protocol is part of the program; nothing is loaded. Ends when its standard input does, and
 * prints what it has counted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <portico/embed.h>
#include <portico/ext/metrics.h>

#define MESSAGE_MAX 4096u /* of a line; the configuration's framing.max_bytes */

/* ---- the protocol */

struct reverse {
    const portico_host *host;
    portico_instance *instance;
    const portico_metrics *metrics;
    portico_series messages;
};

static portico_status PORTICO_CALL create(const portico_setup *setup, void **self) {
    static const portico_metric_definition definition = {
        .struct_size = sizeof definition,
        .kind = PORTICO_METRIC_COUNTER,
        .name = "messages_total",
        .name_size = 14,
    };
    portico_metric metric = 0;
    struct reverse *reverse = malloc(sizeof *reverse);
    if (reverse == NULL) return PORTICO_NO_MEMORY;
    reverse->host = setup->host;
    reverse->instance = setup->instance;
    reverse->metrics = setup->host->get_extension(setup->instance, PORTICO_EXT_METRICS,
                                                  sizeof PORTICO_EXT_METRICS - 1);
    portico_status status = PORTICO_UNSUPPORTED;
    if (reverse->metrics != NULL)
        status = reverse->metrics->define(setup->instance, &definition, &metric);
    if (status == PORTICO_OK)
        status = reverse->metrics->get_series(setup->instance, metric, NULL, 0, 0,
                                              &reverse->messages);
    if (status != PORTICO_OK) {
        free(reverse);
        return status;
    }
    *self = reverse;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void *self) { free(self); }

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    struct reverse *reverse = self;
    const uint64_t length = frame->payload_size; /* without the "\n" */
    uint8_t answer[MESSAGE_MAX + 1];
    (void)state;
    if (length > MESSAGE_MAX) return PORTICO_PROTOCOL_ERROR; /* the configuration allows no more */
    for (uint64_t i = 0; i < length; ++i) answer[i] = data[length - 1 - i];
    answer[length] = '\n';
    const portico_status status = reverse->host->send(reverse->instance, connection, answer,
                                                      length + 1);
    if (status == PORTICO_WOULD_BLOCK) return status; /* the same line comes again */
    (void)reverse->metrics->add(reverse->instance, reverse->messages, 1);
    *consumed = size;
    return status;
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
static const portico_plugin reverse_plugin = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .framing = PORTICO_FRAMING_DELIMITER,
    .name = "reverse",
    .name_size = 7,
    .version = "1.0",
    .version_size = 3,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY_AS(reverse_query, reverse_plugin)

/* ---- the program */

static const char configuration[] =
    "{ \"listeners\": [ { \"name\": \"lines\", \"listen\": \"127.0.0.1:0\", "
    "\"plugin\": \"reverse\", "
    "\"framing\": { \"type\": \"delimiter\", \"delimiter\": \"\\n\", \"max_bytes\": 4096 } } ] }";

static void PORTICO_CALL write_line(void *argument, const portico_log_line *line) {
    fprintf(stderr, "%s: %s\n", (const char *)argument, line->text);
}

static portico_server *start(const char *name) {
    const portico_server_options options = {
        .struct_size = sizeof options,
        .embed_major = PORTICO_EMBED_MAJOR,
        .embed_minor = PORTICO_EMBED_MINOR,
        .log = write_line,
        .log_argument = (void *)(uintptr_t)name,
    };
    portico_server *server = NULL;
    if (portico_server_create(&options, &server) != PORTICO_OK) {
        fprintf(stderr, "no server of version %u.%u: the library is %s\n", PORTICO_EMBED_MAJOR,
                PORTICO_EMBED_MINOR, portico_embed_version());
        exit(1);
    }
    if (portico_server_register(server, "reverse", PORTICO_TERMINATED,
                                reverse_query(PORTICO_ABI_MAJOR)) != PORTICO_OK ||
        portico_server_configure_text(server, configuration, PORTICO_TERMINATED, NULL, 0) !=
            PORTICO_OK ||
        portico_server_start(server) != PORTICO_OK) {
        fprintf(stderr, "%s\n", portico_server_errors(server));
        exit(1);
    }
    printf("%s listens on port %" PRIu32 "\n", name,
           portico_server_port(server, "lines", PORTICO_TERMINATED));
    fflush(stdout);
    return server;
}

/* Prints what a server has counted, and stops it. */
static int stop(const char *name, portico_server *server) {
    portico_snapshot *snapshot = NULL;
    portico_listener_counts listener = {.struct_size = sizeof listener};
    portico_series_counts series = {.struct_size = sizeof series};
    if (portico_server_snapshot(server, &snapshot) != PORTICO_OK ||
        portico_snapshot_listener(snapshot, 0, &listener) != PORTICO_OK)
        return 1;
    uint32_t index = 0;
    do {
        if (portico_snapshot_series(snapshot, index++, &series) != PORTICO_OK) return 1;
    } while (strcmp(series.name, "portico_plugin_reverse_messages_total") != 0);
    printf("%s: %s: %" PRIu64 " connections, %s %.0f\n", name, listener.listener,
           listener.connections_accepted, series.name, series.value);
    portico_snapshot_free(snapshot);

    portico_server_drain(server, 1000);
    const portico_status status = portico_server_wait(server, NULL);
    if (status == PORTICO_OK) portico_server_destroy(server);
    return status == PORTICO_OK ? 0 : 1;
}

int main(void) {
    portico_server *one = start("one");
    portico_server *two = start("two");
    while (getchar() != EOF) continue;
    const int failed = stop("one", one) + stop("two", two);
    return failed == 0 ? 0 : 1;
}
