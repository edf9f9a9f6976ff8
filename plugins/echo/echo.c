/* echo: sends back exactly the bytes that came, in order.
 *
 * A slow receiver slows down its own sender and nobody else: what does not fit into the send queue
 * is not consumed, reading stops, and the host offers the same bytes again when there is room.
 *
 * Settings:
 *   "print"  boolean; true prints each message to standard output, as the article's server does:
 *                Thread N: The following message was received: TEXT
 *            N is the worker, from 1; TEXT is the message made safe for a terminal, cut if it is
 *            long (common/print.h). Default false. */
#include <stdio.h>
#include <stdlib.h>

#include <portico/ext/settings.h>
#include <portico/portico.h>

#include "common/printer.h"

struct echo {
    const portico_host *host;
    portico_instance *instance;
    struct printer *printer; /* NULL: nothing is printed */
};

/* How many of the offered bytes are sent. Only a message longer than limits.max_send_bytes, which
 * goes in pieces, is ever sent in part. A framed message is consumed whole or not at all, so the
 * progress is kept here. */
struct echo_connection {
    uint64_t sent;
    uint64_t piece_max;
};

/* What create and validate have in common. A wrong type needs no text of ours: the host's own names
 * file, line and path. */
static portico_status read_settings(const portico_setup *setup, int32_t *print) {
    portico_instance *instance = setup->instance;
    *print = 0;
    const portico_settings *settings = setup->host->get_extension(instance, PORTICO_EXT_SETTINGS,
                                                                  sizeof PORTICO_EXT_SETTINGS - 1);
    if (settings == NULL) {
        if (setup->settings_size <= 2) return PORTICO_OK; /* "{}": the defaults */
        (void)snprintf(setup->error, (size_t)setup->error_capacity,
                       "this host has no %s to read the settings with", PORTICO_EXT_SETTINGS);
        return PORTICO_UNSUPPORTED;
    }
    const portico_status status = settings->get_boolean(instance, "print", 5, print);
    return status == PORTICO_NOT_FOUND ? PORTICO_OK : status;
}

static portico_status PORTICO_CALL validate(const portico_setup *setup) {
    int32_t print;
    return read_settings(setup, &print);
}

static portico_status PORTICO_CALL create(const portico_setup *setup, void **self) {
    int32_t print;
    const portico_status status = read_settings(setup, &print);
    if (status < 0) return status;
    struct echo *echo = malloc(sizeof *echo);
    if (echo == NULL) return PORTICO_NO_MEMORY;
    echo->host = setup->host;
    echo->instance = setup->instance;
    echo->printer = NULL;
    if (print) {
        echo->printer = printer_start("echo");
        if (echo->printer == NULL) {
            free(echo);
            (void)snprintf(setup->error, (size_t)setup->error_capacity,
                           "no memory or no thread to print with");
            return PORTICO_NO_MEMORY;
        }
    }
    *self = echo;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void *self) {
    struct echo *echo = self;
    printer_stop(echo->printer);
    free(echo);
}

static portico_status PORTICO_CALL on_open(void *self, portico_connection connection,
                                           const portico_opened *opened, void **state) {
    (void)self, (void)connection, (void)opened;
    struct echo_connection *progress = malloc(sizeof *progress);
    if (progress == NULL) return PORTICO_NO_MEMORY;
    progress->sent = 0;
    progress->piece_max = UINT64_MAX;
    *state = progress;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    struct echo *echo = self;
    struct echo_connection *progress = state;
    while (progress->sent < size) {
        const uint64_t left = size - progress->sent;
        const uint64_t piece = left < progress->piece_max ? left : progress->piece_max;
        const portico_status status = echo->host->send(echo->instance, connection,
                                                       data + progress->sent, piece);
        if (status == PORTICO_OK) {
            progress->sent += piece;
            continue;
        }
        if (status == PORTICO_TOO_LARGE && piece > 1) {
            progress->piece_max = piece / 2;
            continue;
        }
        /* the queue is full, and the same bytes come again; or the connection ends */
        return status;
    }
    progress->sent = 0;
    *consumed = size;
    if (echo->printer != NULL) {
        printer_print(echo->printer, echo->host->worker_index(echo->instance),
                      data + frame->payload_offset, frame->payload_size);
    }
    return PORTICO_OK;
}

static void PORTICO_CALL on_close(void *self, portico_connection connection, void *state,
                                  const portico_closed *closed) {
    (void)self;
    (void)connection;
    (void)closed;
    free(state);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};
static const portico_plugin echo_plugin = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .flags = PORTICO_PLUGIN_UNLOADABLE,
    .name = "echo",
    .name_size = 4,
    .version = PORTICO_VERSION,
    .version_size = sizeof PORTICO_VERSION - 1,
    .validate = validate,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(echo_plugin)
