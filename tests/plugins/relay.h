/* What the relay plugin and its tests have in common. */
#ifndef PORTICO_TESTS_RELAY_H
#define PORTICO_TESTS_RELAY_H

#include <portico/portico.h>

struct relay_script {
    /* create finds `self` in *self; the others are called as the host calls a plugin */
    const portico_plugin* calls;
    void* self;
};

#endif
