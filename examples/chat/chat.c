/* chat: rooms of connections, as groups of the host.
 *
 * The host cuts the stream into lines ("framing" in host.json). README.md lists the commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <portico/ext/connections.h>
#include <portico/ext/settings.h>
#include <portico/portico.h>

#define NAME_BYTES 24

struct chat {
    const portico_host *host;
    portico_instance *instance;
    const portico_connections *connections;
    uint32_t when_full; /* what becomes of a member that does not read */
};

struct session {
    uint64_t room;     /* the group */
    uint32_t has_left; /* and the others know */
    uint32_t name_size;
    char name[NAME_BYTES];
};

struct text {
    const char *data;
    uint64_t size;
};
#define LITERAL(text_) ((struct text){text_, sizeof(text_) - 1})

/* ---- the instance */

/* "slow": "skip" or "abort". */
static portico_status read_slow(const portico_setup *setup, uint32_t *when_full) {
    const portico_settings *settings = setup->host->get_extension(
        setup->instance, PORTICO_EXT_SETTINGS, sizeof PORTICO_EXT_SETTINGS - 1);
    const char *slow = "skip";
    uint64_t size = 4;
    if (settings == NULL) return PORTICO_UNSUPPORTED;
    portico_status status = settings->get_string(setup->instance, "slow", 4, &slow, &size);
    if (status < 0 && status != PORTICO_NOT_FOUND) return status;
    if (size == 4 && memcmp(slow, "skip", 4) == 0) {
        *when_full = PORTICO_WHEN_FULL_SKIP;
    } else if (size == 5 && memcmp(slow, "abort", 5) == 0) {
        *when_full = PORTICO_WHEN_FULL_ABORT;
    } else {
        static const char wrong[] = "expected \"skip\" or \"abort\"";
        return settings->fail(setup->instance, "slow", 4, wrong, sizeof wrong - 1);
    }
    return PORTICO_OK;
}

static portico_status PORTICO_CALL validate(const portico_setup *setup) {
    uint32_t ignored;
    return read_slow(setup, &ignored);
}

static portico_status PORTICO_CALL create(const portico_setup *setup, void **self) {
    struct chat *chat = calloc(1, sizeof *chat);
    if (chat == NULL) return PORTICO_NO_MEMORY;
    chat->host = setup->host;
    chat->instance = setup->instance;
    chat->connections = setup->host->get_extension(setup->instance, PORTICO_EXT_CONNECTIONS,
                                                   sizeof PORTICO_EXT_CONNECTIONS - 1);
    portico_status status = chat->connections != NULL ? read_slow(setup, &chat->when_full)
                                                      : PORTICO_UNSUPPORTED;
    if (status < 0) {
        free(chat);
        return status;
    }
    *self = chat;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void *self) { free(self); }

/* ---- rooms */

/* A room's group: FNV-1a of its name. 0 is no group. */
static uint64_t room_of(struct text name) {
    uint64_t hash = 14695981039346656037u;
    for (uint64_t i = 0; i < name.size; ++i) hash = (hash ^ (uint8_t)name.data[i]) * 1099511628211u;
    return hash != 0 ? hash : 1;
}

/* Says "NAMEdoingwhat\n" to the room, except to the one that does it. */
static void say(const struct chat *chat, portico_connection who, const struct session *session,
                struct text doing, struct text what) {
    const portico_part parts[] = {{session->name, session->name_size},
                                  {doing.data, doing.size},
                                  {what.data, what.size},
                                  {"\n", 1}};
    (void)chat->connections->broadcast(chat->instance, session->room, who, parts, 4,
                                       sizeof parts[0], chat->when_full);
}

static portico_status enter(const struct chat *chat, portico_connection who,
                            struct session *session, struct text room) {
    const portico_status status = chat->connections->join(chat->instance, who, room_of(room));
    if (status != PORTICO_OK) return status;
    session->room = room_of(room);
    session->has_left = 0;
    say(chat, who, session, LITERAL(" enters"), LITERAL(""));
    return PORTICO_OK;
}

static void leave(const struct chat *chat, portico_connection who, struct session *session) {
    say(chat, who, session, LITERAL(" leaves"), LITERAL(""));
    (void)chat->connections->leave(chat->instance, who, session->room);
    session->has_left = 1;
}

/* How many connections there are. They may come and go while the list is read. */
static unsigned count_all(const struct chat *chat) {
    portico_connection some[64];
    uint64_t cursor = 0;
    uint32_t count;
    unsigned all = 0;
    do {
        if (chat->connections->list(chat->instance, &cursor, some, 64, &count) != PORTICO_OK) break;
        all += count;
    } while (count == 64);
    return all;
}

/* ---- a connection */

static void set_name(struct session *session, struct text name) {
    session->name_size = (uint32_t)(name.size < NAME_BYTES ? name.size : NAME_BYTES);
    memcpy(session->name, name.data, session->name_size);
}

static portico_status PORTICO_CALL on_open(void *self, portico_connection connection,
                                           const portico_opened *opened, void **state) {
    const struct chat *chat = self;
    struct session *session = calloc(1, sizeof *session);
    (void)opened;
    if (session == NULL) return PORTICO_NO_MEMORY;
    set_name(session, LITERAL("guest"));
    const portico_status status = enter(chat, connection, session, LITERAL("lobby"));
    if (status != PORTICO_OK) {
        free(session);
        return status;
    }
    *state = session;
    (void)chat->host->send(chat->instance, connection, "welcome to the lobby\n", 21);
    return PORTICO_OK;
}

/* Does the line begin with this word? Then the rest follows in *rest. */
static int is(struct text line, struct text word, struct text *rest) {
    if (line.size < word.size || memcmp(line.data, word.data, word.size) != 0) return 0;
    if (line.size > word.size && line.data[word.size] != ' ') return 0;
    const uint64_t skip = line.size > word.size ? word.size + 1 : word.size;
    *rest = (struct text){line.data + skip, line.size - skip};
    return 1;
}

static portico_status obey(const struct chat *chat, portico_connection connection,
                           struct session *session, struct text line) {
    struct text rest = {NULL, 0};
    if (is(line, LITERAL("NAME"), &rest) && rest.size != 0) {
        say(chat, connection, session, LITERAL(" is now "), rest);
        set_name(session, rest);
        return PORTICO_OK;
    }
    if (is(line, LITERAL("JOIN"), &rest) && rest.size != 0) {
        leave(chat, connection, session);
        return enter(chat, connection, session, rest);
    }
    if (is(line, LITERAL("WHO"), &rest)) {
        char answer[32];
        const int size = snprintf(answer, sizeof answer, "%u here\n", count_all(chat));
        return chat->host->send(chat->instance, connection, answer, (uint64_t)size);
    }
    if (is(line, LITERAL("QUIT"), &rest)) {
        leave(chat, connection, session);
        return chat->host->close(chat->instance, connection, PORTICO_CLOSE_GRACEFUL);
    }
    say(chat, connection, session, LITERAL(": "), line);
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    struct text line = {(const char *)data + frame->payload_offset, frame->payload_size};
    /* a telnet client ends its lines with both */
    if (line.size > 0 && line.data[line.size - 1] == '\r') --line.size;
    *consumed = size;
    /* (WHO's answer may find the queue full. Then the line is offered again, and nothing was
     * said.) */
    return obey(self, connection, state, line);
}

static portico_status PORTICO_CALL on_drain(void *self, portico_connection connection, void *state,
                                            const portico_draining *draining) {
    const struct chat *chat = self;
    struct session *session = state;
    (void)draining;
    session->has_left = 1; /* everybody leaves */
    (void)chat->host->send(chat->instance, connection, "the chat closes\n", 16);
    return chat->host->close(chat->instance, connection, PORTICO_CLOSE_GRACEFUL);
}

static void PORTICO_CALL on_close(void *self, portico_connection connection, void *state,
                                  const portico_closed *closed) {
    const struct chat *chat = self;
    struct session *session = state;
    /* The host has taken it out of its room already. */
    if (!session->has_left) {
        const struct text why = closed->reason == PORTICO_REASON_PLUGIN ? LITERAL(" was too slow")
                                                                        : LITERAL(" is gone");
        say(chat, connection, session, why, LITERAL(""));
    }
    free(session);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_open = on_open,
    .on_data = on_data,
    .on_drain = on_drain,
    .on_close = on_close,
};
static const portico_plugin chat = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .flags = PORTICO_PLUGIN_UNLOADABLE,
    .framing = PORTICO_FRAMING_DELIMITER,
    .name = "chat",
    .name_size = 4,
    .version = "1.0",
    .version_size = 3,
    .validate = validate,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(chat)
