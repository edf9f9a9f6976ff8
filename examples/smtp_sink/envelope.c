#include "envelope.h"

#include <string.h>

#include "commands.h"
#include "dialogue.h"
#include "replies.h"

/* Moves *text behind `prefix`, in any case. Returns 0 if it begins otherwise. */
static int take_prefix(struct slice *text, struct slice prefix) {
    if (text->size < prefix.size) return 0;
    if (!is_same_word((struct slice){text->data, prefix.size}, prefix)) return 0;
    *text = (struct slice){text->data + prefix.size, text->size - prefix.size};
    return 1;
}

/* Takes the next parameter: " NAME=VALUE" or " NAME". Returns 0 if that is not what follows. */
static int take_parameter(struct slice *text, struct slice *parameter) {
    if (!take_prefix(text, LITERAL(" "))) return 0;
    parameter->data = text->data;
    parameter->size = 0;
    while (parameter->size < text->size && text->data[parameter->size] != ' ') ++parameter->size;
    *text = (struct slice){text->data + parameter->size, text->size - parameter->size};
    return parameter->size != 0;
}

/* RFC 1870: 1 to 20 digits. A number that is too large for 64 bits is too large for any server. */
static int read_size(struct slice digits, uint64_t *value) {
    *value = 0;
    if (digits.size == 0 || digits.size > 20) return 0;
    for (uint64_t i = 0; i < digits.size; ++i) {
        if (digits.data[i] < '0' || digits.data[i] > '9') return 0;
        const uint64_t digit = (uint64_t)(digits.data[i] - '0');
        *value = *value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *value * 10 + digit;
    }
    return 1;
}

/* Reads what follows the path of MAIL. Replies and returns 0 if something is wrong with it. */
static int read_parameters(struct session *session, struct slice rest) {
    struct slice parameter;
    uint64_t bytes = 0;
    while (rest.size != 0) {
        if (!take_parameter(&rest, &parameter)) {
            refuse_mistake(session, 501, "5.5.4", "Write MAIL FROM:<address> parameters");
            return 0;
        }
        if (session->is_extended && take_prefix(&parameter, LITERAL("SIZE="))) {
            if (!read_size(parameter, &bytes)) {
                refuse_mistake(session, 501, "5.5.4", "SIZE is not a number");
                return 0;
            }
        } else if (!session->is_extended || (!is_same_word(parameter, LITERAL("BODY=7BIT")) &&
                                             !is_same_word(parameter, LITERAL("BODY=8BITMIME")))) {
            refuse_mistake(session, 555, "5.5.4", "There is no such parameter");
            return 0;
        }
    }
    if (bytes > session->sink->options.message_bytes) {
        add_reply(session, 552, "5.3.4", "The message is too large");
        return 0;
    }
    return 1;
}

void run_mail(struct session *session, struct slice rest) {
    struct slice mailbox;
    if (session->state == STATE_HELLO) {
        refuse_mistake(session, 503, "5.5.1", "First EHLO or HELO");
    } else if (session->state != STATE_MAIL) {
        refuse_mistake(session, 503, "5.5.1", "There is a sender already");
    } else if (!take_prefix(&rest, LITERAL("FROM:"))) {
        refuse_mistake(session, 501, "5.5.4", "Write MAIL FROM:<address>");
    } else if (!read_path(&rest, &mailbox)) {
        refuse_mistake(session, 501, "5.1.7", "That is no address in angle brackets");
    } else if (read_parameters(session, rest)) {
        memcpy(session->sender_text, mailbox.data, mailbox.size);
        session->sender = (struct slice){session->sender_text, mailbox.size};
        session->state = STATE_RCPT;
        add_reply(session, 250, "2.1.0", "Ok");
    }
}

void run_rcpt(struct session *session, struct slice rest) {
    struct slice mailbox;
    if (session->state != STATE_RCPT && session->state != STATE_DATA) {
        refuse_mistake(session, 503, "5.5.1", "First MAIL");
    } else if (!take_prefix(&rest, LITERAL("TO:"))) {
        refuse_mistake(session, 501, "5.5.4", "Write RCPT TO:<address>");
    } else if (!read_path(&rest, &mailbox) || mailbox.size == 0) {
        refuse_mistake(session, 501, "5.1.3", "That is no address in angle brackets");
    } else if (rest.size != 0) {
        refuse_mistake(session, 555, "5.5.4", "There is no such parameter");
    } else if (session->recipients >= session->sink->options.recipients) {
        add_reply(session, 452, "4.5.3", "Too many recipients");
    } else {
        ++session->recipients;
        session->state = STATE_DATA;
        add_reply(session, 250, "2.1.5", "Ok");
    }
}
