/* working_echo: echoes. If a read begins with the request for work (servers/common/work.h), it
 * works for 5 ms first. For the benchmark's slow neighbour. */
#include <portico/portico.h>

#include "servers/common/work.h"

struct working_echo {
    const portico_host* host;
    portico_instance* handle;
};

static struct working_echo only; /* the benchmark has one listener */

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    only.host = setup->host;
    only.handle = setup->instance;
    *self = &only;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    (void)self;
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    const struct working_echo* echo = self;
    (void)state, (void)frame;
    if (asks_for_work(data, (size_t)size)) work();
    *consumed = size;
    return echo->host->send(echo->handle, connection, data, size);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
static const portico_plugin plugin = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .version = "",
    .create = create,
    .destroy = destroy,
    .name = "working_echo",
    .name_size = sizeof "working_echo" - 1,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(plugin)
