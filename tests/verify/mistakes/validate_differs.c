/* Its validate looks at nothing, and its create reads a number. */
#include <portico/ext/settings.h>

#include "mistake.h"

static portico_status PORTICO_CALL validate(const portico_setup *setup) {
    (void)setup;
    return PORTICO_OK;
}

static portico_status PORTICO_CALL create(const portico_setup *setup, void **self) {
    const portico_settings *settings = setup->host->get_extension(
        setup->instance, PORTICO_EXT_SETTINGS, sizeof PORTICO_EXT_SETTINGS - 1);
    int64_t limit = 10;
    if (settings == NULL) return PORTICO_UNSUPPORTED;
    const portico_status status = settings->get_integer(setup->instance, "limit", 5, 1, 100,
                                                        &limit);
    if (status < 0 && status != PORTICO_NOT_FOUND) return status;
    return mistake_create(setup, self);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = echo_message,
};
MISTAKE_PLUGIN("validate_differs", PORTICO_FRAMING_DELIMITER, callbacks, .validate = validate,
               .create = create)
