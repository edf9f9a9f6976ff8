/* Portico plugin ABI: the ground rules.
 *
 * A plugin is a shared library that exports one function, portico_plugin_query (entry.h). Host and
 * plugin talk through tables of function pointers (host.h, plugin.h) and nothing else.
 *
 * - C11 and C++17 or later; 64-bit, little-endian. Only fixed-width integers, pointers and IEEE
 * doubles cross the boundary: no bool, enum,
 *   bitfield or long, and no structure by value.
 * - A string is a pointer and a length in bytes; UTF-8; no terminator is promised.
 * - A table starts with its struct_size. Its size is a multiple of 8, it has no implicit padding,
 * reserved members are zero. Members are only
 *   ever appended, so a member is present when struct_size reaches past it: PORTICO_HAS. A structure that the callee
 *   fills in carries the caller's struct_size and is filled up to the smaller of the two.
 * - Durations are uint32_t milliseconds, instants uint64_t nanoseconds of a monotonic clock.
 * - Nobody frees the other side's memory. Whoever passes a pointer keeps it valid until the call
 *   returns, unless said otherwise.
 * - A pointer is never NULL unless its function says what NULL means. The host checks what a plugin
 * passes where that costs nothing, and answers
 *   PORTICO_INVALID; the instance's handle it takes as it is.
 * - No exception and no longjmp crosses the boundary, in either direction. What escapes from a
 *   callback ends the process.
 *
 * Thread tags. Each function carries one:
 *   [control]     no other callback of the same instance runs meanwhile. (Another instance of the
 *                 same plugin may: what a library keeps in statics needs a lock of its own.) Not a
 *                 worker's thread, and not always the same one.
 *   [connection]  serial for one connection, concurrent across connections (with
 *                 PORTICO_PLUGIN_SERIAL: serial for the instance).
 *   [any]         from any thread, inside or outside callbacks, at any time from the start of
 *                 create to the return of destroy.
 * No host function blocks, and none calls the plugin back before it returns.
 *
 * Callbacks are serial for a connection but come from whichever worker has its turn: nothing is to
 * be kept in thread-local storage between them. The host does not take a tag on trust where it can
 * see the thread: worker_index and the settings answer so on the wrong one, in every build.
 *
 * Versions. While the major version is 0 the ABI is not frozen and the major and the minor version
 * must both match. From 1 on, minor versions only append. */
#ifndef PORTICO_ABI_H
#define PORTICO_ABI_H

#include <stddef.h>
#include <stdint.h>

#define PORTICO_ABI_MAJOR 0u
#define PORTICO_ABI_MINOR 1u

#if defined(_WIN32)
#define PORTICO_CALL __cdecl
#define PORTICO_EXPORT_SYMBOL __declspec(dllexport)
#else
#define PORTICO_CALL
#define PORTICO_EXPORT_SYMBOL __attribute__((visibility("default")))
#endif

#if defined(__cplusplus)
#define PORTICO_EXTERN_C extern "C"
#define PORTICO_EXTERN_C_BEGIN extern "C" {
#define PORTICO_EXTERN_C_END }
#else
#define PORTICO_EXTERN_C
#define PORTICO_EXTERN_C_BEGIN
#define PORTICO_EXTERN_C_END
#endif

#if UINTPTR_MAX != UINT64_MAX
#error "The Portico plugin ABI is defined for 64-bit systems only."
#endif
#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__)
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "The Portico plugin ABI is defined for little-endian systems only."
#endif
#endif

/* Is `member` of the table at `table` there, in the version that the other side was built with? A
 * NULL function is there but absent. */
#define PORTICO_HAS(type, table, member) \
    ((table)->struct_size >= offsetof(type, member) + sizeof((table)->member))

PORTICO_EXTERN_C_BEGIN

/* What the host knows of one instance of a plugin. Opaque; valid from the start of create (or
 * validate) until destroy (or validate) has returned. */
typedef struct portico_instance portico_instance;

PORTICO_EXTERN_C_END

#endif
