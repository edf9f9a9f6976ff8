/* Portico plugin ABI: the ground rules.
 *
 * A plugin is a shared library that exports one function, portico_plugin_query (entry.h). Host and
 * plugin talk through tables of function pointers (host.h, plugin.h, ext/) and nothing else.
 *
 * - C11, or C++17 and later; 64-bit, little-endian. Only fixed-width integers, pointers and IEEE
 *   doubles cross the boundary: no bool, enum, bitfield or long, and no structure by value.
 * - A string is a pointer and a length in bytes. It is UTF-8 and need not be terminated.
 * - A table starts with its struct_size, and so does a structure that reports an event (events.h).
 *   Its size is a multiple of 8, it has no implicit padding, and its reserved members are zero.
 *   Members are only ever appended, so a member is present if struct_size reaches past it:
 *   PORTICO_HAS. If the callee fills in a structure, the caller sets its struct_size; the callee
 *   fills in the members that it knows, and zeroes the rest. The host refuses a plugin's table
 *   whose reserved members are not zero; a plugin ignores reserved members of the host's.
 * - An array of structures comes with a stride: the sizeof of the element as the caller was
 *   compiled, not that of a larger structure around it. It is the distance from one element to the
 *   next, and says which members an element has, as struct_size does. Below the element's size in
 *   version 1.0, or no multiple of 8: PORTICO_INVALID.
 * - Durations are uint32_t milliseconds, instants uint64_t nanoseconds of a monotonic clock.
 * - Nobody frees the other side's memory. Whoever passes a pointer keeps it valid until the call
 *   returns, unless said otherwise.
 * - A pointer is never NULL unless its function says what NULL means. The host checks a plugin's
 *   arguments where that costs nothing, and answers PORTICO_INVALID. It does not check that an
 *   instance's handle is one.
 * - Host functions return PORTICO_OK or a negative status. If it is negative, the host has taken
 *   nothing: the caller still owns what it passed, and results are untouched. What remains all the
 *   same (an on_writable that is owed, a text that is kept) is said at the function.
 * - No exception and no longjmp crosses the boundary, in either direction. An exception that
 *   escapes from a callback is a fault: it ends the process, or the instance if the host contains
 *   faults. Every "exactly once" ends there too.
 *
 * Thread tags. Each function carries one:
 *   [control]     no other callback of the same instance runs meanwhile. (A callback of another
 *                 instance of the same plugin may run: a library must lock what it keeps in
 *                 statics.) The thread is not a worker's, and not always the same one.
 *   [connection]  serial for one connection, concurrent across connections (with
 *                 PORTICO_PLUGIN_SERIAL: serial for the instance).
 *   [instance]    serial with everything that is posted to the instance, concurrent with its
 *                 connections (with PORTICO_PLUGIN_SERIAL: serial with them too).
 *   [any]         from any thread, inside or outside callbacks, at any time from the start of
 *                 create on. After destroy has returned, such a call is harmless, and answers
 *                 PORTICO_GONE.
 * No host function blocks, and none calls the plugin back before it returns.
 *
 * The callbacks of one connection are serial, but each may run on another worker: keep nothing in
 * thread-local storage between them. The host checks a tag if it can see the thread: on a wrong
 * one the settings answer PORTICO_UNSUPPORTED, in every build.
 *
 * Versions. While the major version is 0, the ABI is not frozen, and the major and the minor
 * version must both match. From 1 on, minor versions only append.
 *
 * Extensions (ext/) are tables with ids: "portico.NAME.draft/N" for a draft, and "portico.NAME/N"
 * for one that is final. From 1 on the table of an id only grows, and a host that answers the final
 * id answers the draft's too, with the same table. */
#ifndef PORTICO_ABI_H
#define PORTICO_ABI_H

#include <stddef.h>
#include <stdint.h>

#define PORTICO_ABI_MAJOR 0u
#define PORTICO_ABI_MINOR 2u

#if defined(_WIN32)
#define PORTICO_CALL __cdecl
#else
#define PORTICO_CALL
#endif

/* Exports a function from a library. Define it empty before the first header if a plugin is linked
 * statically into a program. */
#if !defined(PORTICO_EXPORT_SYMBOL)
#if defined(_WIN32)
#define PORTICO_EXPORT_SYMBOL __declspec(dllexport)
#else
#define PORTICO_EXPORT_SYMBOL __attribute__((visibility("default")))
#endif
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

/* Does the table at `table` have `member`, in the version that the other side was built with? A
 * function that it has may still be NULL. */
#define PORTICO_HAS(type, table, member) \
    ((table)->struct_size >= offsetof(type, member) + sizeof((table)->member))

PORTICO_EXTERN_C_BEGIN

/* The handle of one instance of a plugin. Opaque. It stays valid until the process ends. Every
 * function answers PORTICO_GONE for it once destroy or validate has returned, or create has failed
 * and what it had posted has run. */
typedef struct portico_instance portico_instance;

PORTICO_EXTERN_C_END

#endif
