#include "print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The length of the UTF-8 character at `bytes`, 1 to 4, and its code point; 0 if there is none. */
static size_t decode(const uint8_t *bytes, uint64_t size, uint32_t *code_point) {
    const uint8_t first = bytes[0];
    if (first < 0x80) {
        *code_point = first;
        return 1;
    }
    const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || length > size) return 0;
    uint32_t value = first & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
        if ((bytes[i] & 0xC0) != 0x80) return 0;
        value = value << 6 | (bytes[i] & 0x3Fu);
    }
    if (length == 3 && (value < 0x800 || (value >= 0xD800 && value <= 0xDFFF))) return 0;
    if (length == 4 && (value < 0x10000 || value > 0x10FFFF)) return 0;
    *code_point = value;
    return length;
}

static int is_safe(uint32_t code_point) {
    /* C0, delete, C1 */
    if (code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0)) return 0;
    /* marks of direction */
    if (code_point == 0x061C || code_point == 0x200E || code_point == 0x200F) return 0;
    /* separators of lines and paragraphs, overrides of direction */
    if (code_point >= 0x2028 && code_point <= 0x202E) return 0;
    if (code_point >= 0x2066 && code_point <= 0x2069) return 0; /* isolates of direction */
    return 1;
}

size_t print_line(char *line, uint32_t worker, const uint8_t *message, uint64_t size) {
    /* People count from 1, as the article's server does; the ABI's index starts at 0. */
    size_t used = (size_t)snprintf(
        line, PRINT_LINE_MAX,
        "Thread %" PRIu64 ": The following message was received: ", (uint64_t)worker + 1);
    uint64_t taken = 0;
    while (taken < size) {
        uint32_t code_point = 0;
        const size_t length = decode(message + taken, size - taken, &code_point);
        const size_t bytes = length == 0 ? 1 : length;
        if (taken + bytes > PRINT_MESSAGE_MAX) break;
        if (length != 0 && is_safe(code_point)) {
            memcpy(line + used, message + taken, bytes);
            used += bytes;
        } else {
            for (size_t i = 0; i < bytes; ++i) {
                used += (size_t)snprintf(line + used, PRINT_LINE_MAX - used, "\\x%02X",
                                         (unsigned)message[taken + i]);
            }
        }
        taken += bytes;
    }
    if (taken < size) {
        used += (size_t)snprintf(line + used, PRINT_LINE_MAX - used,
                                 "... (%" PRIu64 " bytes in all)", size);
    }
    line[used++] = '\n';
    return used;
}
