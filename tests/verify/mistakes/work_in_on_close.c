/* It says goodbye when nobody can hear it any more. */
#include "mistake.h"

static void PORTICO_CALL on_close(void *self, portico_connection connection, void *state,
                                  const portico_closed *closed) {
    const struct mistake *its = self;
    (void)state;
    (void)closed;
    (void)its->host->send(its->instance, connection, "goodbye\n", 8);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = echo_message,
    .on_close = on_close,
};
MISTAKE_PLUGIN("work_in_on_close", PORTICO_FRAMING_DELIMITER, callbacks, .create = mistake_create)
