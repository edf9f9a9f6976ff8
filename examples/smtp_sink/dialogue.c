#include "dialogue.h"

#include <stdio.h>

#include "replies.h"

uint32_t time_to_wait(const struct session *session) {
    const struct sink *sink = session->sink;
    const uint64_t now = sink->host->now(sink->instance);
    const uint64_t left_ns = session->deadline_ns > now ? session->deadline_ns - now : 0;
    const uint32_t wait_ms = sink->options.timeouts_ms[session->state];
    return left_ns / 1000000 < wait_ms ? (uint32_t)(left_ns / 1000000) : wait_ms;
}

void restart_timer(struct session *session) {
    const struct sink *sink = session->sink;
    if (session->state == STATE_ENDING) return; /* what was left of the last state must do */
    (void)sink->timers->restart(sink->instance, session->timer, time_to_wait(session), 0);
}

void forget_message(struct session *session) {
    session->recipients = 0;
    session->sender.size = 0;
    if (session->state != STATE_HELLO) session->state = STATE_MAIL;
}

void report_message(const struct session *session, enum result result) {
    const struct sink *sink = session->sink;
    const struct text *text = &session->text;
    char line[256 + PATH_BYTES];
    /* The sender is last: whatever it contains, it cannot look like another field. */
    const int size = snprintf(line, sizeof line,
                              "message %u %s: recipients=%u bytes=%llu lines=%llu crc32=%08x "
                              "from=<%.*s>",
                              session->messages, name_of_result(result), session->recipients,
                              (unsigned long long)text->bytes, (unsigned long long)text->lines,
                              text->crc, (int)session->sender.size, session->sender_text);
    sink->host->log(sink->instance, session->connection, PORTICO_LOG_INFO, line, (uint64_t)size);
    count_message(&sink->counts, result, text->bytes, session->recipients);
}

void report_lost_message(struct session *session) {
    if (session->state == STATE_TEXT) report_message(session, RESULT_INCOMPLETE);
}

void end_dialogue(struct session *session) {
    report_lost_message(session);
    session->state = STATE_ENDING;
}

void hang_up(struct session *session, const char *enhanced, const char *text) {
    if (session->state == STATE_ENDING) return; /* it has got its last reply */
    end_dialogue(session);
    add_named_reply(session, 421, enhanced, text);
}

portico_status settle(struct session *session) {
    const struct sink *sink = session->sink;
    const portico_status status = send_replies(session);
    if (status == PORTICO_WOULD_BLOCK || session->state != STATE_ENDING) return status;
    return sink->host->close(sink->instance, session->connection, PORTICO_CLOSE_GRACEFUL);
}
