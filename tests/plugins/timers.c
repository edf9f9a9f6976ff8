/* timers: each connection is told when it has been idle, and the instance counts seconds.
 *
 * It echoes what comes. A connection that sends nothing for "idle_ms" (100) gets "IDLE\n" and is
 * closed. Each message restarts its timer. A timer of the instance logs a heartbeat every
 * "heartbeat_ms" (0: never). */
#include <stdlib.h>
#include <string.h>

#include <portico/ext/settings.h>
#include <portico/ext/timer.h>
#include <portico/portico.h>

struct plugin {
    const portico_host* host;
    portico_instance* instance;
    const portico_timers* timers;
    uint32_t idle_ms;
    uint64_t beats;
};

struct session {
    portico_timer idle;
    portico_connection connection;
};

static void PORTICO_CALL on_beat(void* self, portico_connection connection, void* state,
                                 void* argument, const portico_timer_event* event) {
    struct plugin* plugin = self;
    static const char text[] = "heartbeat";
    (void)connection, (void)state, (void)argument;
    if (event->status != PORTICO_OK) return; /* the instance ends */
    plugin->beats += event->periods;
    plugin->host->log(plugin->instance, 0, PORTICO_LOG_INFO, text, sizeof text - 1);
}

/* Every way in which the timer can end comes here, with PORTICO_TIMER_LAST. */
static void PORTICO_CALL on_idle(void* self, portico_connection connection, void* state,
                                 void* argument, const portico_timer_event* event) {
    struct plugin* plugin = self;
    static const char farewell[] = "IDLE\n";
    (void)state, (void)argument;
    if (event->status != PORTICO_OK) return; /* the connection closes */
    (void)plugin->host->send(plugin->instance, connection, farewell, sizeof farewell - 1);
    (void)plugin->host->close(plugin->instance, connection, PORTICO_CLOSE_GRACEFUL);
}

static uint32_t setting(const portico_settings* settings, portico_instance* instance,
                        const char* key, int64_t otherwise) {
    int64_t value = otherwise;
    (void)settings->get_integer(instance, key, strlen(key), 0, 1000000, &value);
    return (uint32_t)value;
}

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    const portico_host* host = setup->host;
    const portico_settings* settings = host->get_extension(setup->instance, PORTICO_EXT_SETTINGS,
                                                           sizeof PORTICO_EXT_SETTINGS - 1);
    const portico_timers* timers = host->get_extension(setup->instance, PORTICO_EXT_TIMER,
                                                       sizeof PORTICO_EXT_TIMER - 1);
    struct plugin* plugin;
    uint32_t heartbeat_ms;
    if (settings == NULL || timers == NULL) return PORTICO_UNSUPPORTED;
    plugin = calloc(1, sizeof *plugin);
    if (plugin == NULL) return PORTICO_NO_MEMORY;
    plugin->host = host;
    plugin->instance = setup->instance;
    plugin->timers = timers;
    plugin->idle_ms = setting(settings, setup->instance, "idle_ms", 100);
    heartbeat_ms = setting(settings, setup->instance, "heartbeat_ms", 0);
    *self = plugin;
    if (heartbeat_ms != 0 && timers->start(setup->instance, 0, heartbeat_ms, heartbeat_ms, on_beat,
                                           NULL, NULL) != PORTICO_OK) {
        free(plugin);
        return PORTICO_NO_MEMORY;
    }
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(self);
}

static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                           const portico_opened* opened, void** state) {
    struct plugin* plugin = self;
    struct session* session = malloc(sizeof *session);
    portico_status status;
    (void)opened;
    if (session == NULL) return PORTICO_NO_MEMORY;
    session->connection = connection;
    status = plugin->timers->start(plugin->instance, connection, plugin->idle_ms, 0, on_idle, NULL,
                                   &session->idle);
    if (status < 0) {
        free(session);
        return status;
    }
    *state = session;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    struct plugin* plugin = self;
    struct session* session = state;
    (void)frame;
    (void)plugin->timers->restart(plugin->instance, session->idle, plugin->idle_ms, 0);
    *consumed = size;
    return plugin->host->send(plugin->instance, connection, data, size);
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
static const portico_plugin timers = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .name = "timers",
    .name_size = 6,
    .version = "1.0",
    .version_size = 3,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(timers)
