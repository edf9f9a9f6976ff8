/* A plugin's table and the entry's macro, for an author's strictest warnings in each language. It
 * is compiled and never run. */
#include <portico/ext/settings.h>
#include <portico/portico.h>

static portico_status PORTICO_CALL create(const portico_host *host, portico_instance *instance,
                                          const char *settings, uint64_t settings_size, char *error,
                                          uint64_t error_capacity, void **self) {
    (void)instance, (void)settings, (void)settings_size, (void)error, (void)error_capacity,
        (void)self;
    return PORTICO_HAS(portico_host, host, get_extension) ? PORTICO_OK : PORTICO_UNSUPPORTED;
}

static void PORTICO_CALL destroy(void *self) { (void)self; }

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    (void)self, (void)connection, (void)state, (void)data, (void)frame;
    *consumed = size;
    return PORTICO_OK;
}

/* In order, because C++17 has no designated initialisers. */
static const portico_plugin plugin = {sizeof(portico_plugin),
                                      PORTICO_ABI_MAJOR,
                                      PORTICO_ABI_MINOR,
                                      PORTICO_ABI_MINOR,
                                      PORTICO_PLUGIN_SERIAL,
                                      0,
                                      "strict",
                                      6,
                                      "1.0",
                                      3,
                                      NULL,
                                      create,
                                      destroy,
                                      NULL,
                                      on_data,
                                      NULL,
                                      NULL,
                                      NULL,
                                      NULL,
                                      NULL};
PORTICO_PLUGIN_ENTRY(plugin)
