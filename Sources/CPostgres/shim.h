#ifndef MOONDANCE_CPOSTGRES_SHIM_H
#define MOONDANCE_CPOSTGRES_SHIM_H

#include <libpq-fe.h>

// Macros that are character constants do not reach Swift as numbers.
enum {
  moondance_pg_sqlstate = PG_DIAG_SQLSTATE,
  moondance_pg_message = PG_DIAG_MESSAGE_PRIMARY,
};

/// libpq prints notices on standard error unless somebody takes them.
static inline void moondance_pg_ignore_notice(void *context, const PGresult *result) {
  (void)context;
  (void)result;
}

static inline void moondance_pg_ignore_notices(PGconn *connection) {
  PQsetNoticeReceiver(connection, moondance_pg_ignore_notice, NULL);
}

#endif
