/* The layout of every structure that crosses the plugin boundary, member by member. If a line fails
 * here, plugins built before the change cannot run in hosts built after it: append members instead,
 * and add their lines. */
#include <assert.h>

#include <portico/ext/settings.h>
#include <portico/portico.h>

#include "layout.h"

#define SIZE(type, bytes)                                              \
    static_assert(sizeof(type) == (bytes), #type " has another size"); \
    static_assert(sizeof(type) % 8 == 0, #type " is no multiple of 8 bytes")

/* A member of `bytes` at `at`. It ends where the next one begins, so nothing lies between them. */
#define MEMBER(type, member, at, bytes)                                            \
    static_assert(offsetof(type, member) == (at), #type "." #member " has moved"); \
    static_assert(sizeof(((type *)0)->member) == (bytes), #type "." #member " has another size")

/* The last member ends where the structure ends: no padding after it. */
#define LAST(type, member, bytes)                                                  \
    static_assert(offsetof(type, member) + sizeof(((type *)0)->member) == (bytes), \
                  #type " is padded at its end")

static_assert(sizeof(portico_status) == 4, "portico_status");
static_assert(sizeof(portico_connection) == 8, "portico_connection");
static_assert(sizeof(void *) == 8 && sizeof(portico_post_function) == 8, "pointers");

SIZE(portico_address_text, 80);
MEMBER(portico_address_text, size, 0, 4);
MEMBER(portico_address_text, reserved, 4, 4);
MEMBER(portico_address_text, text, 8, 72);
LAST(portico_address_text, text, 80);

SIZE(portico_connection_info, 240);
MEMBER(portico_connection_info, struct_size, 0, 4);
MEMBER(portico_connection_info, listener_name_size, 4, 4);
MEMBER(portico_connection_info, peer, 8, 80);
MEMBER(portico_connection_info, local, 88, 80);
MEMBER(portico_connection_info, queued_bytes, 168, 8);
MEMBER(portico_connection_info, listener_name, 176, 64);
LAST(portico_connection_info, listener_name, 240);

SIZE(portico_host, 128);
MEMBER(portico_host, struct_size, 0, 4);
MEMBER(portico_host, abi_major, 4, 4);
MEMBER(portico_host, abi_minor, 8, 4);
MEMBER(portico_host, reserved, 12, 4);
MEMBER(portico_host, version, 16, 8);
MEMBER(portico_host, version_size, 24, 8);
MEMBER(portico_host, send, 32, 8);
MEMBER(portico_host, finish_sending, 40, 8);
MEMBER(portico_host, close, 48, 8);
MEMBER(portico_host, pause_reading, 56, 8);
MEMBER(portico_host, resume_reading, 64, 8);
MEMBER(portico_host, post, 72, 8);
MEMBER(portico_host, post_instance, 80, 8);
MEMBER(portico_host, info, 88, 8);
MEMBER(portico_host, now, 96, 8);
MEMBER(portico_host, log, 104, 8);
MEMBER(portico_host, worker_index, 112, 8);
MEMBER(portico_host, get_extension, 120, 8);
LAST(portico_host, get_extension, 128);

SIZE(portico_frame, 24);
MEMBER(portico_frame, struct_size, 0, 4);
MEMBER(portico_frame, reserved, 4, 4);
MEMBER(portico_frame, payload_offset, 8, 8);
MEMBER(portico_frame, payload_size, 16, 8);
LAST(portico_frame, payload_size, 24);

SIZE(portico_plugin, 136);
MEMBER(portico_plugin, struct_size, 0, 4);
MEMBER(portico_plugin, abi_major, 4, 4);
MEMBER(portico_plugin, abi_minor, 8, 4);
MEMBER(portico_plugin, abi_required, 12, 4);
MEMBER(portico_plugin, flags, 16, 4);
MEMBER(portico_plugin, reserved, 20, 4);
MEMBER(portico_plugin, name, 24, 8);
MEMBER(portico_plugin, name_size, 32, 8);
MEMBER(portico_plugin, version, 40, 8);
MEMBER(portico_plugin, version_size, 48, 8);
MEMBER(portico_plugin, validate, 56, 8);
MEMBER(portico_plugin, create, 64, 8);
MEMBER(portico_plugin, destroy, 72, 8);
MEMBER(portico_plugin, on_open, 80, 8);
MEMBER(portico_plugin, on_data, 88, 8);
MEMBER(portico_plugin, on_writable, 96, 8);
MEMBER(portico_plugin, on_end, 104, 8);
MEMBER(portico_plugin, on_drain, 112, 8);
MEMBER(portico_plugin, on_close, 120, 8);
MEMBER(portico_plugin, get_extension, 128, 8);
LAST(portico_plugin, get_extension, 136);

SIZE(portico_module, 24);
MEMBER(portico_module, struct_size, 0, 4);
MEMBER(portico_module, abi_major, 4, 4);
MEMBER(portico_module, abi_minor, 8, 4);
MEMBER(portico_module, plugin_count, 12, 4);
MEMBER(portico_module, plugins, 16, 8);
LAST(portico_module, plugins, 24);

SIZE(portico_settings, 56);
MEMBER(portico_settings, struct_size, 0, 4);
MEMBER(portico_settings, reserved, 4, 4);
MEMBER(portico_settings, get_boolean, 8, 8);
MEMBER(portico_settings, get_integer, 16, 8);
MEMBER(portico_settings, get_number, 24, 8);
MEMBER(portico_settings, get_string, 32, 8);
MEMBER(portico_settings, get_count, 40, 8);
MEMBER(portico_settings, read_anything, 48, 8);
LAST(portico_settings, read_anything, 56);

/* Codes are as much a part of the boundary as offsets. */
static_assert(PORTICO_OK == 0 && PORTICO_HOLD == 1, "positive codes");
static_assert(PORTICO_ERROR == -1 && PORTICO_GONE == -2 && PORTICO_WOULD_BLOCK == -3 &&
                  PORTICO_TOO_LARGE == -4,
              "codes -1 to -4");
static_assert(PORTICO_CLOSING == -5 && PORTICO_INVALID == -6 && PORTICO_NO_MEMORY == -7 &&
                  PORTICO_UNSUPPORTED == -8,
              "codes -5 to -8");
static_assert(PORTICO_LIMIT == -9 && PORTICO_NOT_FOUND == -10 && PORTICO_WRONG_TYPE == -11,
              "codes -9 to -11");
static_assert(PORTICO_PROTOCOL_ERROR == -12 && PORTICO_REFUSED == -13, "codes -12 and -13");
static_assert(PORTICO_REASON_PLUGIN == 1 && PORTICO_REASON_PEER == 2 && PORTICO_REASON_RESET == 3 &&
                  PORTICO_REASON_ERROR == 4 && PORTICO_REASON_PLUGIN_ERROR == 5 &&
                  PORTICO_REASON_IDLE == 6 && PORTICO_REASON_HALF_CLOSE == 7 &&
                  PORTICO_REASON_FRAME == 8 && PORTICO_REASON_UNCONSUMED == 9 &&
                  PORTICO_REASON_DRAIN == 10 && PORTICO_REASON_DRAIN_DEADLINE == 11 &&
                  PORTICO_REASON_NO_MEMORY == 12,
              "reasons");
static_assert(PORTICO_PLUGIN_SERIAL == 1 && PORTICO_PLUGIN_BLOCKING == 2 &&
                  PORTICO_PLUGIN_UNLOADABLE == 4,
              "flags");
static_assert(PORTICO_CLOSE_GRACEFUL == 0 && PORTICO_CLOSE_ABORT == 1, "ways to close");
static_assert(PORTICO_LOG_TRACE == 0 && PORTICO_LOG_DEBUG == 1 && PORTICO_LOG_INFO == 2 &&
                  PORTICO_LOG_WARN == 3 && PORTICO_LOG_ERROR == 4,
              "levels of the log");

const struct abi_size LAYOUT_NAME[] = {
    {"portico_address_text", sizeof(portico_address_text)},
    {"portico_connection_info", sizeof(portico_connection_info)},
    {"portico_host", sizeof(portico_host)},
    {"portico_frame", sizeof(portico_frame)},
    {"portico_plugin", sizeof(portico_plugin)},
    {"portico_module", sizeof(portico_module)},
    {"portico_settings", sizeof(portico_settings)},
    {NULL, 0},
};
