#include "commands.h"

#include "dialogue.h"
#include "envelope.h"
#include "replies.h"

void refuse_mistake(struct session *session, int code, const char *enhanced, const char *text) {
    add_reply(session, code, enhanced, text);
    ++session->mistakes;
    count_one(&session->sink->counts, session->sink->counts.mistakes);
}

/* Replies and returns 0 if a command that has no argument was given one. */
static int has_no_argument(struct session *session, struct slice rest) {
    if (rest.size == 0) return 1;
    refuse_mistake(session, 501, "5.5.4", "This command has no argument");
    return 0;
}

/* HELO and EHLO. RFC 2034 allows their replies no enhanced status codes. */
static void greet(struct session *session, struct slice rest, uint8_t is_extended) {
    if (rest.size == 0) {
        refuse_mistake(session, 501, NULL, "Say who you are: a domain, or an address in brackets");
        return;
    }
    session->state = STATE_MAIL;
    session->is_extended = is_extended;
    forget_message(session);
    if (is_extended) {
        add_announcement(session);
    } else {
        add_named_reply(session, 250, NULL, "");
    }
}

static void run_helo(struct session *session, struct slice rest) { greet(session, rest, 0); }
static void run_ehlo(struct session *session, struct slice rest) { greet(session, rest, 1); }

static void run_data(struct session *session, struct slice rest) {
    if (!has_no_argument(session, rest)) return;
    if (session->state != STATE_DATA) {
        refuse_mistake(session, 503, "5.5.1", "First MAIL, and RCPT at least once");
        return;
    }
    ++session->messages;
    begin_text(&session->text);
    session->state = STATE_TEXT;
    add_reply(session, 354, NULL, "End it with <CR><LF>.<CR><LF>");
}

static void run_rset(struct session *session, struct slice rest) {
    if (!has_no_argument(session, rest)) return;
    forget_message(session);
    add_reply(session, 250, "2.0.0", "Ok");
}

static void run_noop(struct session *session, struct slice rest) {
    (void)rest; /* it may have one */
    add_reply(session, 250, "2.0.0", "Ok");
}

static void run_vrfy(struct session *session, struct slice rest) {
    if (rest.size == 0) {
        refuse_mistake(session, 501, "5.5.4", "Say whom");
        return;
    }
    add_reply(session, 252, "2.0.0", "It would be accepted, as anybody is");
}

static void run_help(struct session *session, struct slice rest) {
    (void)rest;
    add_reply(session, 214, "2.0.0", "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT");
}

static void run_quit(struct session *session, struct slice rest) {
    if (!has_no_argument(session, rest)) return;
    add_named_reply(session, 221, "2.0.0", "Bye");
    end_dialogue(session);
}

static void run_unsupported(struct session *session, struct slice rest) {
    (void)rest;
    refuse_mistake(session, 502, "5.5.1", "This server does not do that");
}

static const struct command {
    struct slice name;
    void (*run)(struct session *session, struct slice rest);
} commands[] = {
    {{"HELO", 4}, run_helo},
    {{"EHLO", 4}, run_ehlo},
    {{"MAIL", 4}, run_mail},
    {{"RCPT", 4}, run_rcpt},
    {{"DATA", 4}, run_data},
    {{"RSET", 4}, run_rset},
    {{"NOOP", 4}, run_noop},
    {{"VRFY", 4}, run_vrfy},
    {{"HELP", 4}, run_help},
    {{"QUIT", 4}, run_quit},
    {{"EXPN", 4}, run_unsupported},
    {{"TURN", 4}, run_unsupported},
    {{"ETRN", 4}, run_unsupported},
    {{"AUTH", 4}, run_unsupported},
    {{"BDAT", 4}, run_unsupported},
    {{"SEND", 4}, run_unsupported},
    {{"SOML", 4}, run_unsupported},
    {{"SAML", 4}, run_unsupported},
    {{"STARTTLS", 8}, run_unsupported},
};

static const struct command *find_command(struct slice name) {
    for (uint32_t i = 0; i < sizeof commands / sizeof commands[0]; ++i) {
        if (is_same_word(commands[i].name, name)) return &commands[i];
    }
    return NULL;
}

static int is_white(char c) { return c == ' ' || c == '\t'; }

static int has_control(struct slice line) {
    for (uint64_t i = 0; i < line.size; ++i) {
        const unsigned char c = (unsigned char)line.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) return 1;
    }
    return 0;
}

void run_command(struct session *session, struct slice line) {
    struct slice rest;
    uint64_t end = 0;
    /* A server should tolerate white space at the end (RFC 5321, 4.1.1). */
    while (line.size > 0 && is_white(line.data[line.size - 1])) --line.size;
    while (end < line.size && line.data[end] != ' ') ++end;
    rest = (struct slice){line.data + end, line.size - end};
    if (rest.size != 0) rest = (struct slice){rest.data + 1, rest.size - 1};
    const struct command *command = find_command((struct slice){line.data, end});
    if (has_control(line)) {
        refuse_mistake(session, 500, "5.5.2", "Bytes that do not belong into a line");
    } else if (command == NULL) {
        refuse_mistake(session, 500, "5.5.2", "There is no such command");
    } else {
        command->run(session, rest);
    }
}
