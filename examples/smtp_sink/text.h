/* The text of a message as DATA sends it: removes the stuffed dots, and finds the end. It never
 * sees a message as a whole: a read may be cut anywhere, and no byte is kept. */
#ifndef TEXT_H
#define TEXT_H

#include <stdint.h>

/* Where the next byte stands. Only CR LF ends a line, so only CR LF "." CR LF ends the text: a
 * server that also took a bare LF would see two messages where others see one. */
enum text_place { TEXT_LINE_START, TEXT_DOT, TEXT_DOT_CR, TEXT_INSIDE, TEXT_CR };

struct text {
    enum text_place place;
    uint32_t crc;   /* CRC-32, as zlib has it */
    uint64_t bytes; /* without stuffed dots and the line that ends it */
    uint64_t lines;
};

void begin_text(struct text *text);

/* Reads as far as the end of the text, at most `size` bytes. Returns how many; *has_ended says
 * whether the end is the last of them. */
uint64_t read_text(struct text *text, const uint8_t *data, uint64_t size, int *has_ended);

#endif
