/* stalls: echoes, and now and then blocks its thread in the middle of that.
 *
 * Settings: "every_ms" and "for_ms", integers: "every_ms" after the last stall began, the next
 * message begins one of "for_ms". */
#include <stdlib.h>

#include <portico/ext/settings.h>
#include <portico/portico.h>

#include "stand_still.h"

struct stalls {
    const portico_host* host;
    portico_instance* handle;
    uint64_t every_ns;
    int64_t for_ms;
    uint64_t began_ns; /* when the last stall began; only its one thread uses this */
};

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    const portico_settings* reader = setup->host->get_extension(
        setup->instance, PORTICO_EXT_SETTINGS, sizeof PORTICO_EXT_SETTINGS - 1);
    int64_t every_ms = 0, for_ms = 0;
    if (reader == NULL) return PORTICO_UNSUPPORTED;
    portico_status status = reader->get_integer(setup->instance, "every_ms", 8, 1, 3600000,
                                                &every_ms);
    if (status < 0) return status;
    status = reader->get_integer(setup->instance, "for_ms", 6, 1, 3600000, &for_ms);
    if (status < 0) return status;
    struct stalls* made = malloc(sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    *made = (struct stalls){setup->host, setup->instance, (uint64_t)every_ms * 1000000, for_ms,
                            setup->host->now(setup->instance)};
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(self);
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    struct stalls* stalls = self;
    (void)state, (void)frame;
    const uint64_t now = stalls->host->now(stalls->handle);
    if (now - stalls->began_ns >= stalls->every_ns) {
        stalls->began_ns = now;
        stand_still(stalls->for_ms * 1000);
    }
    *consumed = size;
    return stalls->host->send(stalls->handle, connection, data, size);
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
    .name = "stalls",
    .name_size = sizeof "stalls" - 1,
    .callbacks = &callbacks,
};
static const portico_plugin* const plugins[] = {&plugin};
static const portico_module module = {sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR,
                                      1, plugins};

PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module* PORTICO_CALL
portico_plugin_query(uint32_t host_abi_major) {
    (void)host_abi_major;
    return &module;
}
