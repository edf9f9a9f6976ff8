/* everything: a right plugin that uses each function of the host, so that host verify sees them all
 * and finds nothing. It echoes lines, each in the next one of seven ways; the last one is to let an
 * upstream, "backend", echo the line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <portico/ext/connect.h>
#include <portico/ext/connections.h>
#include <portico/ext/executor.h>
#include <portico/ext/metrics.h>
#include <portico/ext/resolve.h>
#include <portico/ext/send_owned.h>
#include <portico/ext/settings.h>
#include <portico/ext/timer.h>
#include <portico/portico.h>

struct everything {
    const portico_host *host;
    portico_instance *instance;
    const portico_timers *timers;
    const portico_send_owned *owned;
    const portico_executor *executor;
    const portico_connections *connections;
    const portico_connect *connect;
    const portico_resolve *resolve;
    const portico_metrics *metrics;
    portico_series lines, sizes, open;
};

/* A line on its way through a post or through blocking work. */
struct job {
    struct everything *its;
    uint64_t size;
    char text[];
};

/* A connection to another server, made for a client's one. Both live on one worker. */
struct backend {
    struct everything *its;
    struct session *session; /* NULL: that has ended */
};

struct session {
    portico_connection connection;
    portico_connection backend; /* 0: none */
    struct backend *backend_state;
    uint64_t echoes;             /* bytes that are to come from there */
    int waits_for_backend_queue; /* it was full */
    uint64_t lines;
    portico_timer timer;
    struct job *pending; /* an answer that found the queue full */
};

static const void *extension(const portico_setup *setup, const char *id) {
    return setup->host->get_extension(setup->instance, id, strlen(id));
}

/* ---- the instance */

static portico_status read_settings(const portico_setup *setup) {
    const portico_settings *settings = extension(setup, PORTICO_EXT_SETTINGS);
    int32_t loud = 0;
    int64_t limit = 1;
    double ratio = 0.5;
    const char *name = "";
    uint64_t size = 0, count = 0;
    uint32_t kind = 0;
    if (settings == NULL) return PORTICO_UNSUPPORTED;
    portico_instance *instance = setup->instance;
    const portico_status answers[] = {
        settings->get_boolean(instance, "loud", 4, &loud),
        settings->get_integer(instance, "limit", 5, 1, 100, &limit),
        settings->get_number(instance, "ratio", 5, 0.0, 1.0, &ratio),
        settings->get_string(instance, "name", 4, &name, &size),
        settings->get_kind(instance, "any", 3, &kind),
        settings->read_anything(instance, "any", 3),
        settings->get_count(instance, "", 0, &count),
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; ++i) {
        if (answers[i] < 0 && answers[i] != PORTICO_NOT_FOUND) return answers[i];
    }
    if (count != 0) (void)settings->get_key(instance, "", 0, 0, &name, &size);
    if (limit == 13) return settings->fail(instance, "limit", 5, "found 13, which is unlucky", 26);
    return PORTICO_OK;
}

static portico_status PORTICO_CALL validate(const portico_setup *setup) {
    return read_settings(setup);
}

static portico_status define(struct everything *its, const char *name, uint32_t kind,
                             portico_series *series) {
    static const double bounds[] = {16, 256};
    portico_metric_definition definition = {.struct_size = sizeof definition};
    portico_metric metric = 0;
    definition.kind = kind;
    definition.name = name;
    definition.name_size = strlen(name);
    definition.help = "of a test";
    definition.help_size = 9;
    if (kind == PORTICO_METRIC_HISTOGRAM) {
        definition.bounds = bounds;
        definition.bound_count = 2;
    }
    const portico_status status = its->metrics->define(its->instance, &definition, &metric);
    if (status != PORTICO_OK) return status;
    return its->metrics->get_series(its->instance, metric, NULL, 0, 0, series);
}

static void PORTICO_CALL on_begun(void *self, portico_connection connection, void *state,
                                  void *argument, portico_status status) {
    (void)self;
    (void)connection;
    (void)state;
    (void)status;
    free(argument);
}

static portico_status PORTICO_CALL create(const portico_setup *setup, void **self) {
    portico_status status = read_settings(setup);
    if (status != PORTICO_OK) return status;
    struct everything *its = calloc(1, sizeof *its);
    if (its == NULL) return PORTICO_NO_MEMORY;
    its->host = setup->host;
    its->instance = setup->instance;
    its->timers = extension(setup, PORTICO_EXT_TIMER);
    its->owned = extension(setup, PORTICO_EXT_SEND_OWNED);
    its->executor = extension(setup, PORTICO_EXT_EXECUTOR);
    its->connections = extension(setup, PORTICO_EXT_CONNECTIONS);
    its->metrics = extension(setup, PORTICO_EXT_METRICS);
    its->connect = extension(setup, PORTICO_EXT_CONNECT);
    its->resolve = extension(setup, PORTICO_EXT_RESOLVE);
    if (its->timers == NULL || its->owned == NULL || its->executor == NULL ||
        its->connections == NULL || its->metrics == NULL || its->connect == NULL ||
        its->resolve == NULL) {
        status = PORTICO_UNSUPPORTED;
    }
    if (status == PORTICO_OK) {
        portico_upstream found = {.struct_size = sizeof found};
        status = its->connect->find(its->instance, "backend", 7, &found);
    }
    if (status == PORTICO_OK)
        status = define(its, "lines_total", PORTICO_METRIC_COUNTER, &its->lines);
    if (status == PORTICO_OK) status = define(its, "bytes", PORTICO_METRIC_HISTOGRAM, &its->sizes);
    if (status == PORTICO_OK) status = define(its, "open", PORTICO_METRIC_GAUGE, &its->open);
    if (status == PORTICO_OK) {
        void *argument = malloc(24);
        if (setup->host->post_instance(setup->instance, on_begun, argument) != PORTICO_OK) {
            free(argument);
        }
        *self = its;
    } else {
        free(its);
    }
    return status;
}

static portico_status PORTICO_CALL on_stop(void *self, const portico_draining *draining) {
    (void)self;
    (void)draining;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void *self) { free(self); }

/* ---- answers that come later */

/* Sends the pending answer. Reading goes on when it is sent, or when nothing can be sent any
 * more. */
static void answer_pending(const struct everything *its, portico_connection connection,
                           struct session *session) {
    struct job *job = session->pending;
    if (job == NULL) return;
    const portico_status status = its->host->send(its->instance, connection, job->text, job->size);
    if (status == PORTICO_WOULD_BLOCK) return; /* on_writable follows */
    session->pending = NULL;
    free(job);
    if (status < 0) {
        (void)its->host->close(its->instance, connection, PORTICO_CLOSE_ABORT);
    } else if (its->host->resume_reading(its->instance, connection) == PORTICO_NO_MEMORY) {
        (void)its->host->close(its->instance, connection, PORTICO_CLOSE_ABORT);
    }
}

static void PORTICO_CALL on_posted(void *self, portico_connection connection, void *state,
                                   void *argument, portico_status status) {
    struct session *session = state;
    if (status != PORTICO_OK || session == NULL) {
        free(argument);
        return;
    }
    session->pending = argument;
    answer_pending(self, connection, session);
}

static void PORTICO_CALL work(void *self, void *argument) {
    const struct everything *its = self;
    struct job *job = argument;
    if (its->host->worker_index(its->instance) == UINT32_MAX) job->its = self;
}

static void PORTICO_CALL on_released(void *self, portico_connection connection, void *state,
                                     void *argument, portico_status status) {
    (void)self;
    (void)connection;
    (void)state;
    (void)status;
    free(argument);
}

/* ---- connections to other servers */

static portico_status PORTICO_CALL on_backend_data(void *self, portico_connection connection,
                                                   void *state, const uint8_t *data, uint64_t size,
                                                   const portico_frame *frame, uint64_t *consumed) {
    const struct everything *its = self;
    struct session *session = ((struct backend *)state)->session;
    (void)connection;
    (void)frame;
    if (session == NULL) {
        *consumed = size;
        return PORTICO_OK;
    }
    const portico_status status = its->host->send(its->instance, session->connection, data, size);
    if (status == PORTICO_WOULD_BLOCK) return PORTICO_WAIT; /* the client's on_writable resumes */
    *consumed = size;
    if (status < 0) return status == PORTICO_NO_MEMORY ? status : PORTICO_OK;
    session->echoes -= size;
    return session->echoes != 0 ? PORTICO_OK
                                : its->host->resume_reading(its->instance, session->connection);
}

static portico_status PORTICO_CALL on_backend_writable(void *self, portico_connection connection,
                                                       void *state) {
    const struct everything *its = self;
    struct session *session = ((struct backend *)state)->session;
    (void)connection;
    if (session == NULL || !session->waits_for_backend_queue) return PORTICO_OK;
    session->waits_for_backend_queue = 0;
    return its->host->resume_reading(its->instance, session->connection);
}

/* Also if it was never made. The client would wait for its echoes. */
static void PORTICO_CALL on_backend_close(void *self, portico_connection connection, void *state,
                                          const portico_closed *closed) {
    const struct everything *its = self;
    struct backend *backend = state;
    (void)connection;
    (void)closed;
    if (backend->session != NULL) {
        backend->session->backend_state = NULL;
        backend->session->backend = 0;
        if (backend->session->echoes != 0) {
            (void)its->host->close(its->instance, backend->session->connection,
                                   PORTICO_CLOSE_ABORT);
        }
    }
    free(backend);
}

static const portico_callbacks backend_callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_backend_data,
    .on_writable = on_backend_writable,
    .on_close = on_backend_close,
};

/* `upstream` or `address` is NULL. */
static portico_status connect_to(struct everything *its, struct session *session,
                                 const char *upstream, const char *address, uint64_t size,
                                 portico_connection *connection, struct backend **state) {
    struct backend *backend = calloc(1, sizeof *backend);
    if (backend == NULL) return PORTICO_NO_MEMORY;
    backend->its = its;
    backend->session = session;
    portico_target target = {.struct_size = sizeof target};
    target.upstream = upstream;
    target.upstream_size = upstream != NULL ? size : 0;
    target.address = address;
    target.address_size = address != NULL ? size : 0;
    target.beside = session != NULL ? session->connection : 0;
    target.callbacks = &backend_callbacks;
    target.state = backend;
    const portico_status status = its->connect->connect(its->instance, &target, connection);
    if (status != PORTICO_OK) {
        free(backend);
        backend = NULL;
    }
    if (state != NULL) *state = backend;
    return status;
}

/* Says hello to the server of that name, and leaves. */
static void PORTICO_CALL on_resolved(void *self, portico_connection connection, void *state,
                                     void *argument, const portico_resolved *resolved) {
    struct everything *its = self;
    portico_connection made = 0;
    (void)connection;
    (void)state;
    free(argument);
    if (resolved->status != PORTICO_OK) return;
    const portico_address *address = resolved->addresses;
    if (connect_to(its, NULL, NULL, address->text, address->text_size, &made, NULL) == PORTICO_OK) {
        (void)its->host->send(its->instance, made, "hello", 5);
        (void)its->host->close(its->instance, made, PORTICO_CLOSE_GRACEFUL);
    }
}

static void look_up(const struct everything *its, portico_connection connection, const char *name,
                    int is_cancelled) {
    portico_request request = 0;
    void *argument = malloc(32);
    if (its->resolve->resolve(its->instance, connection, name, strlen(name), 0, on_resolved,
                              argument, &request) != PORTICO_OK) {
        free(argument);
    } else if (is_cancelled) {
        (void)its->resolve->cancel(its->instance, request);
    }
}

/* ---- a connection */

static void PORTICO_CALL on_timer(void *self, portico_connection connection, void *state,
                                  void *argument, const portico_timer_event *event) {
    (void)self;
    (void)connection;
    (void)state;
    if ((event->flags & PORTICO_TIMER_LAST) != 0) free(argument);
}

static portico_status PORTICO_CALL on_open(void *self, portico_connection connection,
                                           const portico_opened *opened, void **state) {
    const struct everything *its = self;
    portico_connection_info info = {.struct_size = sizeof info};
    portico_connection some[4];
    uint64_t cursor = 0;
    uint32_t count = 0;
    (void)opened;
    (void)its->host->info(its->instance, connection, &info);
    (void)its->connections->list(its->instance, &cursor, some, 4, &count);
    (void)its->connections->join(its->instance, connection, 7);
    (void)its->connections->leave(its->instance, connection, 7);
    (void)its->metrics->add(its->instance, its->open, 1);
    (void)its->host->pause_reading(its->instance, connection);
    portico_status status = its->host->resume_reading(its->instance, connection);
    if (status < 0) return status;
    struct session *session = calloc(1, sizeof *session);
    void *argument = malloc(48);
    status = session == NULL || argument == NULL
                 ? PORTICO_NO_MEMORY
                 : its->timers->start(its->instance, connection, 700, 500, on_timer, argument,
                                      &session->timer);
    if (status != PORTICO_OK) {
        free(argument);
        free(session);
        return status;
    }
    session->connection = connection;
    *state = session;
    look_up(its, connection, "other.example:4711", 0);
    look_up(its, connection, "nobody.example:4711", 1);
    return PORTICO_OK;
}

/* The backend echoes the line. PORTICO_WOULD_BLOCK: its queue is full, and reading goes on when
 * there is room. */
static portico_status answer_by_backend(struct everything *its, struct session *session,
                                        const uint8_t *data, uint64_t size) {
    if (session->backend == 0) {
        const portico_status status = connect_to(its, session, "backend", NULL, 7,
                                                 &session->backend, &session->backend_state);
        if (status != PORTICO_OK) return status;
    }
    const portico_status status = its->host->send(its->instance, session->backend, data, size);
    session->waits_for_backend_queue = status == PORTICO_WOULD_BLOCK;
    if (status != PORTICO_OK) return status;
    session->echoes = size;
    return PORTICO_WAIT;
}

/* The line, on its way through a post or through blocking work. */
static portico_status answer_later(struct everything *its, portico_connection connection,
                                   const uint8_t *data, uint64_t size, int works) {
    struct job *job = malloc(sizeof *job + (size_t)size);
    if (job == NULL) return PORTICO_NO_MEMORY;
    job->its = its;
    job->size = size;
    memcpy(job->text, data, (size_t)size);
    const portico_status status = works
                                      ? its->executor->run(its->instance, connection, work,
                                                           on_posted, job)
                                      : its->host->post(its->instance, connection, on_posted, job);
    if (status != PORTICO_OK) free(job);
    return status == PORTICO_OK ? PORTICO_WAIT : status;
}

static portico_status answer_owned(const struct everything *its, portico_connection connection,
                                   const uint8_t *data, uint64_t size) {
    void *copy = malloc((size_t)size);
    if (copy == NULL) return PORTICO_NO_MEMORY;
    memcpy(copy, data, (size_t)size);
    const portico_part part = {copy, size};
    const portico_status status = its->owned->send(its->instance, connection, &part, 1, sizeof part,
                                                   on_released, copy);
    if (status != PORTICO_OK) free(copy);
    return status;
}

static portico_status answer_in_place(const struct everything *its, portico_connection connection,
                                      const uint8_t *data, uint64_t size) {
    void *place = NULL;
    uint64_t buffer = 0;
    portico_status status = its->owned->reserve(its->instance, connection, 1, &place, &buffer);
    if (status != PORTICO_OK) return status;
    (void)its->owned->drop(its->instance, buffer);
    status = its->owned->reserve(its->instance, connection, size, &place, &buffer);
    if (status != PORTICO_OK) return status;
    memcpy(place, data, (size_t)size);
    return its->owned->commit(its->instance, buffer, size);
}

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    struct everything *its = self;
    struct session *session = state;
    const portico_part parts[] = {{data, 1}, {data + 1, size - 1}};
    portico_status status = PORTICO_OK;
    switch (session->lines % 7) {
        case 0: status = answer_later(its, connection, data, size, 1); break;
        case 1: status = answer_later(its, connection, data, size, 0); break;
        case 2: status = answer_owned(its, connection, data, size); break;
        case 3: status = answer_in_place(its, connection, data, size); break;
        case 4:
            status = its->host->send_parts(its->instance, connection, parts, 2, sizeof parts[0]);
            break;
        case 5: status = its->host->send(its->instance, connection, data, size); break;
        default:
            status = answer_by_backend(its, session, data, size);
            if (status == PORTICO_WOULD_BLOCK) return PORTICO_WAIT;
            break;
    }
    if (status < 0) return status;
    ++session->lines;
    (void)its->timers->restart(its->instance, session->timer, 700, 500);
    (void)its->metrics->add(its->instance, its->lines, 1);
    (void)its->metrics->record(its->instance, its->sizes, (double)frame->payload_size);
    *consumed = size;
    return status;
}

static portico_status PORTICO_CALL on_writable(void *self, portico_connection connection,
                                               void *state) {
    const struct everything *its = self;
    const struct session *session = state;
    answer_pending(its, connection, state);
    if (session->backend != 0) (void)its->host->resume_reading(its->instance, session->backend);
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_end(void *self, portico_connection connection, void *state,
                                          const portico_ended *ended) {
    const struct everything *its = self;
    const struct session *session = state;
    (void)ended;
    (void)its->timers->cancel(its->instance, session->timer);
    (void)its->host->finish_sending(its->instance, connection);
    return its->host->close(its->instance, connection, PORTICO_CLOSE_GRACEFUL);
}

static portico_status PORTICO_CALL on_drain(void *self, portico_connection connection, void *state,
                                            const portico_draining *draining) {
    const struct everything *its = self;
    (void)state;
    (void)draining;
    return its->host->close(its->instance, connection, PORTICO_CLOSE_GRACEFUL);
}

static void PORTICO_CALL on_close(void *self, portico_connection connection, void *state,
                                  const portico_closed *closed) {
    const struct everything *its = self;
    struct session *session = state;
    portico_connection_info info = {.struct_size = sizeof info};
    char text[48];
    (void)its->host->info(its->instance, connection, &info);
    (void)its->metrics->set(its->instance, its->open, 0);
    const int size = snprintf(
        text, sizeof text, "closed after %llu ns",
        (unsigned long long)(its->host->now(its->instance) - closed->opened_ns));
    its->host->log(its->instance, connection, PORTICO_LOG_DEBUG, text, (uint64_t)size);
    if (session->backend_state != NULL) {
        session->backend_state->session = NULL;
        (void)its->host->close(its->instance, session->backend, PORTICO_CLOSE_GRACEFUL);
    }
    free(session->pending);
    free(session);
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
static const portico_plugin everything = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .framing = PORTICO_FRAMING_DELIMITER,
    .name = "everything",
    .name_size = 10,
    .validate = validate,
    .create = create,
    .on_stop = on_stop,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(everything)
