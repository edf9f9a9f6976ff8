/* The least echo in C, to which instructions.sh compares the least one in Rust. */
#include <stdlib.h>

#include <portico/portico.h>

struct echo {
    const portico_host *host;
    portico_instance *instance;
};

static portico_status PORTICO_CALL create(const portico_setup *setup, void **self) {
    struct echo *echo = malloc(sizeof *echo);
    if (echo == NULL) return PORTICO_NO_MEMORY;
    echo->host = setup->host;
    echo->instance = setup->instance;
    *self = echo;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void *self) { free(self); }

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    struct echo *echo = self;
    (void)state, (void)frame;
    *consumed = size;
    return echo->host->send(echo->instance, connection, data, size);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
static const portico_plugin echo = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .name = "echo_in_c",
    .name_size = 9,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(echo)
