/* ack: answers everything with a fixed acknowledgement, as the article's thread-per-client server
 * does.
 *
 * Each on_data gets one answer: each completed read, or each message if the listener has framing.
 * The reply is sent as it is, without a delimiter or length prefix, so for a framed listener the
 * operator writes those into "reply" ("Message received\n").
 *
 * Settings:
 *   "reply"        string of 1 to 65,536 bytes; default "Message received successfully"
 *   "close_after"  boolean; true closes the connection, in order, after the first reply; default
 *                  false
 *   "print"        boolean; true prints each message to standard output, as echo does; default
 *                  false */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <portico/ext/settings.h>
#include <portico/portico.h>

#include "common/printer.h"

#define REPLY_MAX 65536u

static const char default_reply[] = "Message received successfully";

struct ack_settings {
    const char *reply; /* the host's; valid while create or validate runs */
    uint64_t reply_size;
    int32_t close_after;
    int32_t print;
};

struct ack {
    const portico_host *host;
    portico_instance *instance;
    struct printer *printer; /* NULL: nothing is printed */
    int32_t close_after;
    uint64_t reply_size;
    char reply[];
};

/* What create and validate have in common. A wrong type needs no text of ours: the host's own names
 * file, line and path. */
static portico_status read_settings(const portico_setup *setup, struct ack_settings *out) {
    portico_instance *instance = setup->instance;
    out->reply = default_reply;
    out->reply_size = sizeof default_reply - 1;
    out->close_after = 0;
    out->print = 0;

    const portico_settings *settings = setup->host->get_extension(instance, PORTICO_EXT_SETTINGS,
                                                                  sizeof PORTICO_EXT_SETTINGS - 1);
    if (settings == NULL) {
        if (setup->settings_size <= 2) return PORTICO_OK; /* "{}": the defaults */
        (void)snprintf(setup->error, (size_t)setup->error_capacity,
                       "this host has no %s to read the settings with", PORTICO_EXT_SETTINGS);
        return PORTICO_UNSUPPORTED;
    }
    portico_status status = settings->get_string(instance, "reply", 5, &out->reply,
                                                 &out->reply_size);
    if (status < 0 && status != PORTICO_NOT_FOUND) return status;
    status = settings->get_boolean(instance, "close_after", 11, &out->close_after);
    if (status < 0 && status != PORTICO_NOT_FOUND) return status;
    status = settings->get_boolean(instance, "print", 5, &out->print);
    if (status < 0 && status != PORTICO_NOT_FOUND) return status;
    if (out->reply_size < 1 || out->reply_size > REPLY_MAX) {
        (void)snprintf(setup->error, (size_t)setup->error_capacity,
                       "\"reply\" has %llu bytes, expected 1 to %u",
                       (unsigned long long)out->reply_size, REPLY_MAX);
        return PORTICO_INVALID;
    }
    return PORTICO_OK;
}

static portico_status PORTICO_CALL validate(const portico_setup *setup) {
    struct ack_settings parsed;
    return read_settings(setup, &parsed);
}

static portico_status PORTICO_CALL create(const portico_setup *setup, void **self) {
    struct ack_settings parsed;
    const portico_status status = read_settings(setup, &parsed);
    if (status != PORTICO_OK) return status;
    struct ack *ack = malloc(sizeof *ack + (size_t)parsed.reply_size);
    if (ack == NULL) return PORTICO_NO_MEMORY;
    ack->host = setup->host;
    ack->instance = setup->instance;
    ack->close_after = parsed.close_after;
    ack->reply_size = parsed.reply_size;
    memcpy(ack->reply, parsed.reply, (size_t)parsed.reply_size);
    ack->printer = NULL;
    if (parsed.print) {
        ack->printer = printer_start("ack");
        if (ack->printer == NULL) {
            free(ack);
            (void)snprintf(setup->error, (size_t)setup->error_capacity,
                           "no memory or no thread to print with");
            return PORTICO_NO_MEMORY;
        }
    }
    *self = ack;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void *self) {
    struct ack *ack = self;
    printer_stop(ack->printer);
    free(ack);
}

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    struct ack *ack = self;
    (void)state;
    const portico_status status = ack->host->send(ack->instance, connection, ack->reply,
                                                  ack->reply_size);
    /* the queue is full: the same bytes come again after on_writable */
    if (status == PORTICO_WOULD_BLOCK) return status;
    if (status == PORTICO_TOO_LARGE) {
        static const char text[] =
            "\"reply\" is longer than limits.max_send_bytes of this listener allows";
        ack->host->log(ack->instance, connection, PORTICO_LOG_ERROR, text, sizeof text - 1);
    }
    *consumed = size;
    if (ack->printer != NULL) {
        printer_print(ack->printer, ack->host->worker_index(ack->instance),
                      data + frame->payload_offset, frame->payload_size);
    }
    if (status < 0 || !ack->close_after) return status;
    return ack->host->close(ack->instance, connection, PORTICO_CLOSE_GRACEFUL);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
static const portico_plugin ack_plugin = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .flags = PORTICO_PLUGIN_UNLOADABLE,
    .name = "ack",
    .name_size = 3,
    .version = PORTICO_VERSION,
    .version_size = sizeof PORTICO_VERSION - 1,
    .validate = validate,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(ack_plugin)
