/* settings: reads one setting of each type, in validate and in create, and an object "ranges" whose
 * members have any names. The host reports every other setting as unknown. */
#include <portico/ext/settings.h>
#include <portico/portico.h>
#include <stdbool.h>
#include <stdio.h>

/* "ranges": { "NAME": [FROM, TO], ... }, with FROM not above TO. Reports all that are wrong. */
static portico_status read_ranges(const portico_settings* settings, portico_instance* instance) {
    portico_status result = PORTICO_OK;
    uint32_t kind = PORTICO_SETTING_NULL;
    portico_status status = settings->get_kind(instance, "ranges", 6, &kind);
    if (status < 0) return status == PORTICO_NOT_FOUND ? PORTICO_OK : status;
    if (kind != PORTICO_SETTING_OBJECT) {
        static const char text[] = "expected an object of ranges";
        return settings->fail(instance, "ranges", 6, text, sizeof text - 1);
    }
    const char* name = NULL;
    uint64_t name_size = 0;
    for (uint64_t i = 0;; ++i) {
        status = settings->get_key(instance, "ranges", 6, i, &name, &name_size);
        if (status == PORTICO_NOT_FOUND) return result;
        if (status < 0) return status;
        char key[64];
        int64_t ends[2] = {0, 0};
        bool is_range = name_size <= 32;
        for (int end = 0; end < 2 && is_range; ++end) {
            const int size = snprintf(key, sizeof key, "ranges/%.*s/%d", (int)name_size, name, end);
            status = settings->get_integer(instance, key, (uint64_t)size, INT64_MIN, INT64_MAX,
                                           &ends[end]);
            if (status == PORTICO_NO_MEMORY) return status;
            is_range = status == PORTICO_OK;
        }
        if (!is_range || ends[0] > ends[1]) {
            static const char text[] = "expected a range, [FROM, TO]";
            const int size = snprintf(key, sizeof key, "ranges/%.*s",
                                      name_size <= 32 ? (int)name_size : 0, name);
            result = settings->fail(instance, key, (uint64_t)size, text, sizeof text - 1);
        }
    }
}

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
    return read_ranges(settings, instance);
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
