#include "input.h"

#include <string.h>

#include "commands.h"
#include "dialogue.h"
#include "replies.h"

/* The length of the line that begins there, with its CR LF; 0: there is no end yet. */
static uint64_t find_line(const uint8_t *data, uint64_t size) {
    const uint8_t *const end = data + size;
    const uint8_t *at = data;
    while (at < end) {
        const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
        if (lf == NULL) return 0;
        at = lf + 1;
        if (lf > data && lf[-1] == '\r') return (uint64_t)(at - data);
    }
    return 0;
}

/* So much of an incomplete line that is too long can go: a CR may be half of its end. */
static uint64_t skip_part(const uint8_t *data, uint64_t size) {
    return data[size - 1] == '\r' ? size - 1 : size;
}

static uint64_t take_line(struct session *session, const uint8_t *data, uint64_t size) {
    const struct options *options = &session->sink->options;
    const uint64_t line = find_line(data, size);
    if (line == 0) {
        if (size < LINE_BYTES && !session->skips_line) return 0;
        session->skips_line = 1;
        return skip_part(data, size);
    }
    if (session->skips_line || line > LINE_BYTES) {
        session->skips_line = 0;
        refuse_mistake(session, 500, "5.5.2", "The line is too long");
    } else {
        run_command(session, (struct slice){(const char *)data, line - 2});
    }
    if (session->mistakes >= options->mistakes) hang_up(session, "4.7.0", "Too many mistakes");
    restart_timer(session);
    return line;
}

static void finish_message(struct session *session) {
    const int is_too_large = session->text.bytes > session->sink->options.message_bytes;
    report_message(session, is_too_large ? RESULT_TOO_LARGE : RESULT_ACCEPTED);
    forget_message(session);
    if (is_too_large) {
        add_reply(session, 552, "5.3.4", "The message is too large");
    } else {
        add_reply(session, 250, "2.0.0", "Ok, and thrown away");
    }
    if (session->is_draining) hang_up(session, "4.3.2", "Service not available, closing");
}

static uint64_t take_text(struct session *session, const uint8_t *data, uint64_t size) {
    int has_ended;
    const uint64_t used = read_text(&session->text, data, size, &has_ended);
    if (has_ended) finish_message(session);
    restart_timer(session);
    return used;
}

uint64_t take_input(struct session *session, const uint8_t *data, uint64_t size) {
    if (session->state == STATE_ENDING) return size; /* nobody waits for it */
    if (session->state == STATE_TEXT) return take_text(session, data, size);
    return take_line(session, data, size);
}
