/* The one symbol that a plugin exports. */
#ifndef PORTICO_ENTRY_H
#define PORTICO_ENTRY_H

#include "plugin.h"

/* [control] Returns the module's table for the host's major version of the ABI. If it has none, it
 * returns the one that it has, so that the host can say for which version the plugin was built.
 * Pure: it allocates nothing, starts nothing, and answers the same each time. NULL: it has none to
 * show.
 * PORTICO_PLUGIN_ENTRY writes it for you:
 *
 *     static const portico_plugin my_plugin = { ... };
 *     PORTICO_PLUGIN_ENTRY(my_plugin)
 */
PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module *PORTICO_CALL
portico_plugin_query(uint32_t host_abi_major);

PORTICO_EXTERN_C_BEGIN
typedef const portico_module *(PORTICO_CALL *portico_plugin_query_function)(
    uint32_t host_abi_major);
PORTICO_EXTERN_C_END

/* Defines the entry of a module with one plugin, `table` (a constant portico_plugin with static
 * storage). Use it once, in one source file, outside of all functions and namespaces, without a
 * semicolon after it. */
#define PORTICO_PLUGIN_ENTRY(table) PORTICO_PLUGIN_ENTRY_AS(portico_plugin_query, table)

/* The same with another name for the entry, for plugins that are linked statically into a program.
 * Several may stand in one program, if their names differ. */
#define PORTICO_PLUGIN_ENTRY_AS(query, table)                                                \
    static const portico_plugin *const query##_plugins[1] = {&(table)};                      \
    static const portico_module query##_module = {sizeof(portico_module), PORTICO_ABI_MAJOR, \
                                                  PORTICO_ABI_MINOR, 1u, query##_plugins};   \
    PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module *PORTICO_CALL query(         \
        uint32_t host_abi_major);                                                            \
    PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module *PORTICO_CALL query(         \
        uint32_t host_abi_major) {                                                           \
        (void)host_abi_major;                                                                \
        return &query##_module;                                                              \
    }

#endif
