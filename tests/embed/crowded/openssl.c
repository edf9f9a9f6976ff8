/* A stand-in for the program's own OpenSSL: the symbols of libssl and libcrypto that every program
 * with TLS has. Each counts its calls: nobody but the program may make one. */
#include <stddef.h>

#include "openssl.h"

static int calls = 0;

int OPENSSL_init_ssl(unsigned long long options, const void* settings) {
    (void)options;
    (void)settings;
    ++calls;
    return 1;
}
const void* TLS_method(void) {
    ++calls;
    return NULL;
}
void* SSL_CTX_new(const void* method) {
    (void)method;
    ++calls;
    return &calls;
}
void SSL_CTX_free(void* context) {
    (void)context;
    ++calls;
}
void* SSL_new(void* context) {
    ++calls;
    return context;
}
void SSL_free(void* session) {
    (void)session;
    ++calls;
}
int SSL_read(void* session, void* data, int size) {
    (void)session;
    (void)data;
    ++calls;
    return size;
}
int SSL_write(void* session, const void* data, int size) {
    (void)session;
    (void)data;
    ++calls;
    return size;
}
unsigned long ERR_get_error(void) {
    ++calls;
    return 7;
}
int openssl_calls(void) {
    return calls;
}
