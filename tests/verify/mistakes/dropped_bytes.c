/* It does not look at what send answers. */
#include "mistake.h"

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    const struct mistake *its = self;
    (void)state;
    (void)frame;
    (void)its->host->send(its->instance, connection, data, size);
    *consumed = size;
    return PORTICO_OK;
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
MISTAKE_PLUGIN("dropped_bytes", PORTICO_FRAMING_DELIMITER, callbacks, .create = mistake_create)
