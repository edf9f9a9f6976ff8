// The C API: an embedder like any other, which passes each call on to a Server.
#include "portico/embed.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "embed/server.hpp"
#include "embed/text.hpp"

namespace {

using portico::embed::OwnerCall;
using portico::embed::point_to;
using portico::embed::read_name;
using portico::embed::read_text;

// Whose log function this thread is in.
thread_local const portico_server* logging = nullptr;

// Makes one [owner] call. An exception means that memory ran out.
template <class Action>
portico_status attempt(portico_server* server, Action&& action) noexcept {
    if (server == nullptr) {
        return PORTICO_INVALID;
    }
    const OwnerCall call(*server);
    if (!call) {
        return PORTICO_INVALID;
    }
    server->errors.clear();
    try {
        return action();
    } catch (...) {
        server->errors.clear();
        try {
            server->errors = "out of memory";  // short enough to need none
        } catch (...) {
        }
        return PORTICO_NO_MEMORY;
    }
}

portico_status refuse(portico_server& server, portico_status status, const char* why) {
    server.errors = why;
    return status;
}

// What a call of the Server has returned.
portico_status outcome(portico_server& server, bool is_fine) {
    if (is_fine) {
        return PORTICO_OK;
    }
    for (const std::string& error : server.server.errors()) {
        server.errors += (server.errors.empty() ? "" : "\n") + error;
    }
    return server.errors == "out of memory" ? PORTICO_NO_MEMORY : PORTICO_ERROR;
}

// An [owner] call of a server that does not run.
template <class Action>
portico_status attempt_at_rest(portico_server* server, Action&& action) noexcept {
    return attempt(server, [&] {
        if (server->running) {
            return refuse(*server, PORTICO_INVALID,
                          "the server runs: call portico_server_wait before this");
        }
        return action();
    });
}

portico::LogFunction function_of(const portico_server_options& options,
                                 const portico_server* server) {
    const portico_log_function log = options.log;
    void* const argument = options.log_argument;
    return [log, argument, server](const portico::LogLine& line) {
        static_assert(
            static_cast<std::uint32_t>(portico::LogLine::Level::trace) == PORTICO_LOG_TRACE &&
            static_cast<std::uint32_t>(portico::LogLine::Level::error) == PORTICO_LOG_ERROR);
        portico_log_line passed{};
        passed.struct_size = sizeof passed;
        passed.level = static_cast<std::uint32_t>(line.level);
        passed.time_ns = line.time_ns;
        passed.connection = line.connection;
        point_to(line.listener, passed.listener, passed.listener_size);
        point_to(line.text, passed.text, passed.text_size);
        logging = server;
        log(argument, &passed);
        logging = nullptr;
    };
}

}  // namespace

namespace portico::embed {

// Acquires what the call before has released, on whatever thread it was.
OwnerCall::OwnerCall(const portico_server& server) noexcept
    : server_(server),
      admitted_(logging != &server &&
                !server.in_owner_call.exchange(true, std::memory_order_acquire)) {}

OwnerCall::~OwnerCall() {
    if (admitted_) {
        server_.in_owner_call.store(false, std::memory_order_release);
    }
}

}  // namespace portico::embed

const char* PORTICO_CALL portico_embed_version(void) {
    return portico::Server::version();
}

portico_status PORTICO_CALL portico_server_create(const portico_server_options* options,
                                                  portico_server** server) {
    std::string_view directory;
    if (options == nullptr || server == nullptr ||
        options->struct_size < sizeof(portico_server_options) || options->struct_size % 8 != 0 ||
        options->reserved != 0) {
        return PORTICO_INVALID;
    }
    if (options->embed_major != PORTICO_EMBED_MAJOR ||
        options->embed_minor != PORTICO_EMBED_MINOR) {
        return PORTICO_UNSUPPORTED;
    }
    if (!read_name(options->plugin_directory, options->plugin_directory_size, directory)) {
        return PORTICO_INVALID;
    }
    try {
        auto made = std::make_unique<portico_server>();
        made->server.set_default_plugin_directory(std::string(directory));
        if (options->log != nullptr) {
            made->server.set_log(function_of(*options, made.get()));
        }
        *server = made.release();
        return PORTICO_OK;
    } catch (...) {
        return PORTICO_NO_MEMORY;
    }
}

void PORTICO_CALL portico_server_destroy(portico_server* server) {
    delete server;
}

const char* PORTICO_CALL portico_server_errors(const portico_server* server) {
    if (server == nullptr) {
        return "";
    }
    const OwnerCall call(*server);
    return call ? server->errors.c_str()
                : "the call is for the server's owner: another [owner] call has not returned, or "
                  "this is the log function";
}

portico_status PORTICO_CALL portico_server_configure_file(portico_server* server, const char* file,
                                                          uint64_t file_size) {
    return attempt_at_rest(server, [&] {
        std::string_view name;
        if (file == nullptr || !read_name(file, file_size, name)) {
            return refuse(*server, PORTICO_INVALID,
                          "the file's name is missing, or has a zero byte");
        }
        return outcome(*server, server->server.configure_file(std::string(name)));
    });
}

portico_status PORTICO_CALL portico_server_configure_text(portico_server* server, const char* json,
                                                          uint64_t json_size, const char* directory,
                                                          uint64_t directory_size) {
    return attempt_at_rest(server, [&] {
        std::string_view text;
        std::string_view folder;
        if (json == nullptr || !read_text(json, json_size, text) ||
            !read_name(directory, directory_size, folder)) {
            return refuse(*server, PORTICO_INVALID,
                          "the text or the directory is missing, or the directory has a zero byte");
        }
        return outcome(*server, server->server.configure_text(text, std::string(folder)));
    });
}

portico_status PORTICO_CALL portico_server_register(portico_server* server, const char* name,
                                                    uint64_t name_size,
                                                    const portico_module* module) {
    return attempt_at_rest(server, [&] {
        std::string_view text;
        if (name == nullptr || module == nullptr || !read_text(name, name_size, text)) {
            return refuse(*server, PORTICO_INVALID, "the name or the module is missing");
        }
        return outcome(*server, server->server.register_plugin(std::string(text), module));
    });
}

portico_status PORTICO_CALL portico_server_check(portico_server* server, uint32_t ports) {
    return attempt_at_rest(server,
                           [&] { return outcome(*server, server->server.check(ports != 0)); });
}

portico_status PORTICO_CALL portico_server_start(portico_server* server) {
    return attempt_at_rest(server, [&] {
        server->running = server->server.start();
        return outcome(*server, server->running);
    });
}

portico_status PORTICO_CALL portico_server_get_endpoint(const portico_server* server,
                                                        uint32_t index,
                                                        portico_endpoint* endpoint) {
    if (server == nullptr || !portico::embed::can_fill(endpoint)) {
        return PORTICO_INVALID;
    }
    const OwnerCall call(*server);
    if (!call) {
        return PORTICO_INVALID;
    }
    const std::vector<portico::Endpoint>& endpoints = server->server.endpoints();
    if (index >= endpoints.size()) {
        return PORTICO_NOT_FOUND;
    }
    const portico::Endpoint& found = endpoints[index];
    portico_endpoint values{};
    values.port = found.port;
    values.listen_index = found.listen_index;
    point_to(found.listener, values.listener, values.listener_size);
    point_to(found.address, values.address, values.address_size);
    portico::embed::fill(*endpoint, values);
    return PORTICO_OK;
}

uint32_t PORTICO_CALL portico_server_port(const portico_server* server, const char* listener,
                                          uint64_t listener_size) {
    std::string_view name;
    if (server == nullptr || !read_text(listener, listener_size, name)) {
        return 0;
    }
    const OwnerCall call(*server);
    if (!call) {
        return 0;
    }
    for (const portico::Endpoint& endpoint : server->server.endpoints()) {
        if (endpoint.listener == name) {
            return endpoint.port;
        }
    }
    return 0;
}

void PORTICO_CALL portico_server_drain(portico_server* server, uint32_t drain_ms) {
    if (server != nullptr) {
        server->server.limit_drain(drain_ms);
        server->server.stop();
    }
}

void PORTICO_CALL portico_server_stop(portico_server* server) {
    portico_server_drain(server, 0);
}

portico_status PORTICO_CALL portico_server_wait(portico_server* server, portico_stopped* stopped) {
    return attempt(server, [&] {
        if (stopped != nullptr && !portico::embed::can_fill(stopped)) {
            return refuse(*server, PORTICO_INVALID, "struct_size of portico_stopped is wrong");
        }
        if (!server->running) {
            return refuse(*server, PORTICO_INVALID, "the server does not run");
        }
        const portico::StopResult result = server->server.wait();
        server->running = false;
        if (stopped != nullptr) {
            portico_stopped values{};
            values.stuck = result.stuck ? 1 : 0;
            values.connections_cut = result.connections_cut;
            portico::embed::fill(*stopped, values);
        }
        return outcome(*server, !result.stuck);
    });
}

void PORTICO_CALL portico_server_reopen_log(portico_server* server) {
    if (server != nullptr) {
        server->server.reopen_log();
    }
}
