/* Extension "portico.settings/1": typed reads of an instance's settings, with errors that name
 * file, line and path.
 *
 * Usable inside create and validate only, by the thread that runs them (elsewhere:
 * PORTICO_UNSUPPORTED). A key is a member's name, or a path of names and array indices joined by
 * '/' ("limits/0/size"; '~1' stands for '/' in a name and '~0' for '~', as in RFC 6901).
 *
 * A read of a missing key answers PORTICO_NOT_FOUND and leaves *value as it was: put the default
 * there first. A value of another type, or out of range, answers PORTICO_WRONG_TYPE; the host keeps
 * a text that says where it is, what was found and what was expected, and uses it when create or
 * validate then fails without a text of its own. PORTICO_INVALID: a key that is no path, or a
 * result of NULL. PORTICO_NO_MEMORY.
 *
 * Once a plugin has asked for this extension, members that it did not read are reported as unknown
 * when create (or validate) succeeds, and the host does not start (after create it calls destroy):
 * a misspelt setting is found. read_anything(key) marks a member, with all below it, as read. */
#ifndef PORTICO_EXT_SETTINGS_H
#define PORTICO_EXT_SETTINGS_H

#include "../status.h"

#define PORTICO_EXT_SETTINGS "portico.settings/1"

PORTICO_EXTERN_C_BEGIN

typedef struct portico_settings {
    uint32_t struct_size;
    uint32_t reserved;

    /* [control] true or false, as 1 or 0. */
    portico_status(PORTICO_CALL *get_boolean)(portico_instance *instance, const char *key,
                                              uint64_t key_size, int32_t *value);

    /* [control] An integer from minimum to maximum (both included). */
    portico_status(PORTICO_CALL *get_integer)(portico_instance *instance, const char *key,
                                              uint64_t key_size, int64_t minimum, int64_t maximum,
                                              int64_t *value);

    /* [control] A number from minimum to maximum (both included). */
    portico_status(PORTICO_CALL *get_number)(portico_instance *instance, const char *key,
                                             uint64_t key_size, double minimum, double maximum,
                                             double *value);

    /* [control] A string. *text is the host's, UTF-8, not terminated, valid until create or
     * validate returns. */
    portico_status(PORTICO_CALL *get_string)(portico_instance *instance, const char *key,
                                             uint64_t key_size, const char **text,
                                             uint64_t *text_size);

    /* [control] How many elements an array has, or members an object. An empty key is the settings
     * themselves. */
    portico_status(PORTICO_CALL *get_count)(portico_instance *instance, const char *key,
                                            uint64_t key_size, uint64_t *count);

    /* [control] Marks a member and all below it as read. */
    portico_status(PORTICO_CALL *read_anything)(portico_instance *instance, const char *key,
                                                uint64_t key_size);
} portico_settings;

PORTICO_EXTERN_C_END

#endif
