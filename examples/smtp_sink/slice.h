/* Some bytes that somebody else keeps. */
#ifndef SLICE_H
#define SLICE_H

#include <stdint.h>

struct slice {
    const char *data;
    uint64_t size;
};
#define LITERAL(text_) ((struct slice){text_, sizeof(text_) - 1})

#endif
