/* never_drains: echoes, and does not close when the host is about to stop; only the drain's
 * deadline ends its connections. It logs "draining" at on_drain, and "gone" with the reason's
 * number at on_close. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <portico/portico.h>

struct instance {
    const portico_host* host;
    portico_instance* handle;
};

static void say(const struct instance* self, const char* text) {
    self->host->log(self->handle, 0, PORTICO_LOG_INFO, text, strlen(text));
}

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    struct instance* made = malloc(sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    made->host = setup->host;
    made->handle = setup->instance;
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(self);
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    const struct instance* instance = self;
    (void)state, (void)frame;
    *consumed = size;
    return instance->host->send(instance->handle, connection, data, size);
}

static portico_status PORTICO_CALL on_drain(void* self, portico_connection connection, void* state,
                                            const portico_draining* draining) {
    (void)connection, (void)state, (void)draining;
    say(self, "draining");
    return PORTICO_OK;
}

static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                  const portico_closed* closed) {
    (void)connection, (void)state;
    char text[32];
    (void)snprintf(text, sizeof text, "gone %u", (unsigned)closed->reason);
    say(self, text);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
    .on_drain = on_drain,
    .on_close = on_close,
};
static const portico_plugin never_drains = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .flags = PORTICO_PLUGIN_UNLOADABLE,
    .name = "never_drains",
    .name_size = 12,
    .version = "1",
    .version_size = 1,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(never_drains)
