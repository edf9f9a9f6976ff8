/* needy: answers everything with a text from a library beside it. */
#include <stdlib.h>
#include <string.h>

#include <portico/portico.h>

#include "needed.h"

struct needy {
    const portico_host* host;
    portico_instance* instance;
};

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    struct needy* needy = malloc(sizeof *needy);
    if (needy == NULL) return PORTICO_NO_MEMORY;
    needy->host = setup->host;
    needy->instance = setup->instance;
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
    *consumed = size;
    return needy->host->send(needy->instance, connection, text, strlen(text));
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
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
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(needy_plugin)
