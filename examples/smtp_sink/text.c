#include "text.h"

#include <string.h>

/* CRC-32 by halves of a byte: a table of 16 fits into one cache line. */
static uint32_t update_crc(uint32_t crc, const uint8_t *data, uint64_t size) {
    static const uint32_t table[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
        0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
        0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
    };
    crc = ~crc;
    for (uint64_t i = 0; i < size; ++i) {
        crc = table[(crc ^ data[i]) & 15u] ^ (crc >> 4);
        crc = table[(crc ^ ((uint32_t)data[i] >> 4)) & 15u] ^ (crc >> 4);
    }
    return ~crc;
}

static void add(struct text *text, const uint8_t *data, uint64_t size) {
    text->crc = update_crc(text->crc, data, size);
    text->bytes += size;
}

void begin_text(struct text *text) { *text = (struct text){.place = TEXT_LINE_START}; }

/* Takes one byte that is part of the text. */
static void read_byte(struct text *text, const uint8_t *byte) {
    add(text, byte, 1);
    if (*byte == '\r') {
        text->place = TEXT_CR;
    } else if (*byte == '\n' && text->place == TEXT_CR) {
        text->place = TEXT_LINE_START;
        ++text->lines;
    } else {
        text->place = TEXT_INSIDE;
    }
}

/* Takes the rest of a line, without its CR. */
static uint64_t read_rest(struct text *text, const uint8_t *data, uint64_t size) {
    const uint8_t *cr = memchr(data, '\r', size);
    const uint64_t rest = cr != NULL ? (uint64_t)(cr - data) : size;
    add(text, data, rest);
    return rest;
}

uint64_t read_text(struct text *text, const uint8_t *data, uint64_t size, int *has_ended) {
    static const uint8_t cr = '\r';
    uint64_t at = 0;
    *has_ended = 0;
    while (at < size) {
        switch (text->place) {
            case TEXT_INSIDE:
                at += read_rest(text, data + at, size - at);
                if (at < size) read_byte(text, data + at++);
                break;
            case TEXT_LINE_START:
                if (data[at] == '.') {
                    text->place = TEXT_DOT;
                    ++at;
                } else {
                    read_byte(text, data + at++);
                }
                break;
            case TEXT_DOT: /* it was a stuffed one, unless the line ends */
                if (data[at] == '\r') {
                    text->place = TEXT_DOT_CR;
                    ++at;
                } else {
                    read_byte(text, data + at++);
                }
                break;
            case TEXT_DOT_CR:
                if (data[at] == '\n') {
                    *has_ended = 1;
                    return at + 1;
                }
                read_byte(text, &cr); /* it did not end the line */
                break;
            case TEXT_CR: read_byte(text, data + at++); break;
        }
    }
    return at;
}
