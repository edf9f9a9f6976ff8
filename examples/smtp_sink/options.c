#include "options.h"

#include <portico/ext/settings.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

#define DAY_MS 86400000

static const char *const state_names[WAITING_STATES] = {"hello", "mail", "rcpt", "data", "text"};

const char *name_of_state(enum state state) { return state_names[state]; }

struct reader {
    const portico_settings *settings;
    portico_instance *instance;
    portico_status status; /* the first error */
};

/* Without the setting, *value remains what it is. */
static void read_integer(struct reader *reader, const char *key, int64_t maximum, int64_t *value) {
    if (reader->status < 0) return;
    const portico_status status = reader->settings->get_integer(reader->instance, key, strlen(key),
                                                                1, maximum, value);
    if (status < 0 && status != PORTICO_NOT_FOUND) reader->status = status;
}
static uint32_t read_number(struct reader *reader, const char *key, uint32_t maximum,
                            uint32_t otherwise) {
    int64_t value = otherwise;
    read_integer(reader, key, maximum, &value);
    return (uint32_t)value;
}

static void read_hostname(struct reader *reader, char hostname[HOSTNAME_BYTES + 1]) {
    static const char wrong[] = "expected a domain, or an address in brackets";
    struct slice name = LITERAL("localhost");
    if (reader->status < 0) return;
    const portico_status status = reader->settings->get_string(reader->instance, "hostname", 8,
                                                               &name.data, &name.size);
    if (status < 0 && status != PORTICO_NOT_FOUND) {
        reader->status = status;
    } else if (!is_domain(name)) {
        reader->status = reader->settings->fail(reader->instance, "hostname", 8, wrong,
                                                sizeof wrong - 1);
    } else {
        memcpy(hostname, name.data, name.size);
        hostname[name.size] = '\0';
    }
}

portico_status read_options(const portico_setup *setup, struct options *options) {
    struct reader reader = {.instance = setup->instance, .status = PORTICO_OK};
    int64_t message_bytes = 10485760;
    reader.settings = setup->host->get_extension(setup->instance, PORTICO_EXT_SETTINGS,
                                                 sizeof PORTICO_EXT_SETTINGS - 1);
    if (reader.settings == NULL) return PORTICO_UNSUPPORTED;
    read_hostname(&reader, options->hostname);
    read_integer(&reader, "limits/message_bytes", INT64_C(1) << 50, &message_bytes);
    options->message_bytes = (uint64_t)message_bytes;
    options->recipients = read_number(&reader, "limits/recipients", 1000000, 100);
    options->mistakes = read_number(&reader, "limits/mistakes", 1000000, 20);
    options->session_ms = read_number(&reader, "timeouts/session_ms", DAY_MS, 3600000);
    /* RFC 5321 (4.5.3.2.7): at least five minutes. */
    for (int state = 0; state < WAITING_STATES; ++state) {
        char key[32];
        (void)snprintf(key, sizeof key, "timeouts/%s_ms", state_names[state]);
        options->timeouts_ms[state] = read_number(&reader, key, DAY_MS, 300000);
    }
    return reader.status;
}
