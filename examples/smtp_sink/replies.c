#include "replies.h"

#include <stdio.h>

static char *end_of(struct session *session) { return session->replies + session->replies_size; }
static uint32_t room_of(const struct session *session) {
    return REPLIES_BYTES - session->replies_size;
}

/* Keeps what snprintf has written there. A reply that did not fit is dropped; has_room prevents
 * that for replies to commands. */
static void keep(struct session *session, int size) {
    if (size > 0 && (uint32_t)size < room_of(session)) session->replies_size += (uint32_t)size;
}

static void add(struct session *session, int code, const char *enhanced, const char *name,
                const char *text) {
    const int has_enhanced = enhanced != NULL && session->is_extended;
    keep(session, snprintf(end_of(session), room_of(session), "%d %s%s%s%s%s\r\n", code,
                           has_enhanced ? enhanced : "", has_enhanced ? " " : "", name,
                           name[0] != '\0' && text[0] != '\0' ? " " : "", text));
}

void add_reply(struct session *session, int code, const char *enhanced, const char *text) {
    add(session, code, enhanced, "", text);
}

void add_named_reply(struct session *session, int code, const char *enhanced, const char *text) {
    add(session, code, enhanced, session->sink->options.hostname, text);
}

void add_announcement(struct session *session) {
    const struct options *options = &session->sink->options;
    keep(session, snprintf(end_of(session), room_of(session),
                           "250-%s\r\n"
                           "250-PIPELINING\r\n"
                           "250-SIZE %llu\r\n"
                           "250-8BITMIME\r\n"
                           "250 ENHANCEDSTATUSCODES\r\n",
                           options->hostname, (unsigned long long)options->message_bytes));
}

int has_room(const struct session *session) { return room_of(session) >= REPLY_BYTES; }

portico_status send_replies(struct session *session) {
    const struct sink *sink = session->sink;
    if (session->replies_size == 0) return PORTICO_OK;
    const portico_status status = sink->host->send(sink->instance, session->connection,
                                                   session->replies, session->replies_size);
    if (status != PORTICO_WOULD_BLOCK) session->replies_size = 0;
    return status;
}
