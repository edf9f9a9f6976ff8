/* unfaithful: an echo that now and then spoils a reply, and knows how often. The client's
 * verification must report exactly the same counts.
 *
 * Framed by newlines. Settings, integers: "drop", "duplicate", "reorder", "corrupt", "cross": every
 * so many messages of a connection the reply is left out; sent twice; sent after the next one; sent
 * with a bit changed; sent to another connection instead. 0: never. If two coincide, the first in
 * this order is done. "first": only within the first so many messages of a connection, and a reply
 * crosses only to a connection that is within them too. So the connection that gets a foreign reply
 * still waits for replies of its own.
 *
 * The answer to the line "figures" says how often each was done: "DROPPED DUPLICATED REORDERED
 * CORRUPTED CROSSED". If a reply waited for a next one that did not come, it was dropped. Needs a
 * host with one thread. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <portico/ext/settings.h>
#include <portico/portico.h>

static const char question[] = "figures";

enum fault { DROP, DUPLICATE, REORDER, CORRUPT, CROSS, FAULTS };
static const char* const fault_names[FAULTS] = {"drop", "duplicate", "reorder", "corrupt", "cross"};

struct peer {
    struct peer *previous, *next; /* in the list of open connections */
    portico_connection connection;
    int64_t messages;
    uint8_t* held; /* a reply that waits for the next one */
    uint64_t held_size;
};

struct unfaithful {
    const portico_host* host;
    portico_instance* handle;
    int64_t every[FAULTS], first;
    uint64_t done[FAULTS];
    struct peer* peers;
};

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    const portico_settings* reader = setup->host->get_extension(
        setup->instance, PORTICO_EXT_SETTINGS, sizeof PORTICO_EXT_SETTINGS - 1);
    if (reader == NULL) return PORTICO_UNSUPPORTED;
    struct unfaithful* made = calloc(1, sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    made->host = setup->host;
    made->handle = setup->instance;
    portico_status status = reader->get_integer(setup->instance, "first", 5, 0, INT64_MAX,
                                                &made->first);
    for (int i = 0; i < FAULTS && status >= 0; ++i) {
        status = reader->get_integer(setup->instance, fault_names[i], strlen(fault_names[i]), 0,
                                     INT64_MAX, &made->every[i]);
    }
    if (status < 0) {
        free(made);
        return status;
    }
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(self);
}

static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                           const portico_opened* opened, void** state) {
    struct unfaithful* unfaithful = self;
    struct peer* peer = calloc(1, sizeof *peer);
    (void)opened;
    if (peer == NULL) return PORTICO_NO_MEMORY;
    peer->connection = connection;
    peer->next = unfaithful->peers;
    if (peer->next != NULL) peer->next->previous = peer;
    unfaithful->peers = peer;
    *state = peer;
    return PORTICO_OK;
}

static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                  const portico_closed* closed) {
    struct unfaithful* unfaithful = self;
    struct peer* peer = state;
    (void)connection, (void)closed;
    if (peer->held != NULL) ++unfaithful->done[DROP];
    free(peer->held);
    if (peer->next != NULL) peer->next->previous = peer->previous;
    if (peer->previous != NULL)
        peer->previous->next = peer->next;
    else
        unfaithful->peers = peer->next;
    free(peer);
}

static portico_status answer_question(struct unfaithful* unfaithful,
                                      portico_connection connection) {
    char text[160];
    const int size = snprintf(
        text, sizeof text, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
        unfaithful->done[DROP], unfaithful->done[DUPLICATE], unfaithful->done[REORDER],
        unfaithful->done[CORRUPT], unfaithful->done[CROSS]);
    return unfaithful->host->send(unfaithful->handle, connection, text, (uint64_t)size);
}

/* The fault that is due with this message of the connection. */
static enum fault fault_of(const struct unfaithful* unfaithful, const struct peer* peer) {
    if (peer->messages > unfaithful->first) return FAULTS;
    for (int i = 0; i < FAULTS; ++i) {
        if (unfaithful->every[i] != 0 && peer->messages % unfaithful->every[i] == 0)
            return (enum fault)i;
    }
    return FAULTS;
}

static struct peer* another(const struct unfaithful* unfaithful, const struct peer* peer) {
    for (struct peer* each = unfaithful->peers; each != NULL; each = each->next) {
        if (each != peer && each->messages > 0 && each->messages < unfaithful->first) return each;
    }
    return NULL;
}

static portico_status send_to(struct unfaithful* unfaithful, struct peer* peer, const uint8_t* data,
                              uint64_t size) {
    return unfaithful->host->send(unfaithful->handle, peer->connection, data, size);
}

/* Sends the reply, and the one that has waited for it. */
static portico_status send_reply(struct unfaithful* unfaithful, struct peer* peer,
                                 const uint8_t* data, uint64_t size) {
    portico_status status = send_to(unfaithful, peer, data, size);
    if (status < 0 || peer->held == NULL) return status;
    status = send_to(unfaithful, peer, peer->held, peer->held_size);
    free(peer->held);
    peer->held = NULL;
    ++unfaithful->done[REORDER];
    return status;
}

static portico_status send_corrupted(struct unfaithful* unfaithful, struct peer* peer,
                                     const uint8_t* data, uint64_t size,
                                     const portico_frame* frame) {
    uint8_t* changed = malloc(size);
    if (changed == NULL) return PORTICO_NO_MEMORY;
    memcpy(changed, data, size);
    /* each byte in turn */
    changed[frame->payload_offset + unfaithful->done[CORRUPT] % frame->payload_size] ^= 1;
    const portico_status status = send_reply(unfaithful, peer, changed, size);
    free(changed);
    ++unfaithful->done[CORRUPT];
    return status;
}

static portico_status hold(struct peer* peer, const uint8_t* data, uint64_t size) {
    peer->held = malloc(size);
    if (peer->held == NULL) return PORTICO_NO_MEMORY;
    memcpy(peer->held, data, size);
    peer->held_size = size;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    struct unfaithful* unfaithful = self;
    struct peer* peer = state;
    *consumed = size;
    if (frame->payload_size == sizeof question - 1 &&
        memcmp(data + frame->payload_offset, question, sizeof question - 1) == 0) {
        return answer_question(unfaithful, connection);
    }
    ++peer->messages;
    switch (fault_of(unfaithful, peer)) {
        case DROP: ++unfaithful->done[DROP]; return PORTICO_OK;
        case DUPLICATE: {
            const portico_status status = send_to(unfaithful, peer, data, size);
            if (status < 0) return status;
            ++unfaithful->done[DUPLICATE];
            return send_reply(unfaithful, peer, data, size);
        }
        case REORDER:
            if (peer->held == NULL) return hold(peer, data, size);
            break;
        case CORRUPT: return send_corrupted(unfaithful, peer, data, size, frame);
        case CROSS: {
            struct peer* other = another(unfaithful, peer);
            if (other == NULL) break;
            ++unfaithful->done[CROSS];
            return send_to(unfaithful, other, data, size);
        }
        case FAULTS: break;
    }
    return send_reply(unfaithful, peer, data, size);
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
    .version = "",
    .create = create,
    .destroy = destroy,
    .name = "unfaithful",
    .name_size = sizeof "unfaithful" - 1,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(plugin)
