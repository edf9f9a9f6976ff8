/* The data that the relay plugin and its tests share. */
#ifndef PORTICO_TESTS_RELAY_H
#define PORTICO_TESTS_RELAY_H

#include <portico/portico.h>

struct relay_script {
    /* create finds `self` in *self; the others get what the host passes to a plugin */
    const portico_plugin* calls;
    void* self;
    /* the plugin's validate, with `self` */
    portico_status(PORTICO_CALL* validate)(const portico_setup* setup, void* self);
};

#endif
