/* A plugin's table and the entry's macro, for an author's strictest warnings in each language. It
 * is compiled and never run. */
#include <portico/ext/connect.h>
#include <portico/ext/connections.h>
#include <portico/ext/executor.h>
#include <portico/ext/metrics.h>
#include <portico/ext/resolve.h>
#include <portico/ext/send_owned.h>
#include <portico/ext/settings.h>
#include <portico/ext/timer.h>
#include <portico/portico.h>

static portico_status PORTICO_CALL validate(const portico_setup *setup) {
    return PORTICO_HAS(portico_host, setup->host, get_extension) ? PORTICO_OK : PORTICO_UNSUPPORTED;
}

static portico_status PORTICO_CALL create(const portico_setup *setup, void **self) {
    (void)self;
    return PORTICO_HAS(portico_setup, setup, max_message_bytes) ? PORTICO_OK : PORTICO_UNSUPPORTED;
}

static portico_status PORTICO_CALL on_stop(void *self, const portico_draining *draining) {
    (void)self, (void)draining;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void *self) { (void)self; }

static portico_status PORTICO_CALL on_open(void *self, portico_connection connection,
                                           const portico_opened *opened, void **state) {
    (void)self, (void)connection, (void)opened, (void)state;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    (void)self, (void)connection, (void)state, (void)data, (void)frame;
    *consumed = size;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_writable(void *self, portico_connection connection,
                                               void *state) {
    (void)self, (void)connection, (void)state;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_end(void *self, portico_connection connection, void *state,
                                          const portico_ended *ended) {
    (void)self, (void)connection, (void)state, (void)ended;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_drain(void *self, portico_connection connection, void *state,
                                            const portico_draining *draining) {
    (void)self, (void)connection, (void)state, (void)draining;
    return PORTICO_OK;
}

static void PORTICO_CALL on_close(void *self, portico_connection connection, void *state,
                                  const portico_closed *closed) {
    (void)self, (void)connection, (void)state, (void)closed;
}

/* In order, because C++17 has no designated initialisers. */
static const portico_callbacks callbacks = {
    sizeof(portico_callbacks), 0, on_open, on_data, on_writable, on_end, on_drain, on_close};
static const portico_plugin plugin = {sizeof(portico_plugin),
                                      PORTICO_ABI_MAJOR,
                                      PORTICO_ABI_MINOR,
                                      PORTICO_ABI_MINOR,
                                      PORTICO_PLUGIN_SERIAL,
                                      0,
                                      PORTICO_FRAMING_ANY,
                                      0,
                                      "strict",
                                      6,
                                      "1.0",
                                      3,
                                      validate,
                                      create,
                                      on_stop,
                                      destroy,
                                      NULL,
                                      &callbacks};
PORTICO_PLUGIN_ENTRY_AS(ENTRY, plugin)
