/* The count of a connection's messages is kept for all connections together. */
#include <stdio.h>

#include "mistake.h"

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    struct mistake *its = self;
    char answer[48];
    (void)state;
    (void)data;
    (void)frame;
    const int length = snprintf(answer, sizeof answer, "message %llu\n",
                                (unsigned long long)its->count + 1);
    const portico_status status = its->host->send(its->instance, connection, answer,
                                                  (uint64_t)length);
    if (status == PORTICO_OK) ++its->count;
    *consumed = size;
    return status;
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
MISTAKE_PLUGIN("shared_state", PORTICO_FRAMING_DELIMITER, callbacks, .create = mistake_create)
