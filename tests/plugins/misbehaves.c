/* Plugins that break the ABI's rules, one in each way. The host must stay as it is, and so must
 * every other listener (tests/integration/misbehaves_test.cpp). If a host function answers against
 * the rules, that is logged as "unexpected: ..."; after destroy, when there is no log, it ends the
 * process.
 *
 * Those that a host must refuse to load: short_table, odd_table, no_create, no_destroy,
 * no_callbacks, no_on_data, small_callbacks, unknown_framing. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <portico/portico.h>

#include "stand_still.h"
#ifndef _WIN32
#include <pthread.h>
#endif

struct instance {
    const portico_host* host;
    portico_instance* handle;
};

static void complain(const struct instance* instance, portico_connection connection,
                     const char* what, portico_status status) {
    char text[128];
    const int size = snprintf(text, sizeof text, "unexpected: %s answers %d", what, (int)status);
    instance->host->log(instance->handle, connection, PORTICO_LOG_ERROR, text, (uint64_t)size);
}

#define EXPECT(instance, connection, expected, call)                             \
    do {                                                                         \
        const portico_status answer = (call);                                    \
        if (answer != (expected)) complain(instance, connection, #call, answer); \
    } while (0)

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    struct instance* made = malloc(sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    *made = (struct instance){setup->host, setup->instance};
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(self);
}

static portico_status PORTICO_CALL echo(void* self, portico_connection connection, void* state,
                                        const uint8_t* data, uint64_t size,
                                        const portico_frame* frame, uint64_t* consumed) {
    struct instance* instance = self;
    (void)state, (void)frame;
    *consumed = size;
    return instance->host->send(instance->handle, connection, data, size);
}

/* ---- answers */

static portico_status PORTICO_CALL takes_too_much(void* self, portico_connection connection,
                                                  void* state, const uint8_t* data, uint64_t size,
                                                  const portico_frame* frame, uint64_t* consumed) {
    (void)self, (void)connection, (void)state, (void)data, (void)size, (void)frame;
    *consumed = UINT64_MAX;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL takes_nothing(void* self, portico_connection connection,
                                                 void* state, const uint8_t* data, uint64_t size,
                                                 const portico_frame* frame, uint64_t* consumed) {
    (void)self, (void)connection, (void)state, (void)data, (void)size, (void)frame, (void)consumed;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL holds_all(void* self, portico_connection connection, void* state,
                                             const uint8_t* data, uint64_t size,
                                             const portico_frame* frame, uint64_t* consumed) {
    (void)self, (void)connection, (void)state, (void)data, (void)size, (void)frame, (void)consumed;
    return PORTICO_HOLD;
}

static portico_status PORTICO_CALL blocks_unasked(void* self, portico_connection connection,
                                                  void* state, const uint8_t* data, uint64_t size,
                                                  const portico_frame* frame, uint64_t* consumed) {
    (void)self, (void)connection, (void)state, (void)data, (void)frame;
    *consumed = size;
    return PORTICO_WOULD_BLOCK;
}

static portico_status PORTICO_CALL strange_data(void* self, portico_connection connection,
                                                void* state, const uint8_t* data, uint64_t size,
                                                const portico_frame* frame, uint64_t* consumed) {
    const portico_status status = echo(self, connection, state, data, size, frame, consumed);
    return status == PORTICO_OK ? INT32_MAX : status;
}
static portico_status PORTICO_CALL strange_open(void* self, portico_connection connection,
                                                const portico_opened* opened, void** state) {
    (void)self, (void)connection, (void)opened, (void)state;
    return PORTICO_WAIT;
}
static portico_status PORTICO_CALL strange_writable(void* self, portico_connection connection,
                                                    void* state) {
    (void)self, (void)connection, (void)state;
    return PORTICO_HOLD;
}
static portico_status PORTICO_CALL strange_stop(void* self, const portico_draining* draining) {
    (void)self, (void)draining;
    return INT32_MIN;
}

/* ---- calls at the wrong time */

static portico_status PORTICO_CALL sends_after_close(void* self, portico_connection connection,
                                                     void* state, const uint8_t* data,
                                                     uint64_t size, const portico_frame* frame,
                                                     uint64_t* consumed) {
    struct instance* me = self;
    const portico_host* host = me->host;
    (void)state, (void)frame;
    *consumed = size;
    EXPECT(me, connection, PORTICO_OK, host->send(me->handle, connection, data, size));
    EXPECT(me, connection, PORTICO_OK, host->finish_sending(me->handle, connection));
    EXPECT(me, connection, PORTICO_CLOSING, host->send(me->handle, connection, "late", 4));
    EXPECT(me, connection, PORTICO_OK, host->close(me->handle, connection, PORTICO_CLOSE_GRACEFUL));
    EXPECT(me, connection, PORTICO_GONE, host->send(me->handle, connection, "later", 5));
    EXPECT(me, connection, PORTICO_GONE, host->resume_reading(me->handle, connection));
    return host->close(me->handle, connection, PORTICO_CLOSE_GRACEFUL);
}

static portico_status PORTICO_CALL closes_in_open(void* self, portico_connection connection,
                                                  const portico_opened* opened, void** state) {
    struct instance* me = self;
    (void)opened, (void)state;
    EXPECT(me, connection, PORTICO_OK, me->host->send(me->handle, connection, "no", 2));
    return me->host->close(me->handle, connection, PORTICO_CLOSE_GRACEFUL);
}
static portico_status PORTICO_CALL aborts_in_open(void* self, portico_connection connection,
                                                  const portico_opened* opened, void** state) {
    struct instance* me = self;
    (void)opened, (void)state;
    EXPECT(me, connection, PORTICO_OK,
           me->host->close(me->handle, connection, PORTICO_CLOSE_ABORT));
    return PORTICO_REFUSED;
}

static void PORTICO_CALL uses_closed(void* self, portico_connection connection, void* state,
                                     const portico_closed* closed) {
    struct instance* me = self;
    const portico_host* host = me->host;
    (void)state, (void)closed;
    EXPECT(me, connection, PORTICO_GONE, host->send(me->handle, connection, "x", 1));
    EXPECT(me, connection, PORTICO_GONE, host->pause_reading(me->handle, connection));
    EXPECT(me, connection, PORTICO_GONE, host->resume_reading(me->handle, connection));
    EXPECT(me, connection, PORTICO_GONE, host->finish_sending(me->handle, connection));
    EXPECT(me, connection, PORTICO_GONE, host->close(me->handle, connection, PORTICO_CLOSE_ABORT));
}

static portico_status PORTICO_CALL stays(void* self, portico_connection connection, void* state,
                                         const portico_ended* ended) {
    (void)self, (void)connection, (void)state, (void)ended;
    return PORTICO_OK;
}
static portico_status PORTICO_CALL ignores_drain(void* self, portico_connection connection,
                                                 void* state, const portico_draining* draining) {
    (void)self, (void)connection, (void)state, (void)draining;
    return PORTICO_OK;
}

/* ---- wrong arguments */

static portico_status PORTICO_CALL wrong_arguments(void* self, portico_connection connection,
                                                   void* state, const uint8_t* data, uint64_t size,
                                                   const portico_frame* frame, uint64_t* consumed) {
    struct instance* me = self;
    const portico_host* host = me->host;
    portico_instance* handle = me->handle;
    const portico_part part = {NULL, 1};
    portico_connection_info info;
    memset(&info, 0, sizeof info);
    EXPECT(me, connection, PORTICO_INVALID, host->send(handle, connection, NULL, 1));
    EXPECT(me, connection, PORTICO_INVALID,
           host->send_parts(handle, connection, &part, 1, sizeof part));
    EXPECT(me, connection, PORTICO_INVALID,
           host->send_parts(handle, connection, NULL, 1, sizeof part));
    EXPECT(me, connection, PORTICO_INVALID, host->send_parts(handle, connection, &part, 1, 0));
    EXPECT(me, connection, PORTICO_INVALID, host->close(handle, connection, UINT32_MAX));
    EXPECT(me, connection, PORTICO_INVALID, host->post(handle, connection, NULL, NULL));
    EXPECT(me, connection, PORTICO_INVALID, host->post_instance(handle, NULL, NULL));
    EXPECT(me, connection, PORTICO_INVALID, host->info(handle, connection, NULL));
    EXPECT(me, connection, PORTICO_INVALID, host->info(handle, connection, &info));
    EXPECT(me, connection, PORTICO_GONE, host->send(handle, 0, "x", 1));
    EXPECT(me, connection, PORTICO_GONE, host->send(handle, UINT64_MAX, "x", 1));
    host->log(handle, connection, UINT32_MAX, NULL, 1);
    if (host->get_extension(handle, NULL, 0) != NULL) complain(me, connection, "get_extension", 0);
    return echo(self, connection, state, data, size, frame, consumed);
}

/* ---- handles of others */

/* Of the instances that live: the tests have two. */
static _Atomic(portico_connection) connection_of_another;
static _Atomic(struct instance*) another;

static portico_status PORTICO_CALL crosses(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    struct instance* me = self;
    struct instance* other = atomic_load(&another);
    const portico_connection theirs = atomic_load(&connection_of_another);
    if (other == NULL) {
        atomic_store(&connection_of_another, connection);
        atomic_store(&another, me);
    } else if (other != me) {
        EXPECT(me, connection, PORTICO_GONE, me->host->send(me->handle, theirs, "mine", 4));
        EXPECT(me, connection, PORTICO_GONE,
               me->host->close(me->handle, theirs, PORTICO_CLOSE_ABORT));
        EXPECT(me, connection, PORTICO_GONE, other->host->pause_reading(other->handle, connection));
    }
    return echo(self, connection, state, data, size, frame, consumed);
}
static void PORTICO_CALL destroy_crosses(void* self) {
    atomic_store(&another, NULL);
    free(self);
}

/* ---- too much of it */

static portico_status flood(struct instance* me, portico_connection connection) {
    static const char bytes[4096] = "flood";
    portico_status status = PORTICO_OK;
    while (status == PORTICO_OK)
        status = me->host->send(me->handle, connection, bytes, sizeof bytes);
    return status == PORTICO_WOULD_BLOCK ? PORTICO_OK : status;
}
static portico_status PORTICO_CALL floods_open(void* self, portico_connection connection,
                                               const portico_opened* opened, void** state) {
    (void)opened, (void)state;
    return flood(self, connection);
}
static portico_status PORTICO_CALL floods_writable(void* self, portico_connection connection,
                                                   void* state) {
    (void)state;
    return flood(self, connection);
}

static void PORTICO_CALL floods_post(void* self, portico_connection connection, void* state,
                                     void* argument, portico_status status) {
    struct instance* me = self;
    (void)connection, (void)state, (void)argument;
    if (status == PORTICO_OK) (void)me->host->post_instance(me->handle, floods_post, NULL);
}
static portico_status PORTICO_CALL floods_posts(void* self, portico_connection connection,
                                                void* state, const uint8_t* data, uint64_t size,
                                                const portico_frame* frame, uint64_t* consumed) {
    struct instance* me = self;
    for (int i = 0; i < 1000; ++i) (void)me->host->post_instance(me->handle, floods_post, NULL);
    return echo(self, connection, state, data, size, frame, consumed);
}

static portico_status PORTICO_CALL floods_log(void* self, portico_connection connection,
                                              void* state, const uint8_t* data, uint64_t size,
                                              const portico_frame* frame, uint64_t* consumed) {
    struct instance* me = self;
    char text[8192];
    memset(text, '\x1b', sizeof text);
#ifdef __SANITIZE_THREAD__  // there a line takes a hundred times as long
    const int lines = 200;
#else
    const int lines = 2000;
#endif
    for (int i = 0; i < lines; ++i)
        me->host->log(me->handle, connection, PORTICO_LOG_ERROR, text, sizeof text);
    return echo(self, connection, state, data, size, frame, consumed);
}

static portico_status PORTICO_CALL blocks(void* self, portico_connection connection, void* state,
                                          const uint8_t* data, uint64_t size,
                                          const portico_frame* frame, uint64_t* consumed) {
    stand_still(30 * 1000);
    return echo(self, connection, state, data, size, frame, consumed);
}

/* ---- a thread that goes on after destroy */

struct ghost {
    const portico_host* host;
    portico_instance* handle;
    portico_connection connection;
    atomic_int is_dead; /* destroy has returned, or is about to */
};

static void PORTICO_CALL never(void* self, portico_connection connection, void* state,
                               void* argument, portico_status status) {
    (void)self, (void)connection, (void)state, (void)argument, (void)status;
}

static void must_be_gone(portico_status status) {
    if (status != PORTICO_GONE) abort();
}

static void haunt(struct ghost* ghost) {
    const portico_host* host = ghost->host;
    portico_instance* handle = ghost->handle;
    while (!atomic_load(&ghost->is_dead)) {
        (void)host->resume_reading(handle, ghost->connection);
        (void)host->post_instance(handle, never, NULL);
        (void)host->post(handle, ghost->connection, never, NULL);
        stand_still(100);
    }
    stand_still(200 * 1000); /* destroy has surely returned */
    for (int i = 0; i < 1000; ++i) {
        must_be_gone(host->send(handle, ghost->connection, "boo", 3));
        must_be_gone(host->close(handle, ghost->connection, PORTICO_CLOSE_ABORT));
        must_be_gone(host->post(handle, ghost->connection, never, NULL));
        must_be_gone(host->post_instance(handle, never, NULL));
        host->log(handle, ghost->connection, PORTICO_LOG_ERROR, "unexpected: a ghost speaks", 26);
        if (host->get_extension(handle, "x", 1) != NULL) abort();
        if (host->worker_index(handle) != UINT32_MAX) abort();
        if (host->now(handle) == 0) abort();
    }
    free(ghost);
}

#ifdef _WIN32
static DWORD WINAPI haunting(void* ghost) {
    haunt(ghost);
    return 0;
}
static int start_haunting(struct ghost* ghost) {
    HANDLE thread = CreateThread(NULL, 0, haunting, ghost, 0, NULL);
    if (thread != NULL) CloseHandle(thread);
    return thread != NULL;
}
#else
static void* haunting(void* ghost) {
    haunt(ghost);
    return NULL;
}
static int start_haunting(struct ghost* ghost) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, haunting, ghost) != 0) return 0;
    return pthread_detach(thread) == 0;
}
#endif

static struct ghost* last_ghost; /* of the one instance that a test has */

static portico_status PORTICO_CALL haunts(void* self, portico_connection connection, void* state,
                                          const uint8_t* data, uint64_t size,
                                          const portico_frame* frame, uint64_t* consumed) {
    struct instance* me = self;
    if (last_ghost == NULL) {
        struct ghost* ghost = malloc(sizeof *ghost);
        if (ghost == NULL) return PORTICO_NO_MEMORY;
        ghost->host = me->host;
        ghost->handle = me->handle;
        ghost->connection = connection;
        atomic_init(&ghost->is_dead, 0);
        if (!start_haunting(ghost)) {
            free(ghost);
            return PORTICO_ERROR;
        }
        last_ghost = ghost;
    }
    return echo(self, connection, state, data, size, frame, consumed);
}
static void PORTICO_CALL destroy_haunts(void* self) {
    if (last_ghost != NULL) atomic_store(&last_ghost->is_dead, 1);
    last_ghost = NULL;
    free(self);
}

/* ---- the tables */

#define CALLBACKS(name, ...)                                                                     \
    static const portico_callbacks name##_callbacks = {.struct_size = sizeof(portico_callbacks), \
                                                       __VA_ARGS__}
#define HEAD(name_)                                                                    \
    .abi_major = PORTICO_ABI_MAJOR, .abi_minor = PORTICO_ABI_MINOR,                    \
    .abi_required = PORTICO_ABI_MINOR, .name = #name_, .name_size = sizeof #name_ - 1, \
    .version = ""
/* PLUGIN(NAME, CALLBACKS...) */
#define PLUGIN(name_, ...)                                                      \
    CALLBACKS(name_, __VA_ARGS__);                                              \
    static const portico_plugin name_ = {.struct_size = sizeof(portico_plugin), \
                                         HEAD(name_),                           \
                                         .create = create,                      \
                                         .destroy = destroy,                    \
                                         .callbacks = &name_##_callbacks}

PLUGIN(consumes_too_much, .on_data = takes_too_much);
PLUGIN(never_consumes, .on_data = takes_nothing);
PLUGIN(holds_for_ever, .on_data = holds_all);
PLUGIN(would_block, .on_data = blocks_unasked);
PLUGIN(sends_closed, .on_data = sends_after_close);
PLUGIN(closes_opening, .on_data = echo, .on_open = closes_in_open, .on_close = uses_closed);
PLUGIN(aborts_opening, .on_data = echo, .on_open = aborts_in_open, .on_close = uses_closed);
PLUGIN(uses_gone, .on_data = echo, .on_close = uses_closed);
PLUGIN(never_closes, .on_data = echo, .on_end = stays, .on_drain = ignores_drain);
PLUGIN(wrong, .on_data = wrong_arguments);
PLUGIN(floods_sends, .on_data = echo, .on_open = floods_open, .on_writable = floods_writable);
PLUGIN(floods_strand, .on_data = floods_posts);
PLUGIN(floods_lines, .on_data = floods_log);
PLUGIN(blocks_worker, .on_data = blocks);

CALLBACKS(strange, .on_data = strange_data, .on_open = strange_open,
          .on_writable = strange_writable);
static const portico_plugin strange = {.struct_size = sizeof(portico_plugin),
                                       HEAD(strange),
                                       .create = create,
                                       .on_stop = strange_stop,
                                       .destroy = destroy,
                                       .callbacks = &strange_callbacks};
CALLBACKS(crossing, .on_data = crosses);
static const portico_plugin crossing = {.struct_size = sizeof(portico_plugin),
                                        HEAD(crossing),
                                        .create = create,
                                        .destroy = destroy_crosses,
                                        .callbacks = &crossing_callbacks};
CALLBACKS(haunted, .on_data = haunts);
static const portico_plugin haunted = {.struct_size = sizeof(portico_plugin),
                                       HEAD(haunted),
                                       .create = create,
                                       .destroy = destroy_haunts,
                                       .callbacks = &haunted_callbacks};

/* Those that must not load. */
CALLBACKS(right, .on_data = echo);
static const portico_callbacks small = {.struct_size = 16, .on_data = echo};
static const portico_callbacks none = {.struct_size = sizeof(portico_callbacks)};
static const portico_plugin short_table = {.struct_size = 64,
                                           HEAD(short_table),
                                           .create = create,
                                           .destroy = destroy,
                                           .callbacks = &right_callbacks};
static const portico_plugin odd_table = {.struct_size = sizeof(portico_plugin) + 4,
                                         HEAD(odd_table),
                                         .create = create,
                                         .destroy = destroy,
                                         .callbacks = &right_callbacks};
static const portico_plugin no_create = {.struct_size = sizeof(portico_plugin),
                                         HEAD(no_create),
                                         .destroy = destroy,
                                         .callbacks = &right_callbacks};
static const portico_plugin no_destroy = {.struct_size = sizeof(portico_plugin),
                                          HEAD(no_destroy),
                                          .create = create,
                                          .callbacks = &right_callbacks};
static const portico_plugin no_callbacks = {.struct_size = sizeof(portico_plugin),
                                            HEAD(no_callbacks),
                                            .create = create,
                                            .destroy = destroy};
static const portico_plugin no_on_data = {.struct_size = sizeof(portico_plugin),
                                          HEAD(no_on_data),
                                          .create = create,
                                          .destroy = destroy,
                                          .callbacks = &none};
static const portico_plugin small_callbacks = {.struct_size = sizeof(portico_plugin),
                                               HEAD(small_callbacks),
                                               .create = create,
                                               .destroy = destroy,
                                               .callbacks = &small};
static const portico_plugin unknown_framing = {.struct_size = sizeof(portico_plugin),
                                               HEAD(unknown_framing),
                                               .framing = 1u << 20,
                                               .create = create,
                                               .destroy = destroy,
                                               .callbacks = &right_callbacks};

static const portico_plugin* const plugins[] = {
    &consumes_too_much, &never_consumes, &holds_for_ever, &would_block,     &sends_closed,
    &closes_opening,    &aborts_opening, &uses_gone,      &never_closes,    &wrong,
    &floods_sends,      &floods_strand,  &floods_lines,   &blocks_worker,   &strange,
    &crossing,          &haunted,        &short_table,    &odd_table,       &no_create,
    &no_destroy,        &no_callbacks,   &no_on_data,     &small_callbacks, &unknown_framing};
static const portico_module module = {sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR,
                                      sizeof plugins / sizeof plugins[0], plugins};

PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module* PORTICO_CALL
portico_plugin_query(uint32_t host_abi_major) {
    (void)host_abi_major;
    return &module;
}
