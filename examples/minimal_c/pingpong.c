/* pingpong: a whole protocol in one file of C.
 *
 * One command a line, one answer a line:
 *     PING         PONG
 *     ECHO TEXT    TEXT
 *     WHOAMI       the peer's own address, as the host sees it
 *     QUIT         BYE, and the connection closes once that is sent
 *     else         ERROR unknown command
 * The host cuts the stream into lines ("framing" in host.json), so this file never sees half a
 * command. */
#include <stdlib.h>
#include <string.h>

#include <portico/portico.h>

struct pingpong {
    const portico_host *host;
    portico_instance *instance;
};

static portico_status PORTICO_CALL create(const portico_setup *setup, void **self) {
    struct pingpong *plugin = malloc(sizeof *plugin);
    if (plugin == NULL) return PORTICO_NO_MEMORY;
    plugin->host = setup->host;
    plugin->instance = setup->instance;
    *self = plugin;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void *self) { free(self); }

/* Is the line this command? */
static int is(const char *command, const char *line, uint64_t size) {
    return size == strlen(command) && memcmp(line, command, size) == 0;
}

static portico_status PORTICO_CALL on_data(void *self, portico_connection connection, void *state,
                                           const uint8_t *data, uint64_t size,
                                           const portico_frame *frame, uint64_t *consumed) {
    struct pingpong *plugin = self;
    const char *line = (const char *)data + frame->payload_offset;
    uint64_t length = frame->payload_size; /* without the "\n" */
    (void)state;
    /* a telnet client ends its lines with both */
    if (length > 0 && line[length - 1] == '\r') --length;

    portico_connection_info info = {.struct_size = sizeof info};
    const char *answer = "ERROR unknown command\n";
    uint64_t answer_size = strlen(answer);
    if (is("PING", line, length)) {
        answer = "PONG\n", answer_size = 5;
    } else if (is("QUIT", line, length)) {
        answer = "BYE\n", answer_size = 4;
    } else if (length >= 5 && memcmp(line, "ECHO ", 5) == 0) {
        /* straight from the host's buffer, with its "\n" */
        answer = line + 5, answer_size = size - frame->payload_offset - 5;
    } else if (is("WHOAMI", line, length) &&
               plugin->host->info(plugin->instance, connection, &info) == PORTICO_OK) {
        info.peer.text[info.peer.text_size] = '\n'; /* the longest address leaves room */
        answer = info.peer.text, answer_size = info.peer.text_size + 1u;
    }

    const portico_status status = plugin->host->send(plugin->instance, connection, answer,
                                                     answer_size);
    *consumed = size;
    if (status == PORTICO_OK && is("QUIT", line, length))
        return plugin->host->close(plugin->instance, connection, PORTICO_CLOSE_GRACEFUL);
    /* PORTICO_WOULD_BLOCK: the peer reads slowly, and the host offers this line again when there is
     * room */
    return status;
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
static const portico_plugin pingpong = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .framing = PORTICO_FRAMING_DELIMITER,
    .name = "pingpong",
    .name_size = 8,
    .version = "1.0",
    .version_size = 3,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(pingpong)
