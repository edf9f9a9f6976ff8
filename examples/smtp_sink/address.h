/* The paths of MAIL and RCPT: "<" mailbox ">", as RFC 5321 (4.1.2) writes them. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "slice.h"

#define PATH_BYTES 256 /* RFC 5321, 4.5.3.1.3; with the brackets */

/* Reads the path that `text` begins with, and moves `text` behind it. Returns 0 if there is none,
 * or it is too long. *mailbox is what its brackets enclose, without the route that mail once had
 * ("@a,@b:"): it is empty for "<>", and has no domain for "<Postmaster>". */
int read_path(struct slice *text, struct slice *mailbox);

/* "Postmaster" alone, in any case. */
int is_postmaster(struct slice mailbox);

/* A domain ("mx.example.org") or an address ("[192.0.2.1]"). */
int is_domain(struct slice text);

/* Are both the same, but for the case of ASCII letters? */
int is_same_word(struct slice one, struct slice other);

#endif
