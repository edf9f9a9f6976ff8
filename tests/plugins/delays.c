/* delays: echoes each message after a random time, and records how long it held it: from the
 * callback that brought it to the send that answers it. So a client's latencies can be compared
 * with the server's own timestamps.
 *
 * Meanwhile it blocks its thread: one message at a time, so that none waits where no timestamp sees
 * it. The times are least_us + span_us * u^8, u uniform in [0, 1): a long and smooth tail, so no
 * percentile lies at a step.
 *
 * Framed by newlines. Settings: "least_us", "span_us". The answer to the line "figures" is "COUNT
 * P50 P90 P99", in nanoseconds, of all messages since the last such line. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <portico/ext/settings.h>
#include <portico/portico.h>

#include "stand_still.h"

#define TIMES_MAX 1000000
static const char question[] = "figures";

struct delays {
    const portico_host* host;
    portico_instance* handle;
    int64_t least_us, span_us;
    uint64_t random; /* from here on only for the one thread that the tests give it */
    uint64_t count;
    uint64_t times_ns[TIMES_MAX];
};

/* xorshift64 (Marsaglia). */
static double uniform(struct delays* delays) {
    delays->random ^= delays->random << 13;
    delays->random ^= delays->random >> 7;
    delays->random ^= delays->random << 17;
    return (double)(delays->random >> 11) / 9007199254740992.0;
}

static int64_t drawn_us(struct delays* delays) {
    const double u = uniform(delays), u2 = u * u, u4 = u2 * u2;
    return delays->least_us + (int64_t)((double)delays->span_us * u4 * u4);
}

static int compare_times(const void* left, const void* right) {
    const uint64_t one = *(const uint64_t*)left, other = *(const uint64_t*)right;
    return one < other ? -1 : one > other;
}

/* The value at place ceil(percent / 100 * count) of the sorted times, as in the client. */
static uint64_t percentile(const struct delays* delays, uint64_t percent) {
    return delays->count == 0 ? 0 : delays->times_ns[(percent * delays->count + 99) / 100 - 1];
}

static portico_status answer_question(struct delays* delays, portico_connection connection) {
    char text[128];
    qsort(delays->times_ns, (size_t)delays->count, sizeof delays->times_ns[0], compare_times);
    const int size = snprintf(
        text, sizeof text, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", delays->count,
        percentile(delays, 50), percentile(delays, 90), percentile(delays, 99));
    delays->count = 0;
    return delays->host->send(delays->handle, connection, text, (uint64_t)size);
}

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    const portico_settings* reader = setup->host->get_extension(
        setup->instance, PORTICO_EXT_SETTINGS, sizeof PORTICO_EXT_SETTINGS - 1);
    if (reader == NULL) return PORTICO_UNSUPPORTED;
    int64_t least_us = 0, span_us = 0;
    portico_status status = reader->get_integer(setup->instance, "least_us", 8, 0, 1000000,
                                                &least_us);
    if (status < 0) return status;
    status = reader->get_integer(setup->instance, "span_us", 7, 0, 1000000, &span_us);
    if (status < 0) return status;
    struct delays* made = malloc(sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    made->host = setup->host;
    made->handle = setup->instance;
    made->least_us = least_us;
    made->span_us = span_us;
    made->random = 20260131;
    made->count = 0;
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(self);
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    struct delays* delays = self;
    (void)state;
    const uint64_t began_ns = delays->host->now(delays->handle);
    *consumed = size;
    if (frame->payload_size == sizeof question - 1 &&
        memcmp(data + frame->payload_offset, question, sizeof question - 1) == 0) {
        return answer_question(delays, connection);
    }
    stand_still(drawn_us(delays));
    const uint64_t ended_ns = delays->host->now(delays->handle);
    if (delays->count < TIMES_MAX) delays->times_ns[delays->count++] = ended_ns - began_ns;
    return delays->host->send(delays->handle, connection, data, size);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
static const portico_plugin plugin = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .version = "",
    .create = create,
    .destroy = destroy,
    .name = "delays",
    .name_size = sizeof "delays" - 1,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(plugin)
