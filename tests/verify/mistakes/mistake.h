/* What the planted mistakes have in common: a plugin that would echo lines, were it not for the one
 * mistake of its file. `host verify` names each of them (mistakes.sh). */
#ifndef PORTICO_TESTS_MISTAKE_H
#define PORTICO_TESTS_MISTAKE_H

#include <stdlib.h>
#include <string.h>

#include <portico/portico.h>

struct mistake {
    const portico_host *host;
    portico_instance *instance;
    uint64_t count; /* for those that need one */
};

static portico_status PORTICO_CALL mistake_create(const portico_setup *setup, void **self) {
    struct mistake *made = calloc(1, sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    made->host = setup->host;
    made->instance = setup->instance;
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL mistake_destroy(void *self) { free(self); }

/* The bytes up to and with the first newline from `from` on; 0: there is none. */
static inline uint64_t line_end(const uint8_t *data, uint64_t size, uint64_t from) {
    const uint8_t *end = from < size ? memchr(data + from, '\n', size - from) : NULL;
    return end == NULL ? 0 : (uint64_t)(end - data) + 1;
}

/* A right on_data for framed messages: one message, one send. */
static inline portico_status PORTICO_CALL echo_message(void *self, portico_connection connection,
                                                       void *state, const uint8_t *data,
                                                       uint64_t size, const portico_frame *frame,
                                                       uint64_t *consumed) {
    const struct mistake *its = self;
    (void)state;
    (void)frame;
    *consumed = size;
    return its->host->send(its->instance, connection, data, size);
}

/* The plugin's entry. The rest are members of its table. */
#define MISTAKE_PLUGIN(name_, framing_, callbacks_, ...)                                \
    static const portico_plugin mistake_table = {.struct_size = sizeof(portico_plugin), \
                                                 .abi_major = PORTICO_ABI_MAJOR,        \
                                                 .abi_minor = PORTICO_ABI_MINOR,        \
                                                 .abi_required = PORTICO_ABI_MINOR,     \
                                                 .framing = framing_,                   \
                                                 .name = name_,                         \
                                                 .name_size = sizeof(name_) - 1,        \
                                                 .destroy = mistake_destroy,            \
                                                 .callbacks = &(callbacks_),            \
                                                 __VA_ARGS__};                          \
    PORTICO_PLUGIN_ENTRY(mistake_table)

#endif
