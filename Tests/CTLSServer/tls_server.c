#include "tls_server.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>

void *moondance_tls_server(const char *certificate, const char *key) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (context == NULL) return NULL;
  if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
    SSL_CTX_free(context);
    return NULL;
  }
  return context;
}

void *moondance_tls_accept(void *server, int descriptor) {
  // OpenSSL writes without MSG_NOSIGNAL. Only this thread shall not hear of it: the code under test must manage itself.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, NULL);
  SSL *connection = SSL_new(server);
  if (connection == NULL) return NULL;
  if (SSL_set_fd(connection, descriptor) != 1 || SSL_accept(connection) != 1) {
    SSL_free(connection);
    return NULL;
  }
  return connection;
}

long moondance_tls_read(void *connection, void *bytes, size_t length) {
  size_t count = 0;
  return SSL_read_ex(connection, bytes, length, &count) == 1 ? (long)count : -1;
}

long moondance_tls_write(void *connection, const void *bytes, size_t length) {
  size_t count = 0;
  return SSL_write_ex(connection, bytes, length, &count) == 1 ? (long)count : -1;
}

void moondance_tls_free(void *connection) { SSL_free(connection); }
