/* needy: answers everything with a text from a library beside it. */
#include <stdlib.h>
#include <string.h>

#include <portico/portico.h>

#include "needed.h"

struct needy {
    const portico_host* host;
    portico_instance* instance;
};

static portico_status PORTICO_CALL create(const portico_host* host, portico_instance* instance,
                                          const char* settings, uint64_t settings_size, char* error,
                                          uint64_t error_capacity, void** self) {
    (void)settings;
    (void)settings_size;
    (void)error;
    (void)error_capacity;
    struct needy* needy = malloc(sizeof *needy);
    if (needy == NULL) return PORTICO_NO_MEMORY;
    needy->host = host;
    needy->instance = instance;
    *self = needy;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(self);
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    struct needy* needy = self;
    (void)state;
    (void)data;
    (void)frame;
    const char* text = needed_text();
    const portico_status status = needy->host->send(needy->instance, connection, text,
                                                    strlen(text));
    if (status == PORTICO_WOULD_BLOCK) return PORTICO_HOLD;
    *consumed = size;
    return status == PORTICO_GONE ? PORTICO_OK : status;
}

static const portico_plugin needy_plugin = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .flags = PORTICO_PLUGIN_UNLOADABLE,
    .name = "needy",
    .name_size = 5,
    .version = "1",
    .version_size = 1,
    .create = create,
    .destroy = destroy,
    .on_data = on_data,
};
PORTICO_PLUGIN_ENTRY(needy_plugin)
