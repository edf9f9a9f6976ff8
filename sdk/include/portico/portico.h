/* All of the plugin ABI's core. Extensions are in ext/. */
#ifndef PORTICO_PORTICO_H
#define PORTICO_PORTICO_H

#include "abi.h"
#include "status.h"
#include "connection.h"
#include "host.h"
#include "plugin.h"
#include "entry.h"

#endif
