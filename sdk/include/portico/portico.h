/* The whole core of the plugin ABI. Extensions are in ext/. */
#ifndef PORTICO_PORTICO_H
#define PORTICO_PORTICO_H

#include "abi.h"
#include "connection.h"
#include "entry.h"
#include "events.h"
#include "host.h"
#include "plugin.h"
#include "status.h"

#endif
