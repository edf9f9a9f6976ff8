/* Two servers in one process start, serve and stop a hundred times. Afterwards the process has the
 * threads, descriptors (handles) and memory that it had after the first ten rounds.
 *
 *     GLIBC_TUNABLES=glibc.malloc.tcache_count=0 twice [ROUNDS]
 *
 * Without that, glibc's caches for each thread count as allocated, and they hold other blocks in
 * each run. */
#if !defined(_WIN32)
#define _GNU_SOURCE /* usleep */
#endif
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <portico/embed.h>

#include "process_usage.h"

#if defined(_WIN32)
/* The order matters. */
#include <winsock2.h>

#include <windows.h>
typedef int socket_size;
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
typedef size_t socket_size;
#endif

#define WARM_UP 10
#if defined(_WIN32)
#define SPARE 8 /* the system keeps some handles for its own */
#else
#define SPARE 0
#endif

static void fail(const char* what) {
    fprintf(stderr, "twice: %s\n", what);
    exit(1);
}

/* ---- the protocol: every byte comes back */

static const portico_host* host; /* the same for all instances */

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    host = setup->host;
    *self = setup->instance;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    (void)self;
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    (void)state;
    (void)frame;
    *consumed = size;
    return host->send(self, connection, data, size);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
static const portico_plugin echo = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .name = "echo",
    .name_size = 4,
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY_AS(echo_query, echo)

/* ---- what the process has */

static void wait_a_little(void) {
#if defined(_WIN32)
    Sleep(10);
#else
    usleep(10000);
#endif
}

static void print(const char* when, struct process_usage usage) {
    printf("%s: %" PRId64 " threads, %" PRId64 " descriptors, %" PRId64 " bytes allocated, %" PRId64
           " resident\n",
           when, usage.threads, usage.descriptors, usage.allocated_bytes, usage.resident_bytes);
}

/* ---- a round */

static portico_server* start(const char* json) {
    const portico_server_options options = {
        .struct_size = sizeof options,
        .embed_major = PORTICO_EMBED_MAJOR,
        .embed_minor = PORTICO_EMBED_MINOR,
    };
    portico_server* server = NULL;
    if (portico_server_create(&options, &server) != PORTICO_OK) fail("no server");
    if (portico_server_register(server, "echo", PORTICO_TERMINATED,
                                echo_query(PORTICO_ABI_MAJOR)) != PORTICO_OK ||
        portico_server_configure_text(server, json, PORTICO_TERMINATED, NULL, 0) != PORTICO_OK ||
        portico_server_start(server) != PORTICO_OK)
        fail(portico_server_errors(server));
    return server;
}

static void close_socket(uintptr_t connected) {
#if defined(_WIN32)
    closesocket((SOCKET)connected);
#else
    close((int)connected);
#endif
}

/* Sends 16 bytes to the server and expects them back. */
static void serve(const portico_server* server, const char* listener) {
    static const char sent[16] = "0123456789abcde";
    char received[sizeof sent] = "";
    size_t size = 0;
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)portico_server_port(server, listener, PORTICO_TERMINATED));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const uintptr_t made = (uintptr_t)socket(AF_INET, SOCK_STREAM, 0);
#if defined(_WIN32)
    const SOCKET peer = (SOCKET)made;
#else
    const int peer = (int)made;
#endif
    if (connect(peer, (const struct sockaddr*)&address, sizeof address) != 0) fail("connect");
    if (send(peer, sent, sizeof sent, 0) != (int)sizeof sent) fail("send");
    while (size < sizeof sent) {
        const int more = (int)recv(peer, received + size, (socket_size)(sizeof sent - size), 0);
        if (more <= 0) fail("the end of a connection");
        size += (size_t)more;
    }
    if (memcmp(sent, received, sizeof sent) != 0) fail("other bytes than were sent");
    close_socket(made);
}

static void stop(portico_server* server) {
    portico_stopped stopped = {.struct_size = sizeof stopped};
    portico_server_drain(server, 1000);
    if (portico_server_wait(server, &stopped) != PORTICO_OK) fail(portico_server_errors(server));
    portico_server_destroy(server);
}

static void round_of_two(void) {
    static const char one[] =
        "{ \"io\": { \"threads\": 2 }, \"log\": { \"level\": \"off\" }, \"listeners\": [ "
        "{ \"name\": \"one\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"echo\" } ] }";
    static const char two[] =
        "{ \"io\": { \"threads\": 1 }, \"log\": { \"level\": \"off\" }, \"listeners\": [ "
        "{ \"name\": \"two\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"echo\" } ] }";
    portico_server* first = start(one);
    portico_server* second = start(two);
    serve(first, "one");
    serve(second, "two");
    stop(first);
    serve(second, "two"); /* which the end of the first one has not disturbed */
    stop(second);
}

int main(int count, char** arguments) {
    const int rounds = count > 1 ? atoi(arguments[1]) : 100;
    struct process_usage before = {0, 0, 0, 0};
#if defined(_WIN32)
    WSADATA data;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) fail("no sockets");
#endif
    for (int round = 0; round < WARM_UP + rounds; ++round) {
        if (round == WARM_UP) before = process_usage_now();
        round_of_two();
    }
    struct process_usage after = process_usage_now();
    /* A thread that was joined may show for a moment longer. */
    for (int i = 0; i < 100 && after.threads > before.threads; ++i) {
        wait_a_little();
        after = process_usage_now();
    }
    print("before", before);
    print("after", after);
    /* Each of the two instances of a round keeps its handle, so that late calls of its plugin are
     * harmless: not more than a small block. */
    if (after.threads > before.threads) fail("threads remain");
    if (after.descriptors > before.descriptors + SPARE) fail("descriptors remain");
    if (after.allocated_bytes > before.allocated_bytes + rounds * 2L * 64L + 1024L)
        fail("memory remains");
    if (after.resident_bytes > before.resident_bytes + (8L << 20)) fail("memory grows");
    printf("%d rounds of two servers\n", rounds);
    return 0;
}
