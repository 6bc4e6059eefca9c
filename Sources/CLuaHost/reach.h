// Walking over everything that a function can reach: the locals and globals of its file, through tables and functions.
#pragma once

#include "host.h"

#pragma clang assume_nonnull begin

typedef struct {
  md_lua *lua;
  int32_t ref;             // where the walk begins
  const char *name;        // what that is called
  bool freezes;            // every table on the way becomes read-only
  // For each Lua function on the way, at `index`. Keeps the stack.
  void (*_Nullable visit)(lua_State *L, int index, void *context);
  void *_Nullable context;
} md_reach;

/// Walks; called under protection with the request as its argument. Code of the host is not entered.
int md_walk(lua_State *L);

#pragma clang assume_nonnull end
