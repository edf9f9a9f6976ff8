/* What the files of this plugin share: the instance, and the session of one connection. */
#ifndef SESSION_H
#define SESSION_H

#include <portico/ext/timer.h>
#include <portico/portico.h>

#include "address.h"
#include "counts.h"
#include "options.h"
#include "text.h"

/* A command line may have so many bytes. RFC 5321 demands 512, SIZE 26 and 8BITMIME 17 more. */
#define LINE_BYTES 1024u
/* Replies that wait for the end of a read, so that those to pipelined commands are one send. */
#define REPLIES_BYTES 4096u
/* What one command may add to them. */
#define REPLY_BYTES 1024u

struct sink {
    const portico_host *host;
    portico_instance *instance;
    const portico_timers *timers;
    struct options options;
    struct counts counts;
};

struct session {
    const struct sink *sink;
    portico_connection connection;
    portico_timer timer;
    uint64_t deadline_ns; /* of the session, or of a drain if that is earlier */
    enum state state;
    uint8_t is_extended;   /* EHLO was used, so replies have enhanced status codes */
    uint8_t is_draining;   /* no other message is accepted */
    uint8_t skips_line;    /* the rest of one that is too long */
    uint32_t mistakes;     /* commands that were not understood, or out of order */
    uint32_t recipients;   /* of this message */
    uint32_t messages;     /* so far, whatever became of them */
    uint32_t replies_size; /* bytes used of `replies` */
    struct text text;      /* of this message */
    struct slice sender;   /* of this message: the bytes are in sender_text */
    char sender_text[PATH_BYTES];
    char replies[REPLIES_BYTES];
};

#endif
