/* The layout of every structure that crosses the plugin boundary, member by member, and the type of
 * every function. If a line fails here, plugins built before the change cannot run in hosts built
 * after it: append members instead, and add their lines. */
#include <assert.h>

#include <portico/ext/connect.h>
#include <portico/ext/connections.h>
#include <portico/ext/executor.h>
#include <portico/ext/metrics.h>
#include <portico/ext/resolve.h>
#include <portico/ext/send_owned.h>
#include <portico/ext/settings.h>
#include <portico/ext/timer.h>
#include <portico/portico.h>

#include "layout.h"

#ifdef __cplusplus
#include <type_traits>
#define IS_TYPE(type, member, expected) std::is_same<decltype(((type *)0)->member), expected>::value
#else
#define IS_TYPE(type, member, expected) _Generic(((type *)0)->member, expected : 1, default : 0)
#endif

#define SIZE(type, bytes)                                              \
    static_assert(sizeof(type) == (bytes), #type " has another size"); \
    static_assert(sizeof(type) % 8 == 0, #type " is no multiple of 8 bytes")

/* A member of `bytes` at `at`. It ends where the next one begins, so nothing lies between them. */
#define ARRAY(type, member, at, bytes)                                             \
    static_assert(offsetof(type, member) == (at), #type "." #member " has moved"); \
    static_assert(sizeof(((type *)0)->member) == (bytes), #type "." #member " has another size")
#define MEMBER(type, member, at, bytes, expected) \
    ARRAY(type, member, at, bytes);               \
    static_assert(IS_TYPE(type, member, expected), #type "." #member " has another type")

/* A member that is a pointer to a function with this result and these arguments. */
#define FUNCTION(type, member, at, result, arguments) \
    MEMBER(type, member, at, 8, result(PORTICO_CALL *) arguments)

/* The last member ends where the structure ends: no padding after it. */
#define LAST(type, member, bytes)                                                  \
    static_assert(offsetof(type, member) + sizeof(((type *)0)->member) == (bytes), \
                  #type " is padded at its end")

/* Functions that stand outside of tables. */
struct function_types {
    portico_plugin_query_function query;
    portico_post_function post;
    portico_timer_function timer;
    portico_release_function release;
    portico_work_function work;
    portico_resolved_function resolved;
};
FUNCTION(struct function_types, query, 0, const portico_module *, (uint32_t));
FUNCTION(struct function_types, post, 8, void,
         (void *, portico_connection, void *, void *, portico_status));
FUNCTION(struct function_types, timer, 16, void,
         (void *, portico_connection, void *, void *, const portico_timer_event *));
FUNCTION(struct function_types, release, 24, void,
         (void *, portico_connection, void *, void *, portico_status));
FUNCTION(struct function_types, work, 32, void, (void *, void *));
FUNCTION(struct function_types, resolved, 40, void,
         (void *, portico_connection, void *, void *, const portico_resolved *));

static_assert(sizeof(portico_status) == 4, "portico_status");
static_assert(sizeof(portico_connection) == 8 && sizeof(portico_timer) == 8 &&
                  sizeof(portico_metric) == 8 && sizeof(portico_series) == 8,
              "handles");
static_assert(sizeof(void *) == 8, "pointers");

SIZE(portico_part, 16);
MEMBER(portico_part, data, 0, 8, const void *);
MEMBER(portico_part, size, 8, 8, uint64_t);
LAST(portico_part, size, 16);

SIZE(portico_address, 160);
MEMBER(portico_address, family, 0, 4, uint32_t);
MEMBER(portico_address, port, 4, 2, uint16_t);
MEMBER(portico_address, text_size, 6, 2, uint16_t);
ARRAY(portico_address, bytes, 8, 16);
MEMBER(portico_address, scope, 24, 4, uint32_t);
MEMBER(portico_address, reserved, 28, 4, uint32_t);
ARRAY(portico_address, text, 32, 128);
LAST(portico_address, text, 160);

SIZE(portico_connection_info, 336);
MEMBER(portico_connection_info, struct_size, 0, 4, uint32_t);
MEMBER(portico_connection_info, reserved, 4, 4, uint32_t);
MEMBER(portico_connection_info, peer, 8, 160, portico_address);
MEMBER(portico_connection_info, local, 168, 160, portico_address);
MEMBER(portico_connection_info, queued_bytes, 328, 8, uint64_t);
LAST(portico_connection_info, queued_bytes, 336);

SIZE(portico_opened, 16);
MEMBER(portico_opened, struct_size, 0, 4, uint32_t);
MEMBER(portico_opened, origin, 4, 4, uint32_t);
MEMBER(portico_opened, listen_index, 8, 4, uint32_t);
MEMBER(portico_opened, reserved, 12, 4, uint32_t);
LAST(portico_opened, reserved, 16);

SIZE(portico_frame, 32);
MEMBER(portico_frame, struct_size, 0, 4, uint32_t);
MEMBER(portico_frame, flags, 4, 4, uint32_t);
MEMBER(portico_frame, payload_offset, 8, 8, uint64_t);
MEMBER(portico_frame, payload_size, 16, 8, uint64_t);
MEMBER(portico_frame, offered_before, 24, 8, uint64_t);
LAST(portico_frame, offered_before, 32);

SIZE(portico_ended, 16);
MEMBER(portico_ended, struct_size, 0, 4, uint32_t);
MEMBER(portico_ended, flags, 4, 4, uint32_t);
MEMBER(portico_ended, remaining, 8, 8, uint64_t);
LAST(portico_ended, remaining, 16);

SIZE(portico_draining, 16);
MEMBER(portico_draining, struct_size, 0, 4, uint32_t);
MEMBER(portico_draining, reason, 4, 4, uint32_t);
MEMBER(portico_draining, deadline_ns, 8, 8, uint64_t);
LAST(portico_draining, deadline_ns, 16);

SIZE(portico_closed, 48);
MEMBER(portico_closed, struct_size, 0, 4, uint32_t);
MEMBER(portico_closed, reason, 4, 4, uint32_t);
MEMBER(portico_closed, status, 8, 4, portico_status);
MEMBER(portico_closed, native_error, 12, 4, uint32_t);
MEMBER(portico_closed, unsent_bytes, 16, 8, uint64_t);
MEMBER(portico_closed, received_bytes, 24, 8, uint64_t);
MEMBER(portico_closed, sent_bytes, 32, 8, uint64_t);
MEMBER(portico_closed, opened_ns, 40, 8, uint64_t);
LAST(portico_closed, opened_ns, 48);

SIZE(portico_host, 136);
MEMBER(portico_host, struct_size, 0, 4, uint32_t);
MEMBER(portico_host, abi_major, 4, 4, uint32_t);
MEMBER(portico_host, abi_minor, 8, 4, uint32_t);
MEMBER(portico_host, reserved, 12, 4, uint32_t);
MEMBER(portico_host, version, 16, 8, const char *);
MEMBER(portico_host, version_size, 24, 8, uint64_t);
FUNCTION(portico_host, send, 32, portico_status,
         (portico_instance *, portico_connection, const void *, uint64_t));
FUNCTION(portico_host, send_parts, 40, portico_status,
         (portico_instance *, portico_connection, const portico_part *, uint32_t, uint32_t));
FUNCTION(portico_host, finish_sending, 48, portico_status,
         (portico_instance *, portico_connection));
FUNCTION(portico_host, close, 56, portico_status,
         (portico_instance *, portico_connection, uint32_t));
FUNCTION(portico_host, pause_reading, 64, portico_status, (portico_instance *, portico_connection));
FUNCTION(portico_host, resume_reading, 72, portico_status,
         (portico_instance *, portico_connection));
FUNCTION(portico_host, post, 80, portico_status,
         (portico_instance *, portico_connection, portico_post_function, void *));
FUNCTION(portico_host, post_instance, 88, portico_status,
         (portico_instance *, portico_post_function, void *));
FUNCTION(portico_host, info, 96, portico_status,
         (portico_instance *, portico_connection, portico_connection_info *));
FUNCTION(portico_host, now, 104, uint64_t, (portico_instance *));
FUNCTION(portico_host, log, 112, void,
         (portico_instance *, portico_connection, uint32_t, const char *, uint64_t));
FUNCTION(portico_host, worker_index, 120, uint32_t, (portico_instance *));
FUNCTION(portico_host, get_extension, 128, const void *,
         (portico_instance *, const char *, uint64_t));
LAST(portico_host, get_extension, 136);

SIZE(portico_setup, 120);
MEMBER(portico_setup, struct_size, 0, 4, uint32_t);
MEMBER(portico_setup, mode, 4, 4, uint32_t);
MEMBER(portico_setup, host, 8, 8, const portico_host *);
MEMBER(portico_setup, instance, 16, 8, portico_instance *);
MEMBER(portico_setup, plugin, 24, 8, const struct portico_plugin *);
MEMBER(portico_setup, settings, 32, 8, const char *);
MEMBER(portico_setup, settings_size, 40, 8, uint64_t);
MEMBER(portico_setup, listener_name, 48, 8, const char *);
MEMBER(portico_setup, listener_name_size, 56, 8, uint64_t);
MEMBER(portico_setup, error, 64, 8, char *);
MEMBER(portico_setup, error_capacity, 72, 8, uint64_t);
MEMBER(portico_setup, worker_count, 80, 4, uint32_t);
MEMBER(portico_setup, framing, 84, 4, uint32_t);
MEMBER(portico_setup, max_send_bytes, 88, 8, uint64_t);
MEMBER(portico_setup, send_high_bytes, 96, 8, uint64_t);
MEMBER(portico_setup, send_low_bytes, 104, 8, uint64_t);
MEMBER(portico_setup, max_message_bytes, 112, 8, uint64_t);
LAST(portico_setup, max_message_bytes, 120);

SIZE(portico_callbacks, 56);
MEMBER(portico_callbacks, struct_size, 0, 4, uint32_t);
MEMBER(portico_callbacks, reserved, 4, 4, uint32_t);
FUNCTION(portico_callbacks, on_open, 8, portico_status,
         (void *, portico_connection, const portico_opened *, void **));
FUNCTION(portico_callbacks, on_data, 16, portico_status,
         (void *, portico_connection, void *, const uint8_t *, uint64_t, const portico_frame *,
          uint64_t *));
FUNCTION(portico_callbacks, on_writable, 24, portico_status, (void *, portico_connection, void *));
FUNCTION(portico_callbacks, on_end, 32, portico_status,
         (void *, portico_connection, void *, const portico_ended *));
FUNCTION(portico_callbacks, on_drain, 40, portico_status,
         (void *, portico_connection, void *, const portico_draining *));
FUNCTION(portico_callbacks, on_close, 48, void,
         (void *, portico_connection, void *, const portico_closed *));
LAST(portico_callbacks, on_close, 56);

SIZE(portico_plugin, 112);
MEMBER(portico_plugin, struct_size, 0, 4, uint32_t);
MEMBER(portico_plugin, abi_major, 4, 4, uint32_t);
MEMBER(portico_plugin, abi_minor, 8, 4, uint32_t);
MEMBER(portico_plugin, abi_required, 12, 4, uint32_t);
MEMBER(portico_plugin, flags, 16, 4, uint32_t);
MEMBER(portico_plugin, optional_flags, 20, 4, uint32_t);
MEMBER(portico_plugin, framing, 24, 4, uint32_t);
MEMBER(portico_plugin, reserved, 28, 4, uint32_t);
MEMBER(portico_plugin, name, 32, 8, const char *);
MEMBER(portico_plugin, name_size, 40, 8, uint64_t);
MEMBER(portico_plugin, version, 48, 8, const char *);
MEMBER(portico_plugin, version_size, 56, 8, uint64_t);
FUNCTION(portico_plugin, validate, 64, portico_status, (const portico_setup *));
FUNCTION(portico_plugin, create, 72, portico_status, (const portico_setup *, void **));
FUNCTION(portico_plugin, on_stop, 80, portico_status, (void *, const portico_draining *));
FUNCTION(portico_plugin, destroy, 88, void, (void *));
FUNCTION(portico_plugin, get_extension, 96, const void *, (const char *, uint64_t));
MEMBER(portico_plugin, callbacks, 104, 8, const portico_callbacks *);
LAST(portico_plugin, callbacks, 112);

SIZE(portico_module, 24);
MEMBER(portico_module, struct_size, 0, 4, uint32_t);
MEMBER(portico_module, abi_major, 4, 4, uint32_t);
MEMBER(portico_module, abi_minor, 8, 4, uint32_t);
MEMBER(portico_module, plugin_count, 12, 4, uint32_t);
MEMBER(portico_module, plugins, 16, 8, const portico_plugin *const *);
LAST(portico_module, plugins, 24);

SIZE(portico_settings, 80);
MEMBER(portico_settings, struct_size, 0, 4, uint32_t);
MEMBER(portico_settings, reserved, 4, 4, uint32_t);
FUNCTION(portico_settings, get_boolean, 8, portico_status,
         (portico_instance *, const char *, uint64_t, int32_t *));
FUNCTION(portico_settings, get_integer, 16, portico_status,
         (portico_instance *, const char *, uint64_t, int64_t, int64_t, int64_t *));
FUNCTION(portico_settings, get_number, 24, portico_status,
         (portico_instance *, const char *, uint64_t, double, double, double *));
FUNCTION(portico_settings, get_string, 32, portico_status,
         (portico_instance *, const char *, uint64_t, const char **, uint64_t *));
FUNCTION(portico_settings, get_count, 40, portico_status,
         (portico_instance *, const char *, uint64_t, uint64_t *));
FUNCTION(portico_settings, read_anything, 48, portico_status,
         (portico_instance *, const char *, uint64_t));
FUNCTION(portico_settings, get_kind, 56, portico_status,
         (portico_instance *, const char *, uint64_t, uint32_t *));
FUNCTION(portico_settings, get_key, 64, portico_status,
         (portico_instance *, const char *, uint64_t, uint64_t, const char **, uint64_t *));
FUNCTION(portico_settings, fail, 72, portico_status,
         (portico_instance *, const char *, uint64_t, const char *, uint64_t));
LAST(portico_settings, fail, 80);

SIZE(portico_timer_event, 32);
MEMBER(portico_timer_event, struct_size, 0, 4, uint32_t);
MEMBER(portico_timer_event, flags, 4, 4, uint32_t);
MEMBER(portico_timer_event, timer, 8, 8, portico_timer);
MEMBER(portico_timer_event, due_ns, 16, 8, uint64_t);
MEMBER(portico_timer_event, status, 24, 4, portico_status);
MEMBER(portico_timer_event, periods, 28, 4, uint32_t);
LAST(portico_timer_event, periods, 32);

SIZE(portico_timers, 32);
MEMBER(portico_timers, struct_size, 0, 4, uint32_t);
MEMBER(portico_timers, reserved, 4, 4, uint32_t);
FUNCTION(portico_timers, start, 8, portico_status,
         (portico_instance *, portico_connection, uint32_t, uint32_t, portico_timer_function,
          void *, portico_timer *));
FUNCTION(portico_timers, restart, 16, portico_status,
         (portico_instance *, portico_timer, uint32_t, uint32_t));
FUNCTION(portico_timers, cancel, 24, portico_status, (portico_instance *, portico_timer));
LAST(portico_timers, cancel, 32);

SIZE(portico_target, 64);
MEMBER(portico_target, struct_size, 0, 4, uint32_t);
MEMBER(portico_target, timeout_ms, 4, 4, uint32_t);
MEMBER(portico_target, upstream, 8, 8, const char *);
MEMBER(portico_target, upstream_size, 16, 8, uint64_t);
MEMBER(portico_target, address, 24, 8, const char *);
MEMBER(portico_target, address_size, 32, 8, uint64_t);
MEMBER(portico_target, beside, 40, 8, portico_connection);
MEMBER(portico_target, callbacks, 48, 8, const portico_callbacks *);
MEMBER(portico_target, state, 56, 8, void *);
LAST(portico_target, state, 64);

SIZE(portico_upstream, 48);
MEMBER(portico_upstream, struct_size, 0, 4, uint32_t);
MEMBER(portico_upstream, framing, 4, 4, uint32_t);
MEMBER(portico_upstream, max_send_bytes, 8, 8, uint64_t);
MEMBER(portico_upstream, send_high_bytes, 16, 8, uint64_t);
MEMBER(portico_upstream, send_low_bytes, 24, 8, uint64_t);
MEMBER(portico_upstream, max_message_bytes, 32, 8, uint64_t);
MEMBER(portico_upstream, connections_max, 40, 4, uint32_t);
MEMBER(portico_upstream, connect_timeout_ms, 44, 4, uint32_t);
LAST(portico_upstream, connect_timeout_ms, 48);
SIZE(portico_connect, 24);
MEMBER(portico_connect, struct_size, 0, 4, uint32_t);
MEMBER(portico_connect, reserved, 4, 4, uint32_t);
FUNCTION(portico_connect, connect, 8, portico_status,
         (portico_instance *, const portico_target *, portico_connection *));
FUNCTION(portico_connect, find, 16, portico_status,
         (portico_instance *, const char *, uint64_t, portico_upstream *));
LAST(portico_connect, find, 24);

SIZE(portico_send_owned, 40);
MEMBER(portico_send_owned, struct_size, 0, 4, uint32_t);
MEMBER(portico_send_owned, reserved, 4, 4, uint32_t);
FUNCTION(portico_send_owned, send, 8, portico_status,
         (portico_instance *, portico_connection, const portico_part *, uint32_t, uint32_t,
          portico_release_function, void *));
FUNCTION(portico_send_owned, reserve, 16, portico_status,
         (portico_instance *, portico_connection, uint64_t, void **, uint64_t *));
FUNCTION(portico_send_owned, commit, 24, portico_status, (portico_instance *, uint64_t, uint64_t));
FUNCTION(portico_send_owned, drop, 32, portico_status, (portico_instance *, uint64_t));
LAST(portico_send_owned, drop, 40);

SIZE(portico_executor, 16);
MEMBER(portico_executor, struct_size, 0, 4, uint32_t);
MEMBER(portico_executor, reserved, 4, 4, uint32_t);
FUNCTION(portico_executor, run, 8, portico_status,
         (portico_instance *, portico_connection, portico_work_function, portico_post_function,
          void *));
LAST(portico_executor, run, 16);
SIZE(portico_connections, 40);
MEMBER(portico_connections, struct_size, 0, 4, uint32_t);
MEMBER(portico_connections, reserved, 4, 4, uint32_t);
FUNCTION(portico_connections, list, 8, portico_status,
         (portico_instance *, uint64_t *, portico_connection *, uint32_t, uint32_t *));
FUNCTION(portico_connections, join, 16, portico_status,
         (portico_instance *, portico_connection, uint64_t));
FUNCTION(portico_connections, leave, 24, portico_status,
         (portico_instance *, portico_connection, uint64_t));
FUNCTION(portico_connections, broadcast, 32, portico_status,
         (portico_instance *, uint64_t, portico_connection, const portico_part *, uint32_t,
          uint32_t, uint32_t));
LAST(portico_connections, broadcast, 40);

SIZE(portico_resolved, 32);
MEMBER(portico_resolved, struct_size, 0, 4, uint32_t);
MEMBER(portico_resolved, status, 4, 4, portico_status);
MEMBER(portico_resolved, request, 8, 8, portico_request);
MEMBER(portico_resolved, addresses, 16, 8, const portico_address *);
MEMBER(portico_resolved, count, 24, 4, uint32_t);
MEMBER(portico_resolved, stride, 28, 4, uint32_t);
LAST(portico_resolved, stride, 32);
SIZE(portico_resolve, 24);
MEMBER(portico_resolve, struct_size, 0, 4, uint32_t);
MEMBER(portico_resolve, reserved, 4, 4, uint32_t);
FUNCTION(portico_resolve, resolve, 8, portico_status,
         (portico_instance *, portico_connection, const char *, uint64_t, uint32_t,
          portico_resolved_function, void *, portico_request *));
FUNCTION(portico_resolve, cancel, 16, portico_status, (portico_instance *, portico_request));
LAST(portico_resolve, cancel, 24);

SIZE(portico_metric_definition, 72);
MEMBER(portico_metric_definition, struct_size, 0, 4, uint32_t);
MEMBER(portico_metric_definition, kind, 4, 4, uint32_t);
MEMBER(portico_metric_definition, name, 8, 8, const char *);
MEMBER(portico_metric_definition, name_size, 16, 8, uint64_t);
MEMBER(portico_metric_definition, help, 24, 8, const char *);
MEMBER(portico_metric_definition, help_size, 32, 8, uint64_t);
MEMBER(portico_metric_definition, labels, 40, 8, const portico_part *);
MEMBER(portico_metric_definition, bounds, 48, 8, const double *);
MEMBER(portico_metric_definition, label_count, 56, 4, uint32_t);
MEMBER(portico_metric_definition, label_stride, 60, 4, uint32_t);
MEMBER(portico_metric_definition, bound_count, 64, 4, uint32_t);
MEMBER(portico_metric_definition, series_max, 68, 4, uint32_t);
LAST(portico_metric_definition, series_max, 72);

SIZE(portico_metrics, 48);
MEMBER(portico_metrics, struct_size, 0, 4, uint32_t);
MEMBER(portico_metrics, reserved, 4, 4, uint32_t);
FUNCTION(portico_metrics, define, 8, portico_status,
         (portico_instance *, const portico_metric_definition *, portico_metric *));
FUNCTION(portico_metrics, get_series, 16, portico_status,
         (portico_instance *, portico_metric, const portico_part *, uint32_t, uint32_t,
          portico_series *));
FUNCTION(portico_metrics, add, 24, portico_status, (portico_instance *, portico_series, double));
FUNCTION(portico_metrics, set, 32, portico_status, (portico_instance *, portico_series, double));
FUNCTION(portico_metrics, record, 40, portico_status, (portico_instance *, portico_series, double));
LAST(portico_metrics, record, 48);

/* Codes are as much a part of the boundary as offsets. */
static_assert(PORTICO_OK == 0 && PORTICO_HOLD == 1 && PORTICO_WAIT == 2, "positive codes");
static_assert(PORTICO_ERROR == -1 && PORTICO_GONE == -2 && PORTICO_WOULD_BLOCK == -3 &&
                  PORTICO_TOO_LARGE == -4,
              "codes -1 to -4");
static_assert(PORTICO_CLOSING == -5 && PORTICO_INVALID == -6 && PORTICO_NO_MEMORY == -7 &&
                  PORTICO_UNSUPPORTED == -8,
              "codes -5 to -8");
static_assert(PORTICO_LIMIT == -9 && PORTICO_NOT_FOUND == -10 && PORTICO_WRONG_TYPE == -11,
              "codes -9 to -11");
static_assert(PORTICO_PROTOCOL_ERROR == -12 && PORTICO_REFUSED == -13 && PORTICO_CANCELLED == -14,
              "codes -12 to -14");
static_assert(PORTICO_TIMED_OUT == -15, "code -15");
static_assert(PORTICO_REASON_PLUGIN == 1 && PORTICO_REASON_PEER == 2 && PORTICO_REASON_RESET == 3 &&
                  PORTICO_REASON_ERROR == 4 && PORTICO_REASON_PLUGIN_ERROR == 5 &&
                  PORTICO_REASON_IDLE == 6 && PORTICO_REASON_HALF_CLOSE == 7 &&
                  PORTICO_REASON_FRAME == 8 && PORTICO_REASON_UNCONSUMED == 9 &&
                  PORTICO_REASON_DRAIN == 10 && PORTICO_REASON_DRAIN_DEADLINE == 11 &&
                  PORTICO_REASON_NO_MEMORY == 12 && PORTICO_REASON_CONNECT_FAILED == 13 &&
                  PORTICO_REASON_CONNECT_TIMEOUT == 14,
              "reasons");
static_assert(PORTICO_PLUGIN_SERIAL == 1 && PORTICO_PLUGIN_BLOCKING == 2 &&
                  PORTICO_PLUGIN_UNLOADABLE == 4,
              "flags");
static_assert(PORTICO_FRAMING_ANY == 0 && PORTICO_FRAMING_NONE == 1 &&
                  PORTICO_FRAMING_DELIMITER == 2 && PORTICO_FRAMING_LENGTH_PREFIX == 4,
              "framings");
static_assert(PORTICO_SETUP_CREATE == 1 && PORTICO_SETUP_VALIDATE == 2 && PORTICO_SETUP_RELOAD == 3,
              "modes of a setup");
static_assert(PORTICO_ORIGIN_ACCEPTED == 1 && PORTICO_ORIGIN_CONNECTED == 2, "origins");
static_assert(PORTICO_FRAME_LAST == 1 && PORTICO_FRAME_AGAIN == 2, "flags of a frame");
static_assert(PORTICO_ENDED_TRUNCATED == 1, "flags of an end");
static_assert(PORTICO_DRAIN_STOP == 1 && PORTICO_DRAIN_RELOAD == 2 &&
                  PORTICO_DRAIN_TAKE_OVER == 3 && PORTICO_DRAIN_ADMIN == 4,
              "reasons of a drain");
static_assert(PORTICO_ADDRESS_UNKNOWN == 0 && PORTICO_ADDRESS_UNIX == 1 &&
                  PORTICO_ADDRESS_IPV4 == 4 && PORTICO_ADDRESS_IPV6 == 6,
              "families");
static_assert(PORTICO_PARTS_MAX == 1024, "parts of a send");
static_assert(PORTICO_CLOSE_GRACEFUL == 0 && PORTICO_CLOSE_ABORT == 1, "ways to close");
static_assert(PORTICO_WHEN_FULL_SKIP == 0 && PORTICO_WHEN_FULL_ABORT == 1,
              "what a broadcast does with a full queue");
static_assert(PORTICO_LOG_TRACE == 0 && PORTICO_LOG_DEBUG == 1 && PORTICO_LOG_INFO == 2 &&
                  PORTICO_LOG_WARN == 3 && PORTICO_LOG_ERROR == 4,
              "levels of the log");
static_assert(PORTICO_SETTING_NULL == 0 && PORTICO_SETTING_BOOLEAN == 1 &&
                  PORTICO_SETTING_INTEGER == 2 && PORTICO_SETTING_NUMBER == 3 &&
                  PORTICO_SETTING_STRING == 4 && PORTICO_SETTING_ARRAY == 5 &&
                  PORTICO_SETTING_OBJECT == 6,
              "kinds of a setting");
static_assert(PORTICO_METRIC_COUNTER == 1 && PORTICO_METRIC_GAUGE == 2 &&
                  PORTICO_METRIC_HISTOGRAM == 3,
              "kinds of a metric");

static_assert(PORTICO_TIMER_LAST == 1, "flags of a timer's call");

const struct abi_size LAYOUT_NAME[] = {
    {"portico_part", sizeof(portico_part)},
    {"portico_address", sizeof(portico_address)},
    {"portico_connection_info", sizeof(portico_connection_info)},
    {"portico_opened", sizeof(portico_opened)},
    {"portico_frame", sizeof(portico_frame)},
    {"portico_ended", sizeof(portico_ended)},
    {"portico_draining", sizeof(portico_draining)},
    {"portico_closed", sizeof(portico_closed)},
    {"portico_host", sizeof(portico_host)},
    {"portico_setup", sizeof(portico_setup)},
    {"portico_callbacks", sizeof(portico_callbacks)},
    {"portico_plugin", sizeof(portico_plugin)},
    {"portico_module", sizeof(portico_module)},
    {"portico_settings", sizeof(portico_settings)},
    {"portico_timer_event", sizeof(portico_timer_event)},
    {"portico_timers", sizeof(portico_timers)},
    {"portico_target", sizeof(portico_target)},
    {"portico_upstream", sizeof(portico_upstream)},
    {"portico_connect", sizeof(portico_connect)},
    {"portico_send_owned", sizeof(portico_send_owned)},
    {"portico_executor", sizeof(portico_executor)},
    {"portico_connections", sizeof(portico_connections)},
    {"portico_resolved", sizeof(portico_resolved)},
    {"portico_resolve", sizeof(portico_resolve)},
    {"portico_metric_definition", sizeof(portico_metric_definition)},
    {"portico_metrics", sizeof(portico_metrics)},
    {NULL, 0},
};
