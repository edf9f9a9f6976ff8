// What stands behind the C API's handle.
#pragma once

#include <string>

#include "portico/server.hpp"

// Concurrency: `errors` and `running` belong to the owner; the Server knows who may call what.
struct portico_server {
    portico::Server server;
    std::string errors;
    bool running = false;  // started, and not waited for
};
