/* Plugins that are each wrong in one way, which the build defines. Most of them must not start. */
#include <stdio.h>

#include <portico/portico.h>

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    (void)setup, (void)self;
#if defined(BAD_CREATE_FAILS)
    (void)snprintf(setup->error, (size_t)setup->error_capacity, "the moon is in the wrong phase");
    return PORTICO_ERROR;
#elif defined(BAD_CREATE_FAILS_MUTE)
    return PORTICO_LIMIT;
#else
    return PORTICO_OK;
#endif
}

static void PORTICO_CALL destroy(void* self) {
    (void)self;
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    (void)self, (void)connection, (void)state, (void)data, (void)frame;
#if defined(BAD_CONSUMES_TOO_MUCH)
    *consumed = size + 1;
    return PORTICO_OK;
#elif defined(BAD_ANSWERS_ERROR)
    *consumed = size;
    return PORTICO_PROTOCOL_ERROR;
#else
    *consumed = size;
    return PORTICO_OK;
#endif
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
static const portico_plugin bad_plugin = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
#if defined(BAD_OTHER_MINOR)
    .abi_minor = PORTICO_ABI_MINOR + 7,
    .abi_required = PORTICO_ABI_MINOR + 7,
#else
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
#endif
#if defined(BAD_UNKNOWN_FLAG)
    .flags = 1u << 20,
#endif
#if !defined(BAD_NO_NAME)
    .name = "bad",
    .name_size = 3,
#endif
    .version = "1",
    .version_size = 1,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};

#if defined(BAD_OTHER_MAJOR)
/* A plugin of another release: its module follows rules that this host does not know. */
static const portico_module bad_module = {sizeof(portico_module), PORTICO_ABI_MAJOR + 5, 0, 1,
                                          NULL};

PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module* PORTICO_CALL
portico_plugin_query(uint32_t host_abi_major) {
    (void)host_abi_major;
    (void)bad_plugin;
    return &bad_module;
}
#elif defined(BAD_NULL_MODULE)
PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module* PORTICO_CALL
portico_plugin_query(uint32_t host_abi_major) {
    (void)host_abi_major;
    (void)bad_plugin;
    return NULL;
}
#elif defined(BAD_NO_ENTRY)
PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_plugin* PORTICO_CALL some_other_symbol(void) {
    return &bad_plugin;
}
#else
PORTICO_PLUGIN_ENTRY(bad_plugin)
#endif
