/* What the program's own OpenSSL has: see openssl.c. */
#ifndef CROWDED_OPENSSL_H
#define CROWDED_OPENSSL_H

#if defined(__cplusplus)
extern "C" {
#endif

int OPENSSL_init_ssl(unsigned long long options, const void* settings);
const void* TLS_method(void);
void* SSL_CTX_new(const void* method);
void SSL_CTX_free(void* context);
void* SSL_new(void* context);
void SSL_free(void* session);
int SSL_read(void* session, void* data, int size);
int SSL_write(void* session, const void* data, int size);
unsigned long ERR_get_error(void);
int openssl_calls(void);

#if defined(__cplusplus)
}
#endif

#endif
