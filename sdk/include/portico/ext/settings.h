/* Extension "portico.settings.draft/1": typed reads of an instance's settings. Its errors name
 * file, line and path.
 *
 * It works only inside create and validate, on the thread that runs them (elsewhere:
 * PORTICO_UNSUPPORTED). A key is a member's name, or a path of names and array indices joined by
 * '/' ("limits/0/size"). In a name, '~1' stands for '/' and '~0' for '~', as in RFC 6901.
 *
 * If a key is missing, a read returns PORTICO_NOT_FOUND and leaves *value alone: put the default
 * there first. If the value has another type or is out of range, it returns PORTICO_WRONG_TYPE, and
 * the host keeps a text that says where the value is, what was found and what was expected. The
 * host uses that text if create or validate then fails without one of its own. PORTICO_INVALID: the
 * key is no path, or the result is NULL. PORTICO_NO_MEMORY.
 *
 * The host finds misspelt settings. If a plugin has called one of these functions, and create (or
 * validate) succeeds, the host reports each member that was not read as unknown, and does not start
 * (after create it calls destroy). read_anything(key) marks a member, and all below it, as read. */
#ifndef PORTICO_EXT_SETTINGS_H
#define PORTICO_EXT_SETTINGS_H

#include "../status.h"

#define PORTICO_EXT_SETTINGS "portico.settings.draft/1"

/* What get_kind finds. */
#define PORTICO_SETTING_NULL 0u
#define PORTICO_SETTING_BOOLEAN 1u
#define PORTICO_SETTING_INTEGER 2u
#define PORTICO_SETTING_NUMBER 3u /* no integer, or one that does not fit 64 bits */
#define PORTICO_SETTING_STRING 4u
#define PORTICO_SETTING_ARRAY 5u
#define PORTICO_SETTING_OBJECT 6u

PORTICO_EXTERN_C_BEGIN

typedef struct portico_settings {
    uint32_t struct_size;
    uint32_t reserved;

    /* [control] Reads true or false, as 1 or 0. */
    portico_status(PORTICO_CALL *get_boolean)(portico_instance *instance, const char *key,
                                              uint64_t key_size, int32_t *value);

    /* [control] Reads an integer from minimum to maximum (both included). */
    portico_status(PORTICO_CALL *get_integer)(portico_instance *instance, const char *key,
                                              uint64_t key_size, int64_t minimum, int64_t maximum,
                                              int64_t *value);

    /* [control] Reads a number from minimum to maximum (both included). */
    portico_status(PORTICO_CALL *get_number)(portico_instance *instance, const char *key,
                                             uint64_t key_size, double minimum, double maximum,
                                             double *value);

    /* [control] Reads a string. *text is the host's: UTF-8, not terminated, valid until create or
     * validate returns. */
    portico_status(PORTICO_CALL *get_string)(portico_instance *instance, const char *key,
                                             uint64_t key_size, const char **text,
                                             uint64_t *text_size);

    /* [control] Counts the elements of an array or the members of an object. An empty key means the
     * settings themselves. */
    portico_status(PORTICO_CALL *get_count)(portico_instance *instance, const char *key,
                                            uint64_t key_size, uint64_t *count);

    /* [control] Marks a member, and all below it, as read. */
    portico_status(PORTICO_CALL *read_anything)(portico_instance *instance, const char *key,
                                                uint64_t key_size);

    /* [control] Stores the kind of a value, a PORTICO_SETTING_... number, in *kind. The value does
     * not count as read by this. */
    portico_status(PORTICO_CALL *get_kind)(portico_instance *instance, const char *key,
                                           uint64_t key_size, uint32_t *kind);

    /* [control] Returns the name of an object's member number `index`, in the order of the names'
     * bytes. *name is the host's: UTF-8, not terminated and not escaped, valid until create or
     * validate returns. PORTICO_NOT_FOUND: there are fewer members. PORTICO_WRONG_TYPE: it is no
     * object. */
    portico_status(PORTICO_CALL *get_key)(portico_instance *instance, const char *key,
                                          uint64_t key_size, uint64_t index, const char **name,
                                          uint64_t *name_size);

    /* [control] Reports a mistake in the value of `key`, which need not exist ("" for the settings
     * as a whole): the host writes file, line and path before `text`, a UTF-8 sentence such as
     * "found 7, expected an even number" (cut at 1,024 characters). Returns PORTICO_ERROR, so that
     * create can end with `return settings->fail(...)`. Several may be reported before that; if
     * create then succeeds, they are mistakes all the same. */
    portico_status(PORTICO_CALL *fail)(portico_instance *instance, const char *key,
                                       uint64_t key_size, const char *text, uint64_t text_size);
} portico_settings;

PORTICO_EXTERN_C_END

#endif
