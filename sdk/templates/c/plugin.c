/* @NAME@: answers each line with a greeting and the line: "world" with "hello world".
 *
 * The host cuts the stream into lines ("framing" in host.json), so this file never sees half a
 * line. "greeting" in "settings" says something else than "hello". Begin with `answer` to make
 * another protocol of it. <portico/portico.h> says what each function promises. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <portico/ext/settings.h>
#include <portico/portico.h>

#define GREETING_MAX 256u

/* An instance: one for each listener that names the plugin. Threads share it, so nothing in it
 * changes after create. */
struct instance {
    const portico_host *host;
    portico_instance *handle;
    uint64_t greeting_size;
    char greeting[GREETING_MAX];
};

/* What is kept for each connection. Its callbacks never overlap, so nothing here needs a lock. */
struct session {
    uint64_t lines;
};

/* ---- the settings */

static portico_status read_settings(const portico_setup *setup, const char **greeting,
                                    uint64_t *greeting_size) {
    const portico_settings *settings = setup->host->get_extension(
        setup->instance, PORTICO_EXT_SETTINGS, sizeof PORTICO_EXT_SETTINGS - 1);
    *greeting = "hello";
    *greeting_size = 5;
    if (settings == NULL) return PORTICO_UNSUPPORTED;
    const portico_status status = settings->get_string(setup->instance, "greeting", 8, greeting,
                                                       greeting_size);
    if (status < 0 && status != PORTICO_NOT_FOUND) return status;
    if (*greeting_size > GREETING_MAX) {
        const char text[] = "expected at most 256 bytes";
        return settings->fail(setup->instance, "greeting", 8, text, sizeof text - 1);
    }
    return PORTICO_OK;
}

/* For `host check`. */
static portico_status PORTICO_CALL validate(const portico_setup *setup) {
    const char *greeting;
    uint64_t size;
    return read_settings(setup, &greeting, &size);
}

/* ---- an instance */

static portico_status PORTICO_CALL create(const portico_setup *setup, void **self) {
    const char *greeting;
    uint64_t size;
    const portico_status status = read_settings(setup, &greeting, &size);
    if (status < 0) return status;
    struct instance *instance = malloc(sizeof *instance);
    if (instance == NULL) return PORTICO_NO_MEMORY;
    instance->host = setup->host;
    instance->handle = setup->instance;
    instance->greeting_size = size;
    memcpy(instance->greeting, greeting, (size_t)size);
    *self = instance;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void *self) { free(self); }

/* ---- a connection */

static portico_status PORTICO_CALL on_open(void *self, portico_connection connection,
                                           const portico_opened *opened, void **state) {
    struct session *session = calloc(1, sizeof *session);
    (void)self, (void)connection, (void)opened;
    if (session == NULL) return PORTICO_NO_MEMORY;
    *state = session;
    return PORTICO_OK;
}

/* One answer to one line, in one piece. The line has its "\n", and so has the answer. */
static portico_status answer(const struct instance *instance, portico_connection connection,
                             const void *line, uint64_t size) {
    const portico_part parts[] = {
        {instance->greeting, instance->greeting_size}, {" ", 1}, {line, size}};
    return instance->host->send_parts(instance->handle, connection, parts, 3, sizeof parts[0]);
}

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    struct session *session = state;
    (void)frame;
    const portico_status status = answer(self, connection, data, size);
    if (status == PORTICO_OK) ++session->lines;
    *consumed = size;
    /* PORTICO_WOULD_BLOCK: the peer reads slowly. The host reads no more from it, and offers this
     * line again when there is room. */
    return status;
}

static void PORTICO_CALL on_close(void *self, portico_connection connection, void *state,
                                  const portico_closed *closed) {
    const struct instance *instance = self;
    struct session *session = state;
    char text[64];
    const int size = snprintf(text, sizeof text, "%" PRIu64 " lines", session->lines);
    (void)closed;
    instance->host->log(instance->handle, connection, PORTICO_LOG_DEBUG, text, (uint64_t)size);
    free(session);
}

/* ---- what the host is told */

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
    .framing = PORTICO_FRAMING_DELIMITER,
    .name = "@NAME@",
    .name_size = sizeof "@NAME@" - 1,
    .version = "0.1.0",
    .version_size = sizeof "0.1.0" - 1,
    .validate = validate,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(plugin)
