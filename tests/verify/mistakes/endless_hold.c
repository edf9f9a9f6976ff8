/* It holds an incomplete line, where PORTICO_OK would wait for the rest. */
#include "mistake.h"

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    const struct mistake *its = self;
    uint64_t at = 0;
    (void)state;
    (void)frame;
    for (uint64_t end = line_end(data, size, 0); end != 0; end = line_end(data, size, at)) {
        const portico_status status = its->host->send(its->instance, connection, data + at,
                                                      end - at);
        if (status == PORTICO_WOULD_BLOCK) {
            *consumed = at;
            return PORTICO_HOLD;
        }
        if (status < 0) return status;
        at = end;
    }
    *consumed = at;
    return at == size ? PORTICO_OK : PORTICO_HOLD;
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
MISTAKE_PLUGIN("endless_hold", PORTICO_FRAMING_NONE, callbacks, .create = mistake_create)
