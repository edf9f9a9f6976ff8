/* It looks for the end of a line, and not for the end of the bytes. */
#include "mistake.h"

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    const struct mistake *its = self;
    const volatile uint8_t *byte = data;
    uint64_t end = 0;
    (void)state;
    (void)frame;
    while (byte[end] != '\n' && end < 65536) ++end; /* the bound only spares other checks */
    if (end >= size) return PORTICO_OK;             /* incomplete */
    const portico_status status = its->host->send(its->instance, connection, data, end + 1);
    if (status != PORTICO_OK) return status;
    *consumed = end + 1;
    if (end + 1 == size) return PORTICO_OK;
    /* the next line, on the next turn */
    (void)its->host->resume_reading(its->instance, connection);
    return PORTICO_HOLD;
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
MISTAKE_PLUGIN("read_past_size", PORTICO_FRAMING_NONE, callbacks, .create = mistake_create)
