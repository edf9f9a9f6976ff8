/* relay: passes every callback to a table inside the program that embeds the host. So a test's
 * behaviour stands beside its checks, and still runs behind the real boundary of a loaded library.
 *
 * Setting "script" is the address of a relay_script (relay.h), as an integer. The module holds one
 * plugin for each set of flags, framings and absent functions that matters: see its tables. */
#include "relay.h"

#include <portico/ext/settings.h>

#define SCRIPT(self) ((const struct relay_script*)(self))

static const struct relay_script* script_of(const portico_setup* setup) {
    const portico_settings* reader = setup->host->get_extension(
        setup->instance, PORTICO_EXT_SETTINGS, sizeof PORTICO_EXT_SETTINGS - 1);
    int64_t address = 0;
    if (reader == NULL ||
        reader->get_integer(setup->instance, "script", 6, 1, INT64_MAX, &address) != PORTICO_OK)
        return NULL;
    return (const struct relay_script*)(uintptr_t)address;
}

static portico_status PORTICO_CALL validate(const portico_setup* setup) {
    const struct relay_script* script = script_of(setup);
    return script == NULL ? PORTICO_INVALID : script->validate(setup, script->self);
}

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    const struct relay_script* script = script_of(setup);
    if (script == NULL) return PORTICO_INVALID;
    *self = (void*)(uintptr_t)script;
    void* script_self = script->self;
    return script->calls->create(setup, &script_self);
}

static portico_status PORTICO_CALL on_stop(void* self, const portico_draining* draining) {
    return SCRIPT(self)->calls->on_stop(SCRIPT(self)->self, draining);
}

static void PORTICO_CALL destroy(void* self) {
    SCRIPT(self)->calls->destroy(SCRIPT(self)->self);
}

#define CALLBACKS(self) (SCRIPT(self)->calls->callbacks)

static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                           const portico_opened* opened, void** state) {
    return CALLBACKS(self)->on_open(SCRIPT(self)->self, connection, opened, state);
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    return CALLBACKS(self)->on_data(SCRIPT(self)->self, connection, state, data, size, frame,
                                    consumed);
}

static portico_status PORTICO_CALL on_writable(void* self, portico_connection connection,
                                               void* state) {
    return CALLBACKS(self)->on_writable(SCRIPT(self)->self, connection, state);
}

static portico_status PORTICO_CALL on_end(void* self, portico_connection connection, void* state,
                                          const portico_ended* ended) {
    return CALLBACKS(self)->on_end(SCRIPT(self)->self, connection, state, ended);
}

static portico_status PORTICO_CALL on_drain(void* self, portico_connection connection, void* state,
                                            const portico_draining* draining) {
    return CALLBACKS(self)->on_drain(SCRIPT(self)->self, connection, state, draining);
}

static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                  const portico_closed* closed) {
    CALLBACKS(self)->on_close(SCRIPT(self)->self, connection, state, closed);
}

static const portico_callbacks all = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = on_data,
    .on_writable = on_writable,
    .on_end = on_end,
    .on_drain = on_drain,
    .on_close = on_close,
};
static const portico_callbacks without_drain = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = on_data,
    .on_writable = on_writable,
    .on_end = on_end,
    .on_close = on_close,
};
static const portico_callbacks few = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};

/* PLUGIN(NAME, CALLBACKS, MEMBERS...) */
#define PLUGIN(name_, callbacks_, ...)                                          \
    static const portico_plugin name_ = {.struct_size = sizeof(portico_plugin), \
                                         .abi_major = PORTICO_ABI_MAJOR,        \
                                         .abi_minor = PORTICO_ABI_MINOR,        \
                                         .abi_required = PORTICO_ABI_MINOR,     \
                                         .name = #name_,                        \
                                         .name_size = sizeof #name_ - 1,        \
                                         .version = "",                         \
                                         .create = create,                      \
                                         .destroy = destroy,                    \
                                         .callbacks = &(callbacks_),            \
                                         __VA_ARGS__}
PLUGIN(full, all, .validate = validate, .on_stop = on_stop);
PLUGIN(serial, all, .on_stop = on_stop, .flags = PORTICO_PLUGIN_SERIAL);
PLUGIN(blocking, all, .on_stop = on_stop, .flags = PORTICO_PLUGIN_BLOCKING);
/* on_writable, on_end, on_drain and on_stop are NULL. */
PLUGIN(bare, few, .flags = 0);
/* on_end is not NULL, on_drain is. */
PLUGIN(undrained, without_drain, .on_stop = on_stop);
PLUGIN(unframed, all, .framing = PORTICO_FRAMING_NONE);
PLUGIN(delimited, all, .framing = PORTICO_FRAMING_DELIMITER);
PLUGIN(prefixed, all, .framing = PORTICO_FRAMING_LENGTH_PREFIX);
PLUGIN(framed, all, .framing = PORTICO_FRAMING_DELIMITER | PORTICO_FRAMING_LENGTH_PREFIX);
/* Hints that no host knows yet. */
PLUGIN(hinting, all, .optional_flags = UINT32_MAX);

static const portico_plugin* const plugins[] = {&full,      &serial,   &blocking,  &bare,
                                                &undrained, &unframed, &delimited, &prefixed,
                                                &framed,    &hinting};
static const portico_module module = {sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR,
                                      sizeof plugins / sizeof plugins[0], plugins};

PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module* PORTICO_CALL
portico_plugin_query(uint32_t host_abi_major) {
    (void)host_abi_major;
    return &module;
}
