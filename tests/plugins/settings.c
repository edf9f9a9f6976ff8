/* settings: reads one setting of each type, in validate and in create, and nothing else. The host
 * reports every other setting as unknown. */
#include <portico/ext/settings.h>
#include <portico/portico.h>

static portico_status read_all(const portico_host* host, portico_instance* instance) {
    const portico_settings* settings = host->get_extension(instance, PORTICO_EXT_SETTINGS,
                                                           sizeof PORTICO_EXT_SETTINGS - 1);
    if (settings == NULL) return PORTICO_UNSUPPORTED;
    int32_t loud = 0;
    int64_t count = 0;
    const char* text = NULL;
    uint64_t text_size = 0;
    portico_status status = settings->get_boolean(instance, "loud", 4, &loud);
    if (status < 0 && status != PORTICO_NOT_FOUND) return status;
    status = settings->get_integer(instance, "count", 5, 1, 10, &count);
    if (status < 0 && status != PORTICO_NOT_FOUND) return status;
    status = settings->get_string(instance, "text", 4, &text, &text_size);
    if (status < 0 && status != PORTICO_NOT_FOUND) return status;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL validate(const portico_setup* setup) {
    return read_all(setup->host, setup->instance);
}

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    (void)self;
    return read_all(setup->host, setup->instance);
}

static void PORTICO_CALL destroy(void* self) {
    (void)self;
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    (void)self, (void)connection, (void)state, (void)data, (void)frame;
    *consumed = size;
    return PORTICO_OK;
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
static const portico_plugin settings_plugin = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .flags = PORTICO_PLUGIN_UNLOADABLE,
    .name = "settings",
    .name_size = 8,
    .version = "1",
    .version_size = 1,
    .validate = validate,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(settings_plugin)
