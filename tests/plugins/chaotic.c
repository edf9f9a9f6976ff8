/* Plugins for the chaos suite (tests/chaos).
 *
 *   chaotic#slow    echoes, and stands still for "callback_ms" in each callback
 *   chaotic#large   for each byte it makes a reply of (byte * "unit_bytes") bytes, and
 *                   sends it piece by piece, as the queue has room. Byte i of all replies of a
 *                   connection is reply_byte(i). Unframed
 *   chaotic#holds   holds the first message of each connection. The byte KEY from any connection
 *                   releases all that are held; they are echoed from then on. Unframed
 *   chaotic#stays   echoes, and never closes after the peer's end of stream
 *
 * The others echo with a planted defect each, which the suite must find: chaotic#changes now and
 * then changes a byte, chaotic#loses loses a message, chaotic#spins posts to itself for ever. */
#include <stdlib.h>

#include <portico/ext/settings.h>
#include <portico/portico.h>

#include "stand_still.h"

#define KEY 1
#define PIECE_BYTES 16384u

struct instance {
    const portico_host* host;
    portico_instance* handle;
    int64_t callback_ms;
    int64_t unit_bytes;
    /* Held connections. Only functions posted to the instance touch them, and those are serial. */
    portico_connection* held;
    size_t held_count, held_capacity;
};

struct connection {
    uint64_t owed; /* large: bytes of replies that were asked for and not sent */
    uint64_t sent;
    int is_released; /* holds */
    int is_listed;
    unsigned messages;
};

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    const portico_settings* settings = setup->host->get_extension(
        setup->instance, PORTICO_EXT_SETTINGS, sizeof PORTICO_EXT_SETTINGS - 1);
    int64_t callback_ms = 0, unit_bytes = 1024;
    if (settings == NULL) return PORTICO_UNSUPPORTED;
    portico_status status = settings->get_integer(setup->instance, "callback_ms", 11, 0, 60000,
                                                  &callback_ms);
    if (status < 0 && status != PORTICO_NOT_FOUND) return status;
    status = settings->get_integer(setup->instance, "unit_bytes", 10, 1, 1 << 20, &unit_bytes);
    if (status < 0 && status != PORTICO_NOT_FOUND) return status;
    struct instance* made = calloc(1, sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    made->host = setup->host;
    made->handle = setup->instance;
    made->callback_ms = callback_ms;
    made->unit_bytes = unit_bytes;
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(((struct instance*)self)->held);
    free(self);
}

static portico_status PORTICO_CALL on_open(void* self, portico_connection handle,
                                           const portico_opened* opened, void** state) {
    (void)self, (void)handle, (void)opened;
    *state = calloc(1, sizeof(struct connection));
    return *state != NULL ? PORTICO_OK : PORTICO_NO_MEMORY;
}

static void PORTICO_CALL on_close(void* self, portico_connection handle, void* state,
                                  const portico_closed* closed) {
    (void)self, (void)handle, (void)closed;
    free(state);
}

static portico_status echo(struct instance* instance, portico_connection handle,
                           const uint8_t* data, uint64_t size, uint64_t* consumed) {
    *consumed = size;
    return instance->host->send(instance->handle, handle, data, size);
}

static portico_status PORTICO_CALL on_data_stays(void* self, portico_connection handle, void* state,
                                                 const uint8_t* data, uint64_t size,
                                                 const portico_frame* frame, uint64_t* consumed) {
    (void)state, (void)frame;
    return echo(self, handle, data, size, consumed);
}

static portico_status PORTICO_CALL on_end_stays(void* self, portico_connection handle, void* state,
                                                const portico_ended* ended) {
    (void)self, (void)handle, (void)state, (void)ended;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_data_slow(void* self, portico_connection handle, void* state,
                                                const uint8_t* data, uint64_t size,
                                                const portico_frame* frame, uint64_t* consumed) {
    struct instance* instance = self;
    (void)state, (void)frame;
    stand_still(instance->callback_ms * 1000);
    return echo(instance, handle, data, size, consumed);
}

static uint8_t reply_byte(uint64_t index) {
    return (uint8_t)(index * 7 + (index >> 8) * 13 + (index >> 16));
}

/* Sends the owed bytes as far as the queue takes them. Reading is paused until all of them are
 * sent: the host closes after the peer's end of stream, so that must not be read earlier. */
static portico_status pump(struct instance* instance, portico_connection handle,
                           struct connection* connection) {
    while (connection->owed > 0) {
        uint8_t piece[PIECE_BYTES];
        const uint64_t size = connection->owed < sizeof piece ? connection->owed : sizeof piece;
        for (uint64_t i = 0; i < size; ++i) piece[i] = reply_byte(connection->sent + i);
        const portico_status status = instance->host->send(instance->handle, handle, piece, size);
        if (status == PORTICO_WOULD_BLOCK) {
            instance->host->pause_reading(instance->handle, handle);
            return PORTICO_OK;
        }
        if (status < 0) return status;
        connection->owed -= size;
        connection->sent += size;
    }
    instance->host->resume_reading(instance->handle, handle);
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_data_large(void* self, portico_connection handle, void* state,
                                                 const uint8_t* data, uint64_t size,
                                                 const portico_frame* frame, uint64_t* consumed) {
    struct instance* instance = self;
    struct connection* connection = state;
    (void)frame;
    for (uint64_t i = 0; i < size; ++i)
        connection->owed += (uint64_t)data[i] * (uint64_t)instance->unit_bytes;
    *consumed = size;
    return pump(instance, handle, connection);
}

static portico_status PORTICO_CALL on_writable_large(void* self, portico_connection handle,
                                                     void* state) {
    return pump(self, handle, state);
}

static void PORTICO_CALL list_held(void* self, portico_connection handle, void* state,
                                   void* argument, portico_status status) {
    struct instance* instance = self;
    const portico_connection* held = argument;
    (void)handle, (void)state;
    if (status == PORTICO_OK && instance->held_count == instance->held_capacity) {
        const size_t capacity = instance->held_capacity * 2 + 64;
        portico_connection* grown = realloc(instance->held, capacity * sizeof *grown);
        if (grown != NULL) {
            instance->held = grown;
            instance->held_capacity = capacity;
        }
    }
    if (status == PORTICO_OK && instance->held_count < instance->held_capacity)
        instance->held[instance->held_count++] = *held;
    free(argument);
}

static void PORTICO_CALL release(void* self, portico_connection handle, void* state, void* argument,
                                 portico_status status) {
    struct instance* instance = self;
    struct connection* connection = state;
    (void)argument;
    if (status != PORTICO_OK) return;
    connection->is_released = 1;
    instance->host->resume_reading(instance->handle, handle);
}

static void PORTICO_CALL release_all(void* self, portico_connection handle, void* state,
                                     void* argument, portico_status status) {
    struct instance* instance = self;
    (void)handle, (void)state, (void)argument;
    if (status != PORTICO_OK) return;
    for (size_t i = 0; i < instance->held_count; ++i)
        instance->host->post(instance->handle, instance->held[i], release, NULL);
    instance->held_count = 0;
}

static portico_status PORTICO_CALL on_data_holds(void* self, portico_connection handle, void* state,
                                                 const uint8_t* data, uint64_t size,
                                                 const portico_frame* frame, uint64_t* consumed) {
    struct instance* instance = self;
    struct connection* connection = state;
    (void)frame;
    if (connection->is_released) return echo(instance, handle, data, size, consumed);
    if (data[0] == KEY) {
        *consumed = size;
        return instance->host->post_instance(instance->handle, release_all, NULL);
    }
    if (!connection->is_listed) {
        portico_connection* copy = malloc(sizeof *copy);
        if (copy == NULL) return PORTICO_NO_MEMORY;
        *copy = handle;
        const portico_status status = instance->host->post_instance(instance->handle, list_held,
                                                                    copy);
        if (status < 0) {
            free(copy);
            return status;
        }
        connection->is_listed = 1;
    }
    return PORTICO_HOLD;
}

/* One of a connection's messages in this many. */
#define NOW_AND_THEN 5

static int is_now(struct connection* connection) {
    return ++connection->messages % NOW_AND_THEN == 0;
}

static portico_status PORTICO_CALL on_data_changes(void* self, portico_connection handle,
                                                   void* state, const uint8_t* data, uint64_t size,
                                                   const portico_frame* frame, uint64_t* consumed) {
    struct instance* instance = self;
    const uint8_t other = '!' + 95;
    (void)frame;
    if (!is_now(state)) return echo(instance, handle, data, size, consumed);
    *consumed = size;
    instance->host->send(instance->handle, handle, &other, 1);
    return size == 1 ? PORTICO_OK
                     : instance->host->send(instance->handle, handle, data + 1, size - 1);
}

static portico_status PORTICO_CALL on_data_loses(void* self, portico_connection handle, void* state,
                                                 const uint8_t* data, uint64_t size,
                                                 const portico_frame* frame, uint64_t* consumed) {
    (void)frame;
    if (!is_now(state)) return echo(self, handle, data, size, consumed);
    *consumed = size;
    return PORTICO_OK;
}

static void PORTICO_CALL go_round(void* self, portico_connection handle, void* state,
                                  void* argument, portico_status status) {
    struct instance* instance = self;
    (void)handle, (void)state, (void)argument;
    if (status == PORTICO_OK) instance->host->post_instance(instance->handle, go_round, NULL);
}

static portico_status PORTICO_CALL create_spins(const portico_setup* setup, void** self) {
    const portico_status status = create(setup, self);
    if (status == PORTICO_OK) go_round(*self, 0, NULL, NULL, PORTICO_OK);
    return status;
}

#define CALLBACKS(name, ...)                                                                     \
    static const portico_callbacks name##_callbacks = {.struct_size = sizeof(portico_callbacks), \
                                                       .on_open = on_open,                       \
                                                       .on_close = on_close,                     \
                                                       __VA_ARGS__}
CALLBACKS(slow, .on_data = on_data_slow);
CALLBACKS(large, .on_data = on_data_large, .on_writable = on_writable_large);
CALLBACKS(holds, .on_data = on_data_holds);
CALLBACKS(stays, .on_data = on_data_stays, .on_end = on_end_stays);
CALLBACKS(changes, .on_data = on_data_changes);
CALLBACKS(loses, .on_data = on_data_loses);
CALLBACKS(spins, .on_data = on_data_stays);

#define PLUGIN(name_, create_)                                                  \
    static const portico_plugin name_ = {.struct_size = sizeof(portico_plugin), \
                                         .abi_major = PORTICO_ABI_MAJOR,        \
                                         .abi_minor = PORTICO_ABI_MINOR,        \
                                         .abi_required = PORTICO_ABI_MINOR,     \
                                         .name = #name_,                        \
                                         .name_size = sizeof #name_ - 1,        \
                                         .version = "",                         \
                                         .create = create_,                     \
                                         .destroy = destroy,                    \
                                         .callbacks = &name_##_callbacks}
PLUGIN(slow, create);
PLUGIN(large, create);
PLUGIN(holds, create);
PLUGIN(stays, create);
PLUGIN(changes, create);
PLUGIN(loses, create);
PLUGIN(spins, create_spins);

static const portico_plugin* const plugins[] = {&slow,    &large, &holds, &stays,
                                                &changes, &loses, &spins};
static const portico_module module = {sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR,
                                      sizeof plugins / sizeof plugins[0], plugins};

PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module* PORTICO_CALL
portico_plugin_query(uint32_t host_abi_major) {
    (void)host_abi_major;
    return &module;
}
