// A program with its own copies of libraries: Portico uses none of them, and they do not notice
// Portico. It serves an echo until its standard input ends, in C++ or, with IN_C, over the C API.
#include <cstdio>
#include <cstdlib>
#include <string>

#include <portico/plugin.hpp>
#ifdef IN_C
#include <portico/embed.h>
#else
#include <portico/server.hpp>
#endif

#include "nlohmann/json.hpp"
#include "openssl.h"
#include "spdlog/spdlog.h"

struct own_echo : portico::plugin<own_echo> {
    portico::flow on_data(portico::connection c, portico::message m) { return c.send_all(m); }
};
PORTICO_PLUGIN_AS(own_echo_query, own_echo, "own_echo", "1.0")

namespace {

constexpr const char* configuration =
    R"({ "listeners": [ { "name": "own", "listen": "127.0.0.1:0", "plugin": "own_echo" } ] })";
constexpr const char* mistaken = R"({ "listeners": [ {], })";

void expect(bool is_true, const char* what) {
    if (!is_true) {
        std::fprintf(stderr, "crowded: %s\n", what);
        std::_Exit(1);
    }
}

void use_own_libraries(int spdlog_lines) {
    expect(nlohmann::json::parse("x") == "own:x", "the program's JSON is another one's");
    expect(spdlog::info("a line") == spdlog_lines, "the program's spdlog was used by another one");
    const int calls = openssl_calls();
    SSL_free(SSL_new(nullptr));
    expect(ERR_get_error() == 7 && openssl_calls() == calls + 3,
           "the program's OpenSSL is another one's");
}

// Portico's parser throws and catches exceptions whose names the program has too.
void expect_own_error(const std::string& errors) {
    expect(errors.find("configuration:1:") != std::string::npos, "the mistake has no place");
    expect(errors.find("program's own") == std::string::npos,
           "Portico uses the program's JSON library");
}

void wait_for_end() {
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
}

#ifdef IN_C

void serve() {
    portico_server_options options{};
    options.struct_size = sizeof options;
    options.embed_major = PORTICO_EMBED_MAJOR;
    options.embed_minor = PORTICO_EMBED_MINOR;
    portico_server* server = nullptr;
    expect(portico_server_create(&options, &server) == PORTICO_OK, "no server");
    expect(portico_server_configure_text(server, mistaken, PORTICO_TERMINATED, nullptr, 0) ==
               PORTICO_ERROR,
           "a mistake passes");
    expect_own_error(portico_server_errors(server));
    const bool is_started = portico_server_register(server, "own_echo", PORTICO_TERMINATED,
                                                    own_echo_query(PORTICO_ABI_MAJOR)) ==
                                PORTICO_OK &&
                            portico_server_configure_text(server, configuration, PORTICO_TERMINATED,
                                                          nullptr, 0) == PORTICO_OK &&
                            portico_server_start(server) == PORTICO_OK;
    expect(is_started, portico_server_errors(server));
    std::printf("listening on 127.0.0.1:%u\n",
                portico_server_port(server, "own", PORTICO_TERMINATED));
    wait_for_end();
    portico_server_stop(server);
    expect(portico_server_wait(server, nullptr) == PORTICO_OK, "it did not stop");
    portico_server_destroy(server);
}

#else

void serve() {
    portico::Server server;
    expect(!server.configure_text(mistaken, ""), "a mistake passes");
    expect_own_error(server.errors().front());
    const bool is_started = server.register_plugin("own_echo", own_echo_query(PORTICO_ABI_MAJOR)) &&
                            server.configure_text(configuration, "") && server.start();
    expect(is_started, server.errors().empty() ? "" : server.errors().front().c_str());
    std::printf("listening on %s\n", server.endpoints().front().address.c_str());
    wait_for_end();
    server.stop();
    expect(!server.wait().stuck, "it did not stop");
}

#endif

}  // namespace

int main() {
    OPENSSL_init_ssl(0, nullptr);
    const int before = openssl_calls();
    use_own_libraries(1);
    serve();
    expect(openssl_calls() == before + 3, "Portico called the program's OpenSSL");
    use_own_libraries(2);
    std::printf("everybody has used their own\n");
    return 0;
}
