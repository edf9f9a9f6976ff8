/* relay: passes every callback to a table inside the program that embeds the host. So a test's
 * behaviour stands beside its checks, and still runs behind the real boundary of a loaded library.
 *
 * Setting "script" is the address of a relay_script (relay.h), as an integer. The module holds one
 * plugin for each set of flags and absent functions that matters: relay#full, relay#serial,
 * relay#blocking, relay#bare. */
#include "relay.h"

#include <portico/ext/settings.h>

static portico_status PORTICO_CALL create(const portico_host* host, portico_instance* instance,
                                          const char* settings, uint64_t settings_size, char* error,
                                          uint64_t error_capacity, void** self) {
    const portico_settings* reader = host->get_extension(instance, PORTICO_EXT_SETTINGS,
                                                         sizeof PORTICO_EXT_SETTINGS - 1);
    int64_t address = 0;
    if (reader == NULL ||
        reader->get_integer(instance, "script", 6, 1, INT64_MAX, &address) != PORTICO_OK)
        return PORTICO_INVALID;
    const struct relay_script* script = (const struct relay_script*)(uintptr_t)address;
    *self = (void*)(uintptr_t)address;
    void* script_self = script->self;
    return script->calls->create(host, instance, settings, settings_size, error, error_capacity,
                                 &script_self);
}

#define SCRIPT(self) ((const struct relay_script*)(self))

static void PORTICO_CALL destroy(void* self) {
    SCRIPT(self)->calls->destroy(SCRIPT(self)->self);
}

static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                           void** state) {
    return SCRIPT(self)->calls->on_open(SCRIPT(self)->self, connection, state);
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    return SCRIPT(self)->calls->on_data(SCRIPT(self)->self, connection, state, data, size, frame,
                                        consumed);
}

static portico_status PORTICO_CALL on_writable(void* self, portico_connection connection,
                                               void* state) {
    return SCRIPT(self)->calls->on_writable(SCRIPT(self)->self, connection, state);
}

static portico_status PORTICO_CALL on_end(void* self, portico_connection connection, void* state,
                                          uint64_t remaining) {
    return SCRIPT(self)->calls->on_end(SCRIPT(self)->self, connection, state, remaining);
}

static portico_status PORTICO_CALL on_drain(void* self, portico_connection connection, void* state,
                                            uint32_t deadline_ms) {
    return SCRIPT(self)->calls->on_drain(SCRIPT(self)->self, connection, state, deadline_ms);
}

static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                  uint32_t reason) {
    SCRIPT(self)->calls->on_close(SCRIPT(self)->self, connection, state, reason);
}

#define TEXT(text) .name = (text), .name_size = sizeof(text) - 1
#define COMMON                                                                        \
    .struct_size = sizeof(portico_plugin), .abi_major = PORTICO_ABI_MAJOR,            \
    .abi_minor = PORTICO_ABI_MINOR, .abi_required = PORTICO_ABI_MINOR, .version = "", \
    .create = create, .destroy = destroy, .on_open = on_open, .on_data = on_data,     \
    .on_close = on_close
#define ALL_OF_IT COMMON, .on_writable = on_writable, .on_end = on_end, .on_drain = on_drain

static const portico_plugin full = {ALL_OF_IT, TEXT("full")};
static const portico_plugin serial = {ALL_OF_IT, TEXT("serial"), .flags = PORTICO_PLUGIN_SERIAL};
static const portico_plugin blocking = {ALL_OF_IT, TEXT("blocking"),
                                        .flags = PORTICO_PLUGIN_BLOCKING};
/* on_writable, on_end and on_drain NULL */
static const portico_plugin bare = {COMMON, TEXT("bare")};
/* on_end is not NULL, on_drain is. */
static const portico_plugin undrained = {COMMON, TEXT("undrained"), .on_writable = on_writable,
                                         .on_end = on_end};

static const portico_plugin* const plugins[] = {&full, &serial, &blocking, &bare, &undrained};
static const portico_module module = {sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR,
                                      sizeof plugins / sizeof plugins[0], plugins};

PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module* PORTICO_CALL
PORTICO_PLUGIN_QUERY(uint32_t host_abi_major) {
    return host_abi_major == PORTICO_ABI_MAJOR ? &module : NULL;
}
