/* notices: one static buffer is the answer to everything. A byte '?' brings it to the connection
 * that sent it, and '!' to all connections. Nothing is copied: send_owned sends the buffer itself,
 * however many connections it is on its way to.
 *
 * The plugin is serial, so that the list of its connections needs no lock. */
#include <stdlib.h>

#include <portico/ext/send_owned.h>
#include <portico/portico.h>

#define NOTICE_BYTES 100000

static uint8_t notice[NOTICE_BYTES];

struct member {
    portico_connection connection;
    struct member* next;
    struct member** link; /* to this member */
};

struct instance {
    const portico_host* host;
    portico_instance* handle;
    const portico_send_owned* owned;
    struct member* members;
    uint64_t on_the_way; /* sends whose release has not come */
};

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    struct instance* made = calloc(1, sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    made->host = setup->host;
    made->handle = setup->instance;
    made->owned = setup->host->get_extension(setup->instance, PORTICO_EXT_SEND_OWNED,
                                             sizeof PORTICO_EXT_SEND_OWNED - 1);
    if (made->owned == NULL) {
        free(made);
        return PORTICO_UNSUPPORTED;
    }
    for (uint32_t i = 0; i < NOTICE_BYTES; ++i) notice[i] = (uint8_t)('a' + i % 23);
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    struct instance* instance = self;
    if (instance->on_the_way != 0 || instance->members != NULL) abort();
    free(instance);
}

static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                           const portico_opened* opened, void** state) {
    struct instance* instance = self;
    struct member* made = malloc(sizeof *made);
    (void)opened;
    if (made == NULL) return PORTICO_NO_MEMORY;
    made->connection = connection;
    made->next = instance->members;
    made->link = &instance->members;
    if (made->next != NULL) made->next->link = &made->next;
    instance->members = made;
    *state = made;
    return PORTICO_OK;
}

/* The buffer is static, so all that a release tells is that one send less is on its way. */
static void PORTICO_CALL released(void* self, portico_connection connection, void* state,
                                  void* argument, portico_status status) {
    struct instance* instance = self;
    (void)connection, (void)state, (void)argument, (void)status;
    --instance->on_the_way;
}

static portico_status send_notice(struct instance* instance, portico_connection connection) {
    const portico_part part = {notice, sizeof notice};
    portico_status status = instance->owned->send(instance->handle, connection, &part, 1,
                                                  sizeof part, released, NULL);
    if (status == PORTICO_OK) ++instance->on_the_way;
    return status;
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    struct instance* instance = self;
    (void)connection, (void)frame;
    *consumed = size;
    for (uint64_t i = 0; i < size; ++i) {
        struct member* member = data[i] == '!' ? instance->members : state;
        for (; member != NULL; member = data[i] == '!' ? member->next : NULL) {
            /* one whose queue is full misses it */
            (void)send_notice(instance, member->connection);
        }
    }
    return PORTICO_OK;
}

static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                  const portico_closed* closed) {
    struct member* member = state;
    (void)self, (void)connection, (void)closed;
    *member->link = member->next;
    if (member->next != NULL) member->next->link = member->link;
    free(member);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};
static const portico_plugin notices = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .flags = PORTICO_PLUGIN_SERIAL | PORTICO_PLUGIN_UNLOADABLE,
    .name = "notices",
    .name_size = 7,
    .version = "1",
    .version_size = 1,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(notices)
