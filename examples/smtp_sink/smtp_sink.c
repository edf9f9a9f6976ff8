/* smtp_sink: takes mail by SMTP (RFC 5321), counts it and throws it away. README.md says more.
 *
 * This file is the plugin's table and its callbacks. A session's bytes go from on_data to input.c,
 * its commands to commands.c and envelope.c, and its replies (replies.c) back with settle. */
#include <stdio.h>
#include <stdlib.h>

#include "dialogue.h"
#include "input.h"
#include "replies.h"

#define MS UINT64_C(1000000) /* in nanoseconds */
/* So long before a drain's deadline a client in the middle of a message is told. */
#define FAREWELL_NS (500 * MS)

/* ---- the instance */

/* The listener's limits must leave room for a line and for the replies to a read. */
static portico_status check_limits(const portico_setup *setup) {
    if (setup->max_message_bytes > LINE_BYTES && setup->max_send_bytes >= REPLIES_BYTES) {
        return PORTICO_OK;
    }
    (void)snprintf(setup->error, setup->error_capacity,
                   "limits.unconsumed_bytes must be above %u, limits.max_send_bytes at least %u",
                   LINE_BYTES, REPLIES_BYTES);
    return PORTICO_ERROR;
}

static portico_status PORTICO_CALL validate(const portico_setup *setup) {
    struct options ignored;
    const portico_status status = read_options(setup, &ignored);
    return status < 0 ? status : check_limits(setup);
}

static portico_status PORTICO_CALL create(const portico_setup *setup, void **self) {
    struct sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) return PORTICO_NO_MEMORY;
    sink->host = setup->host;
    sink->instance = setup->instance;
    sink->timers = setup->host->get_extension(setup->instance, PORTICO_EXT_TIMER,
                                              sizeof PORTICO_EXT_TIMER - 1);
    portico_status status = sink->timers != NULL ? PORTICO_OK : PORTICO_UNSUPPORTED;
    if (status >= 0) status = read_options(setup, &sink->options);
    if (status >= 0) status = check_limits(setup);
    if (status >= 0) status = define_counts(setup, &sink->counts);
    if (status < 0) {
        free(sink);
        return status;
    }
    *self = sink;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void *self) { free(self); }

/* ---- a connection */

/* The client has been silent for too long, or its session or a drain has come to its end. */
static void PORTICO_CALL on_timeout(void *self, portico_connection connection, void *state,
                                    void *argument, const portico_timer_event *event) {
    const struct sink *sink = self;
    struct session *session = state;
    (void)argument;
    if (event->status != PORTICO_OK) return; /* the connection closes */
    if (session->is_draining) {
        hang_up(session, "4.3.2", "Service not available, closing");
    } else if (session->state != STATE_ENDING) {
        count_one(&sink->counts, sink->counts.timeouts[session->state]);
        hang_up(session, "4.4.2", "Timeout, closing");
    }
    (void)settle(session);
    /* A client that has not even read its replies gets no more time. */
    (void)sink->host->close(sink->instance, connection, PORTICO_CLOSE_GRACEFUL);
}

static portico_status PORTICO_CALL on_open(void *self, portico_connection connection,
                                           const portico_opened *opened, void **state) {
    const struct sink *sink = self;
    struct session *session = calloc(1, sizeof *session);
    (void)opened;
    if (session == NULL) return PORTICO_NO_MEMORY;
    session->sink = sink;
    session->connection = connection;
    session->deadline_ns = sink->host->now(sink->instance) + sink->options.session_ms * MS;
    portico_status status = sink->timers->start(sink->instance, connection, time_to_wait(session),
                                                0, on_timeout, NULL, &session->timer);
    if (status >= 0) {
        add_named_reply(session, 220, NULL, "ESMTP smtp_sink");
        status = settle(session);
    }
    if (status < 0) {
        free(session);
        return status;
    }
    *state = session;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    struct session *session = state;
    portico_status status = PORTICO_OK;
    (void)self, (void)connection, (void)frame;
    while (*consumed < size) {
        if (!has_room(session)) status = send_replies(session);
        if (status < 0) break;
        const uint64_t taken = take_input(session, data + *consumed, size - *consumed);
        if (taken == 0) break; /* half a line: the host offers it again, with what follows */
        *consumed += taken;
    }
    if (status >= 0) status = settle(session);
    return status == PORTICO_WOULD_BLOCK ? PORTICO_HOLD : status;
}

static portico_status PORTICO_CALL on_writable(void *self, portico_connection connection,
                                               void *state) {
    (void)self, (void)connection;
    return settle(state);
}

static portico_status PORTICO_CALL on_end(void *self, portico_connection connection, void *state,
                                          const portico_ended *ended) {
    (void)self, (void)connection, (void)ended;
    end_dialogue(state);
    return settle(state);
}

static portico_status PORTICO_CALL on_drain(void *self, portico_connection connection, void *state,
                                            const portico_draining *draining) {
    struct session *session = state;
    const uint64_t deadline = draining->deadline_ns;
    const uint64_t farewell = deadline > FAREWELL_NS ? deadline - FAREWELL_NS : 0;
    (void)self, (void)connection;
    session->is_draining = 1;
    if (session->state != STATE_TEXT) {
        hang_up(session, "4.3.2", "Service not available, closing");
        return settle(session);
    }
    /* The message may be finished, if that does not take too long. */
    if (farewell < session->deadline_ns) session->deadline_ns = farewell;
    restart_timer(session);
    return PORTICO_OK;
}

static void PORTICO_CALL on_close(void *self, portico_connection connection, void *state,
                                  const portico_closed *closed) {
    (void)self, (void)connection, (void)closed;
    report_lost_message(state);
    free(state);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = on_data,
    .on_writable = on_writable,
    .on_end = on_end,
    .on_drain = on_drain,
    .on_close = on_close,
};
static const portico_plugin smtp_sink = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .flags = PORTICO_PLUGIN_UNLOADABLE,
    .framing = PORTICO_FRAMING_NONE,
    .name = "smtp_sink",
    .name_size = 9,
    .version = "1.0",
    .version_size = 3,
    .validate = validate,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(smtp_sink)
