/* The argument of a timer is freed by its last call, which comes at the close at the latest, and by
 * on_close. */
#include <portico/ext/timer.h>

#include "mistake.h"

static void PORTICO_CALL on_timer(void *self, portico_connection connection, void *state,
                                  void *argument, const portico_timer_event *event) {
    (void)self;
    (void)connection;
    (void)state;
    if ((event->flags & PORTICO_TIMER_LAST) != 0) free(argument);
}

static portico_status PORTICO_CALL on_open(void *self, portico_connection connection,
                                           const portico_opened *opened, void **state) {
    const struct mistake *its = self;
    const portico_timers *timers = its->host->get_extension(its->instance, PORTICO_EXT_TIMER,
                                                            sizeof PORTICO_EXT_TIMER - 1);
    (void)opened;
    if (timers == NULL) return PORTICO_UNSUPPORTED;
    *state = malloc(120);
    if (*state == NULL) return PORTICO_NO_MEMORY;
    const portico_status status = timers->start(its->instance, connection, 30000, 0, on_timer,
                                                *state, NULL);
    if (status != PORTICO_OK) free(*state);
    return status;
}

static void PORTICO_CALL on_close(void *self, portico_connection connection, void *state,
                                  const portico_closed *closed) {
    (void)self;
    (void)connection;
    (void)closed;
    free(state);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = echo_message,
    .on_close = on_close,
};
MISTAKE_PLUGIN("freed_twice", PORTICO_FRAMING_DELIMITER, callbacks, .create = mistake_create)
