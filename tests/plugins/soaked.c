/* soaked: echoes for the soak (tests/soak). soaked#blocking sleeps in its callbacks. The others
 * have a planted defect each, which the soak must find: for each connection soaked#memory leaks 4
 * KiB, soaked#descriptor a descriptor, soaked#thread a thread; soaked#reply now and then changes a
 * byte of a reply. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <portico/portico.h>

struct instance {
    const portico_host* host;
    portico_instance* handle;
    atomic_uint messages;
};

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    struct instance* made = calloc(1, sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    made->host = setup->host;
    made->handle = setup->instance;
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(self);
}

static portico_status echo(void* self, portico_connection connection, const uint8_t* data,
                           uint64_t size, uint64_t* consumed) {
    struct instance* instance = self;
    *consumed = size;
    return instance->host->send(instance->handle, connection, data, size);
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    (void)state, (void)frame;
    return echo(self, connection, data, size, consumed);
}

static portico_status PORTICO_CALL on_data_blocking(void* self, portico_connection connection,
                                                    void* state, const uint8_t* data, uint64_t size,
                                                    const portico_frame* frame,
                                                    uint64_t* consumed) {
    const struct timespec moment = {0, 500000};
    (void)state, (void)frame;
    nanosleep(&moment, NULL);
    return echo(self, connection, data, size, consumed);
}

/* One message in this many. */
#define NOW_AND_THEN 1000

static portico_status PORTICO_CALL on_data_reply(void* self, portico_connection connection,
                                                 void* state, const uint8_t* data, uint64_t size,
                                                 const portico_frame* frame, uint64_t* consumed) {
    struct instance* instance = self;
    (void)state, (void)frame;
    if (size == 0 || atomic_fetch_add(&instance->messages, 1) % NOW_AND_THEN != NOW_AND_THEN - 1) {
        return echo(self, connection, data, size, consumed);
    }
    uint8_t* changed = malloc(size);
    if (changed == NULL) return PORTICO_NO_MEMORY;
    memcpy(changed, data, size);
    changed[size - 1] ^= 1;
    const portico_status status = echo(self, connection, changed, size, consumed);
    free(changed);
    return status;
}

static portico_status PORTICO_CALL on_open_memory(void* self, portico_connection connection,
                                                  const portico_opened* opened, void** state) {
    (void)self, (void)connection, (void)opened, (void)state;
    static void* volatile lost;
    lost = malloc(4096);
    if (lost != NULL) memset(lost, 1, 4096);
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_open_descriptor(void* self, portico_connection connection,
                                                      const portico_opened* opened, void** state) {
    (void)self, (void)connection, (void)opened, (void)state;
    return dup(STDERR_FILENO) >= 0 ? PORTICO_OK : PORTICO_LIMIT;
}

static void* wait_for_ever(void* nothing) {
    for (;;) pause();
    return nothing;
}

static portico_status PORTICO_CALL on_open_thread(void* self, portico_connection connection,
                                                  const portico_opened* opened, void** state) {
    pthread_t thread;
    (void)self, (void)connection, (void)opened, (void)state;
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) == 0) pthread_detach(thread);
    return PORTICO_OK;
}

#define PLUGIN(name_, flags_, ...)                                                                \
    static const portico_callbacks name_##_callbacks = {.struct_size = sizeof(portico_callbacks), \
                                                        __VA_ARGS__};                             \
    static const portico_plugin name_ = {.struct_size = sizeof(portico_plugin),                   \
                                         .abi_major = PORTICO_ABI_MAJOR,                          \
                                         .abi_minor = PORTICO_ABI_MINOR,                          \
                                         .abi_required = PORTICO_ABI_MINOR,                       \
                                         .flags = (flags_),                                       \
                                         .name = #name_,                                          \
                                         .name_size = sizeof #name_ - 1,                          \
                                         .version = "",                                           \
                                         .create = create,                                        \
                                         .destroy = destroy,                                      \
                                         .callbacks = &name_##_callbacks}
PLUGIN(blocking, PORTICO_PLUGIN_BLOCKING, .on_data = on_data_blocking);
PLUGIN(memory, 0, .on_data = on_data, .on_open = on_open_memory);
PLUGIN(descriptor, 0, .on_data = on_data, .on_open = on_open_descriptor);
PLUGIN(thread, 0, .on_data = on_data, .on_open = on_open_thread);
PLUGIN(reply, 0, .on_data = on_data_reply);

static const portico_plugin* const plugins[] = {&blocking, &memory, &descriptor, &thread, &reply};
static const portico_module module = {sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR,
                                      sizeof plugins / sizeof plugins[0], plugins};

PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module* PORTICO_CALL
portico_plugin_query(uint32_t host_abi_major) {
    (void)host_abi_major;
    return &module;
}
