/* It keeps the state of each connection that has ended. */
#include "mistake.h"

static portico_status PORTICO_CALL on_open(void *self, portico_connection connection,
                                           const portico_opened *opened, void **state) {
    (void)self;
    (void)connection;
    (void)opened;
    *state = malloc(40);
    return *state != NULL ? PORTICO_OK : PORTICO_NO_MEMORY;
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = echo_message,
};
MISTAKE_PLUGIN("leak", PORTICO_FRAMING_DELIMITER, callbacks, .create = mistake_create)
