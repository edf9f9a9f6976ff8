/* It has an on_end, and so has to close, and does not. */
#include "mistake.h"

static portico_status PORTICO_CALL on_end(void *self, portico_connection connection, void *state,
                                          const portico_ended *ended) {
    (void)self;
    (void)connection;
    (void)state;
    (void)ended;
    return PORTICO_OK;
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = echo_message,
    .on_end = on_end,
};
MISTAKE_PLUGIN("end_never_closes", PORTICO_FRAMING_DELIMITER, callbacks, .create = mistake_create)
