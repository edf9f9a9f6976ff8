#include "address.h"

#include <string.h>

#define LOCAL_BYTES 64   /* RFC 5321, 4.5.3.1.1 */
#define DOMAIN_BYTES 255 /* RFC 5321, 4.5.3.1.2 */

/* (The C library has such functions too, but they ask the locale.) */
static int is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
static int is_atom(char c) {
    return is_letter_or_digit(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}
static int is_printable(char c) { return c >= ' ' && c <= '~'; }

static int begins_with(const struct slice *text, char c) {
    return text->size > 0 && text->data[0] == c;
}
static void skip(struct slice *text, uint64_t size) {
    text->data += size;
    text->size -= size;
}
static int take(struct slice *text, char c) {
    if (!begins_with(text, c)) return 0;
    skip(text, 1);
    return 1;
}

/* The functions below move `text` behind what they name. They return 0 if it does not begin so. */

static int take_literal(struct slice *text) {
    if (!take(text, '[')) return 0;
    const uint64_t before = text->size;
    while (text->size > 0 && is_printable(text->data[0]) && text->data[0] != ' ' &&
           strchr("[\\]", text->data[0]) == NULL) {
        skip(text, 1);
    }
    return text->size < before && take(text, ']');
}

static int take_domain(struct slice *text) {
    const uint64_t before = text->size;
    if (begins_with(text, '[')) return take_literal(text) && before - text->size <= DOMAIN_BYTES;
    do {
        char last = '-'; /* a label neither begins nor ends with one */
        if (begins_with(text, '-')) return 0;
        while (text->size > 0 && (is_letter_or_digit(text->data[0]) || text->data[0] == '-')) {
            last = text->data[0];
            skip(text, 1);
        }
        if (last == '-') return 0;
    } while (take(text, '.'));
    return before - text->size <= DOMAIN_BYTES;
}

static int take_quoted(struct slice *text) {
    if (!take(text, '"')) return 0;
    while (text->size > 0 && text->data[0] != '"') {
        (void)take(text, '\\'); /* the next one is itself, even a quote */
        if (text->size == 0 || !is_printable(text->data[0])) return 0;
        skip(text, 1);
    }
    return take(text, '"');
}

static int take_local_part(struct slice *text) {
    const uint64_t before = text->size;
    if (begins_with(text, '"')) return take_quoted(text) && before - text->size <= LOCAL_BYTES;
    do {
        const uint64_t start = text->size;
        while (text->size > 0 && is_atom(text->data[0])) skip(text, 1);
        if (text->size == start) return 0;
    } while (take(text, '.'));
    return before - text->size <= LOCAL_BYTES;
}

/* "@a,@b:" once said by which way a message should go. It is read and ignored (RFC 5321, C). */
static int take_route(struct slice *text) {
    if (!begins_with(text, '@')) return 1;
    do {
        if (!take(text, '@') || !take_domain(text)) return 0;
    } while (take(text, ','));
    return take(text, ':');
}

int read_path(struct slice *text, struct slice *mailbox) {
    struct slice rest = *text;
    int has_domain = 0;
    if (!take(&rest, '<')) return 0;
    *mailbox = rest;
    const int is_null = begins_with(&rest, '>');
    if (!is_null) {
        if (!take_route(&rest)) return 0;
        *mailbox = rest;
        if (!take_local_part(&rest)) return 0;
        has_domain = take(&rest, '@');
        if (has_domain && !take_domain(&rest)) return 0;
    }
    mailbox->size -= rest.size;
    if (!take(&rest, '>') || text->size - rest.size > PATH_BYTES) return 0;
    if (!is_null && !has_domain && !is_postmaster(*mailbox)) return 0;
    *text = rest;
    return 1;
}

static char lower_case(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }

int is_same_word(struct slice one, struct slice other) {
    if (one.size != other.size) return 0;
    for (uint64_t i = 0; i < one.size; ++i) {
        if (lower_case(one.data[i]) != lower_case(other.data[i])) return 0;
    }
    return 1;
}

int is_postmaster(struct slice mailbox) { return is_same_word(mailbox, LITERAL("postmaster")); }

int is_domain(struct slice text) { return take_domain(&text) && text.size == 0; }
