/* Portico as a library, in C: servers that listen, run protocol plugins, and stop in order.
 * libportico.so (portico.dll) exports these functions and nothing else. portico/server.hpp is the
 * same in C++.
 *
 *     portico_server_options options = {.struct_size = sizeof options,
 *                                       .embed_major = PORTICO_EMBED_MAJOR,
 *                                       .embed_minor = PORTICO_EMBED_MINOR};
 *     portico_server *server = NULL;
 *     if (portico_server_create(&options, &server) < 0) ...
 *     if (portico_server_configure_file(server, "host.json", PORTICO_TERMINATED) < 0 ||
 *         portico_server_start(server) < 0)
 *         fputs(portico_server_errors(server), stderr);
 *     ...                                              from any thread: portico_server_drain
 *     portico_server_wait(server, NULL);
 *     portico_server_destroy(server);
 *
 * The ground rules are those of plugins (abi.h): a structure begins with its struct_size and only
 * grows at its end; a text is a pointer and a length in bytes, UTF-8; reserved members are zero; a
 * function that returns a negative status has done nothing, unless said otherwise. Beyond them:
 *
 * - If a text's size is PORTICO_TERMINATED, the text ends at its zero byte. That holds for the
 *   functions here alone, and not for plugins' tables.
 * - Texts that a function is given are its caller's, and are copied if they are needed later. Texts
 *   that it returns are the library's: they end with a zero byte too, and their function says how
 *   long they are valid.
 * - Every function that returns a status may return PORTICO_INVALID, for a pointer that is NULL or
 *   a struct_size that is wrong, and PORTICO_NO_MEMORY.
 * - Several servers in one process share nothing. The library installs no signal handler and keeps
 *   no logger. A start raises the process's soft limit of descriptors to the hard one.
 *
 * Thread tags. Each function carries one:
 *   [owner]  one thread at a time for each server, not always the same one. Not from a callback of
 *            a plugin, and not from the log function.
 *   [any]    from any thread, callbacks and the log function included, at any time between
 *            portico_server_create and portico_server_destroy.
 *
 * Versions. While the major version is 0, this API is not frozen, and program and library must have
 * the same minor version: portico_server_create refuses another one. From 1 on, minor versions only
 * append functions and members. */
#ifndef PORTICO_EMBED_H
#define PORTICO_EMBED_H

#include <portico/portico.h>

#define PORTICO_EMBED_MAJOR 0u
#define PORTICO_EMBED_MINOR 2u

#if defined(PORTICO_EMBED_BUILD)
#define PORTICO_EMBED_API PORTICO_EXPORT_SYMBOL
#else
#define PORTICO_EMBED_API
#endif

/* As the size of a text: it ends at its zero byte. */
#define PORTICO_TERMINATED UINT64_MAX

PORTICO_EXTERN_C_BEGIN

typedef struct portico_server portico_server;

/* A line of the log. Valid until the log function returns. */
typedef struct portico_log_line {
    uint32_t struct_size;
    uint32_t level;                /* PORTICO_LOG_... (host.h) */
    uint64_t time_ns;              /* since 1970, in UTC */
    portico_connection connection; /* 0: it belongs to none; logs write it in hexadecimal */
    const char* listener;          /* the listener's name; empty: it belongs to none */
    uint64_t listener_size;
    const char* text; /* without a newline; control bytes are escaped; at most 4,099 characters */
    uint64_t text_size;
} portico_log_line;

/* Takes a line of the log. Called on a thread of the library, one line at a time. If it is so slow
 * that more than log.queue lines wait, the oldest are dropped, and a line says how many. After
 * portico_server_wait, or a start or check that failed, or portico_server_destroy has returned, it
 * is not called. These wait for a call that has begun, so it must not wait for them. */
typedef void(PORTICO_CALL* portico_log_function)(void* argument, const portico_log_line* line);

typedef struct portico_server_options {
    uint32_t struct_size;
    uint32_t embed_major; /* PORTICO_EMBED_MAJOR of the header that the program was built with */
    uint32_t embed_minor; /* PORTICO_EMBED_MINOR, likewise */
    uint32_t reserved;
    /* Where plugins are, if the configuration does not say. Relative to the current folder at the
     * time of the call. NULL or empty: "plugins" beside the running program. */
    const char* plugin_directory;
    uint64_t plugin_directory_size;
    portico_log_function log; /* NULL: lines go to standard error; log.file is not affected */
    void* log_argument;
} portico_server_options;

/* [any] "MAJOR.MINOR.PATCH" of the library. Valid until the process ends. */
PORTICO_EMBED_API const char* PORTICO_CALL portico_embed_version(void);

/* [any] Makes a server, which does nothing yet. Returns PORTICO_OK and stores it in *server, or
 * PORTICO_UNSUPPORTED: the library has another version of this API. */
PORTICO_EMBED_API portico_status PORTICO_CALL
portico_server_create(const portico_server_options* options, portico_server** server);

/* [owner] Frees the server. If it runs, it is stopped first, as portico_server_drain(server,
 * UINT32_MAX) and portico_server_wait do. Nobody may use it any more, on any thread. NULL: nothing
 * happens. */
PORTICO_EMBED_API void PORTICO_CALL portico_server_destroy(portico_server* server);

/* [owner] What was wrong with the last [owner] call that returned a negative status: one line for
 * each mistake, ready for a person, with newlines between them. A mistake in a configuration begins
 * with its place: "host.json:7: listeners[0].listen: ...". Empty after a success. Never NULL for a
 * server. Valid until the next [owner] call. */
PORTICO_EMBED_API const char* PORTICO_CALL portico_server_errors(const portico_server* server);

/* [owner] Reads a configuration (docs/reference/configuration.md) from a file or from a text, in
 * place of the one before, and opens nothing. Relative paths in a file are relative to its folder,
 * those in a text to `directory` (NULL: the current folder); mistakes in a text are said to be in
 * the file "configuration" there. Returns PORTICO_OK, PORTICO_ERROR (errors has all mistakes; the
 * server is without a configuration), PORTICO_INVALID (it runs). */
PORTICO_EMBED_API portico_status PORTICO_CALL portico_server_configure_file(portico_server* server,
                                                                            const char* file,
                                                                            uint64_t file_size);
PORTICO_EMBED_API portico_status PORTICO_CALL
portico_server_configure_text(portico_server* server, const char* json, uint64_t json_size,
                              const char* directory, uint64_t directory_size);

/* [owner] Adds the plugins of a module that is part of the program: what its portico_plugin_query
 * would return if it were a library (entry.h: PORTICO_PLUGIN_ENTRY_AS). A listener names it as it
 * names a library: "plugin": "NAME", or "NAME#PLUGIN" if the module has several plugins. It hides a
 * library of the same name in the plugin directory. The tables are checked by a check or a start,
 * and stay valid until the server is destroyed (until the process ends, if `stuck` was set). Do it
 * before the start; it lasts for every later start. `name`: 1 to 64 printable ASCII characters
 * without spaces, quotes, "#", "/", "\", ":" and "..", and without the suffix of a library.
 * Returns PORTICO_OK, PORTICO_ERROR (another name, or it is taken), PORTICO_INVALID (it runs). */
PORTICO_EMBED_API portico_status PORTICO_CALL portico_server_register(portico_server* server,
                                                                      const char* name,
                                                                      uint64_t name_size,
                                                                      const portico_module* module);

/* [owner] Checks everything that a start checks: plugins, their settings (validate, never create)
 * and, unless `ports` is 0, that the addresses can be listened on. Opens nothing for good. Returns
 * PORTICO_OK, PORTICO_ERROR (errors has all mistakes), PORTICO_INVALID (it runs). */
PORTICO_EMBED_API portico_status PORTICO_CALL portico_server_check(portico_server* server,
                                                                   uint32_t ports);

/* [owner] Starts. After PORTICO_OK it listens and serves, on threads of its own. PORTICO_ERROR:
 * nothing stays open, and errors says why. PORTICO_INVALID: it runs. */
PORTICO_EMBED_API portico_status PORTICO_CALL portico_server_start(portico_server* server);

/* An address on which a listener listens. */
typedef struct portico_endpoint {
    uint32_t struct_size;
    uint32_t port; /* the real one, even if the configuration says 0 */
    /* The entry of "listen", if that is a list; from 0. An entry has several endpoints if it is a
     * name that stands for several addresses. */
    uint32_t listen_index;
    uint32_t reserved;
    const char* listener;
    uint64_t listener_size;
    const char* address; /* "127.0.0.1:5000", "[::1]:5000" */
    uint64_t address_size;
} portico_endpoint;

/* [owner] Fills in the endpoint with this number, from 0, in the order of the configuration. Set
 * endpoint->struct_size first. The texts are valid until the server stops. Returns PORTICO_OK, or
 * PORTICO_NOT_FOUND: there are no more, or the server does not run. */
PORTICO_EMBED_API portico_status PORTICO_CALL portico_server_get_endpoint(
    const portico_server* server, uint32_t index, portico_endpoint* endpoint);

/* [owner] Returns the port of the first endpoint of a listener. 0: it has none, or the server does
 * not run. */
PORTICO_EMBED_API uint32_t PORTICO_CALL portico_server_port(const portico_server* server,
                                                            const char* listener,
                                                            uint64_t listener_size);

/* [any] Ask for the stop, and return at once; portico_server_wait carries it out. drain: no new
 * clients, plugins are told (on_stop, on_drain), and connections have `drain_ms` to end, but at
 * most shutdown.drain_ms of the configuration, which UINT32_MAX means; what is open then is cut.
 * stop: the same without time to end. A stop may follow a drain; the shortest time counts. If the
 * server does not run yet, the request holds for its next start: portico_server_wait stops it. */
PORTICO_EMBED_API void PORTICO_CALL portico_server_drain(portico_server* server, uint32_t drain_ms);
PORTICO_EMBED_API void PORTICO_CALL portico_server_stop(portico_server* server);

/* How a stop went. */
typedef struct portico_stopped {
    uint32_t struct_size;
    /* 1: a callback of a plugin, or work that it gave to its executor, did not return within a
     * second after the drain's deadline; errors names it. Nothing that it may touch is ever freed,
     * not even by portico_server_destroy, and the server cannot be used again. Its thread stays, so
     * end the process soon (_Exit), and keep its plugins' tables. Else 0. */
    uint32_t stuck;
    uint64_t connections_cut; /* that the drain's deadline has ended */
} portico_stopped;

/* [owner] Waits for portico_server_drain or portico_server_stop on another thread, or takes one
 * that was called before, and stops: accepting ends, connections drain, instances are destroyed,
 * threads end. After the request it takes at most the drain and a second (and one for each
 * `destroy`), whatever a plugin does. Then the server can be configured and started again.
 * `stopped` may be NULL. Returns PORTICO_OK, PORTICO_ERROR (stuck; `stopped` is filled in),
 * PORTICO_INVALID (it does not run). */
PORTICO_EMBED_API portico_status PORTICO_CALL portico_server_wait(portico_server* server,
                                                                  portico_stopped* stopped);

/* [any] Opens log.file and log.access again by their names, for example after they were renamed.
 * The log also notices that by itself within a second. */
PORTICO_EMBED_API void PORTICO_CALL portico_server_reopen_log(portico_server* server);

/* ---- What a server counts */

/* The counts of one moment. Its functions may be called from any thread, by several at once. All
 * texts and arrays are valid until it is freed, also after the server is destroyed. */
typedef struct portico_snapshot portico_snapshot;

/* [any] Counts are all zero, and nothing is listed, unless the server runs. Stores the snapshot in
 * *snapshot; free it with portico_snapshot_free. */
PORTICO_EMBED_API portico_status PORTICO_CALL portico_server_snapshot(const portico_server* server,
                                                                      portico_snapshot** snapshot);

/* Frees it. NULL: nothing happens. */
PORTICO_EMBED_API void PORTICO_CALL portico_snapshot_free(portico_snapshot* snapshot);

/* The whole server. System calls are counted since the start, exactly if the server is idle. On
 * io_uring only the waits are system calls: the others are the operations that they submitted or
 * completed. */
typedef struct portico_totals {
    uint32_t struct_size;
    uint32_t worker_threads;
    uint64_t connections_accepted;
    uint64_t connections_open;
    uint64_t waits;
    uint64_t receives;
    uint64_t sends;
    uint64_t accepts;
    uint64_t wakes;
    uint64_t cancels;
    uint64_t completions;
    uint64_t receive_buffers_in_use;
    uint64_t send_chunks_in_use;
    const char* backend; /* "epoll", "io_uring", "iocp" */
    uint64_t backend_size;
} portico_totals;

/* Set totals->struct_size first, as for each structure here. */
PORTICO_EMBED_API portico_status PORTICO_CALL
portico_snapshot_totals(const portico_snapshot* snapshot, portico_totals* totals);

/* A listener. */
typedef struct portico_listener_counts {
    uint32_t struct_size;
    uint32_t reserved;
    const char* listener;
    uint64_t listener_size;
    const char* plugin; /* as the configuration names it */
    uint64_t plugin_size;
    uint64_t connections_accepted; /* since the start */
    uint64_t connections_open;
} portico_listener_counts;

/* The listener with this number, from 0, in the order of the configuration. PORTICO_NOT_FOUND:
 * there are no more. */
PORTICO_EMBED_API portico_status PORTICO_CALL portico_snapshot_listener(
    const portico_snapshot* snapshot, uint32_t index, portico_listener_counts* counts);

typedef struct portico_label {
    const char* name;
    uint64_t name_size;
    const char* value;
    uint64_t value_size;
} portico_label;

typedef struct portico_bucket {
    double upper_bound; /* included; the last one is infinity */
    uint64_t count;     /* of all values up to it, smaller buckets included */
} portico_bucket;

/* One series of a metric, of the host or of a plugin: docs/reference/metrics.md. */
typedef struct portico_series_counts {
    uint32_t struct_size;
    uint32_t kind;    /* PORTICO_METRIC_... of ext/metrics.h */
    const char* name; /* as it is exported: "portico_plugin_echo_messages_total" */
    uint64_t name_size;
    const char* help;
    uint64_t help_size;
    const char* listener; /* "" if it belongs to none */
    uint64_t listener_size;
    /* A plugin's: "listener", "plugin", and then its own. The host's: as documented, or none.
     * label_stride bytes apart. */
    const portico_label* labels;
    uint32_t label_count;
    uint32_t label_stride;
    double value;   /* counters: the total; gauges; histograms: 0 */
    uint64_t count; /* histograms: how many values; else 0 */
    double sum;     /* histograms: of the values; else 0 */
    /* Histograms; else NULL. bucket_stride bytes apart. */
    const portico_bucket* buckets;
    uint32_t bucket_count;
    uint32_t bucket_stride;
} portico_series_counts;

/* The series with this number, from 0: the host's own, then those that plugins have defined, each
 * sorted by name, listener, plugin and labels. Look for the name: new versions add some.
 * PORTICO_NOT_FOUND: there are no more. */
PORTICO_EMBED_API portico_status PORTICO_CALL portico_snapshot_series(
    const portico_snapshot* snapshot, uint32_t index, portico_series_counts* counts);

PORTICO_EXTERN_C_END

#endif
