/* echo_in_c: the echo of plugins/echo as an author writes it in C, without its printing. It shows
 * what the C++ wrapper costs (bench/micro/count_dispatch.sh). */
#include <stdlib.h>

#include <portico/portico.h>

struct echo {
    const portico_host* host;
    portico_instance* instance;
    uint64_t max_send_bytes;
};

/* How many of the offered bytes are sent. Only a message longer than limits.max_send_bytes, which
 * goes in pieces, is ever sent in part. */
struct echo_connection {
    uint64_t sent;
};

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    struct echo* echo = malloc(sizeof *echo);
    if (echo == NULL) return PORTICO_NO_MEMORY;
    echo->host = setup->host;
    echo->instance = setup->instance;
    echo->max_send_bytes = setup->max_send_bytes;
    *self = echo;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(self);
}

static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                           const portico_opened* opened, void** state) {
    (void)self, (void)connection, (void)opened;
    *state = calloc(1, sizeof(struct echo_connection));
    return *state == NULL ? PORTICO_NO_MEMORY : PORTICO_OK;
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    struct echo* echo = self;
    struct echo_connection* progress = state;
    (void)frame;
    while (progress->sent < size) {
        const uint64_t left = size - progress->sent;
        const uint64_t piece = left < echo->max_send_bytes ? left : echo->max_send_bytes;
        const portico_status status = echo->host->send(echo->instance, connection,
                                                       data + progress->sent, piece);
        /* if the queue is full, the same bytes come again */
        if (status != PORTICO_OK) return status;
        progress->sent += piece;
    }
    progress->sent = 0;
    *consumed = size;
    return PORTICO_OK;
}

static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                  const portico_closed* closed) {
    (void)self, (void)connection, (void)closed;
    free(state);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};
static const portico_plugin plugin = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .name = "echo",
    .name_size = 4,
    .version = "1",
    .version_size = 1,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(plugin)
