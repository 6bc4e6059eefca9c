// The server's side of TLS for tests, over OpenSSL: blocking, one connection on one thread.
#pragma once

#include <stddef.h>

/// NULL when the PEM files do not fit. Never freed: a test has a few.
void *_Nullable moondance_tls_server(const char *_Nonnull certificate, const char *_Nonnull key);
/// The handshake; NULL when it fails, which it does when the client does not like the certificate.
void *_Nullable moondance_tls_accept(void *_Nonnull server, int descriptor);
/// As read(2) and write(2), but -1 whatever went wrong.
long moondance_tls_read(void *_Nonnull connection, void *_Nonnull bytes, size_t length);
long moondance_tls_write(void *_Nonnull connection, const void *_Nonnull bytes, size_t length);
/// Leaves the descriptor open.
void moondance_tls_free(void *_Nonnull connection);
