/* hangs: accepts everything, and does not return from the callback that "in" names. In on_data, in
 * functions that it posts, and in blocking work, only a message that begins with "hang" makes it
 * hang. */
#include <stdlib.h>
#include <string.h>

#include <portico/ext/executor.h>
#include <portico/ext/settings.h>
#include <portico/portico.h>

#include "stand_still.h"

struct hangs {
    const portico_host* host;
    portico_instance* instance;
    char in[32];
};

static void hang_in(const struct hangs* hangs, const char* name) {
    if (strcmp(hangs->in, name) != 0) return;
    static const char text[] = "hangs";
    hangs->host->log(hangs->instance, 0, PORTICO_LOG_INFO, text, sizeof text - 1);
    for (;;) stand_still(100 * 1000);
}

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    const portico_settings* reader = setup->host->get_extension(
        setup->instance, PORTICO_EXT_SETTINGS, sizeof PORTICO_EXT_SETTINGS - 1);
    const char* in = "";
    uint64_t in_size = 0;
    if (reader == NULL) return PORTICO_UNSUPPORTED;
    const portico_status status = reader->get_string(setup->instance, "in", 2, &in, &in_size);
    if (status < 0) return status;
    struct hangs* made = calloc(1, sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    made->host = setup->host;
    made->instance = setup->instance;
    memcpy(made->in, in, (size_t)(in_size < sizeof made->in ? in_size : sizeof made->in - 1));
    hang_in(made, "create");
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    hang_in(self, "destroy");
    free(self);
}

static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                           const portico_opened* opened, void** state) {
    (void)connection, (void)opened, (void)state;
    hang_in(self, "on_open");
    return PORTICO_OK;
}

static void PORTICO_CALL posted(void* self, portico_connection connection, void* state,
                                void* argument, portico_status status) {
    (void)connection, (void)state, (void)argument, (void)status;
    hang_in(self, "post");
    hang_in(self, "post_instance");
}

static void PORTICO_CALL work(void* self, void* argument) {
    (void)argument;
    hang_in(self, "work");
}

static void give_work(const struct hangs* hangs, portico_connection connection) {
    const portico_executor* executor = hangs->host->get_extension(
        hangs->instance, PORTICO_EXT_EXECUTOR, sizeof PORTICO_EXT_EXECUTOR - 1);
    if (executor != NULL) (void)executor->run(hangs->instance, connection, work, posted, NULL);
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    struct hangs* hangs = self;
    (void)state, (void)frame;
    if (size >= 4 && memcmp(data, "hang", 4) == 0) {
        hang_in(hangs, "on_data");
        if (strcmp(hangs->in, "post") == 0)
            (void)hangs->host->post(hangs->instance, connection, posted, NULL);
        if (strcmp(hangs->in, "post_instance") == 0)
            (void)hangs->host->post_instance(hangs->instance, posted, NULL);
        if (strcmp(hangs->in, "work") == 0) give_work(hangs, connection);
    }
    *consumed = size;
    return hangs->host->send(hangs->instance, connection, data, size);
}

static portico_status PORTICO_CALL on_end(void* self, portico_connection connection, void* state,
                                          const portico_ended* ended) {
    struct hangs* hangs = self;
    (void)state, (void)ended;
    hang_in(hangs, "on_end");
    return hangs->host->close(hangs->instance, connection, PORTICO_CLOSE_GRACEFUL);
}

static portico_status PORTICO_CALL on_drain(void* self, portico_connection connection, void* state,
                                            const portico_draining* draining) {
    struct hangs* hangs = self;
    (void)state, (void)draining;
    hang_in(hangs, "on_drain");
    return hangs->host->close(hangs->instance, connection, PORTICO_CLOSE_GRACEFUL);
}

static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                  const portico_closed* closed) {
    (void)connection, (void)state, (void)closed;
    hang_in(self, "on_close");
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = on_data,
    .on_end = on_end,
    .on_drain = on_drain,
    .on_close = on_close,
};
static const portico_plugin plain = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .flags = PORTICO_PLUGIN_UNLOADABLE,
    .name = "hangs",
    .name_size = 5,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
static const portico_plugin blocking = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .flags = PORTICO_PLUGIN_UNLOADABLE | PORTICO_PLUGIN_BLOCKING,
    .name = "blocking",
    .name_size = 8,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
static const portico_plugin* const plugins[] = {&plain, &blocking};
static const portico_module module = {sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR,
                                      sizeof plugins / sizeof plugins[0], plugins};

PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module* PORTICO_CALL
portico_plugin_query(uint32_t host_abi_major) {
    (void)host_abi_major;
    return &module;
}
