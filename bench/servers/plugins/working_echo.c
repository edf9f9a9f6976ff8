/* working_echo: echoes. If a read begins with the request for work (servers/common/work.h), it
 * works for 5 ms first. For the benchmark's slow neighbour. */
#include <portico/portico.h>

#include "servers/common/work.h"

struct working_echo {
    const portico_host* host;
    portico_instance* handle;
};

static struct working_echo only; /* the benchmark has one listener */

static portico_status PORTICO_CALL create(const portico_host* host, portico_instance* instance,
                                          const char* settings, uint64_t settings_size, char* error,
                                          uint64_t error_capacity, void** self) {
    (void)settings, (void)settings_size, (void)error, (void)error_capacity;
    only.host = host;
    only.handle = instance;
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
    const portico_status status = echo->host->send(echo->handle, connection, data, size);
    if (status == PORTICO_WOULD_BLOCK) return PORTICO_HOLD;
    *consumed = size;
    return status == PORTICO_GONE ? PORTICO_OK : status;
}

static const portico_plugin plugin = {.struct_size = sizeof(portico_plugin),
                                      .abi_major = PORTICO_ABI_MAJOR,
                                      .abi_minor = PORTICO_ABI_MINOR,
                                      .abi_required = PORTICO_ABI_MINOR,
                                      .version = "",
                                      .create = create,
                                      .destroy = destroy,
                                      .name = "working_echo",
                                      .name_size = sizeof "working_echo" - 1,
                                      .on_data = on_data};
PORTICO_PLUGIN_ENTRY(plugin)
