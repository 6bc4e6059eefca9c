// Environments: every file has its own globals and sees the words behind them. Once a file is loaded, its globals are
// as read-only as its locals, and words are found with one hop: they are copied beside the file's own.
#include "host.h"

#include <stdio.h>
#include <string.h>

void md_lua_set_messages(md_lua *lua, const char *table_message, const char *global_message) {
  snprintf(lua->table_message, sizeof lua->table_message, "%s", table_message);
  snprintf(lua->global_message, sizeof lua->global_message, "%s", global_message);
}

static int make_environment(lua_State *L) {                  // data
  lua_createtable(L, 0, 8);
  lua_createtable(L, 0, 2);                                  // data environment metatable
  lua_rawgeti(L, LUA_REGISTRYINDEX, MD_LUA_WORDS);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 1);
  lua_rawsetp(L, -2, &md_key_guarded);
  lua_setmetatable(L, -2);
  *(int32_t *)lua_touserdata(L, 1) = md_ref(L, md_host(L));
  return 0;
}

int32_t md_lua_new_environment(md_lua *lua) {
  int32_t ref = -1;
  return md_protect(lua, make_environment, &ref, 0) ? ref : -1;
}

// --- sealing the words

static int seal_words(lua_State *L) {                        // data
  lua_rawgeti(L, LUA_REGISTRYINDEX, MD_LUA_WORDS);
  lua_pushnil(L);
  while (lua_next(L, 2)) {                                   // data words name value
    bool shared = lua_type(L, -1) == LUA_TTABLE && lua_type(L, -2) == LUA_TSTRING && !lua_getmetatable(L, -1);
    if (shared) md_freeze_top(L, lua_tostring(L, -2), "\"%s\" is read-only");
    lua_settop(L, 3);
  }
  return 0;
}

md_lua_outcome md_lua_seal_words(md_lua *lua) {
  if (!md_protect(lua, seal_words, NULL, 0)) return md_outcome_of(lua, LUA_ERRRUN);
  lua->words_sealed = true;
  return (md_lua_outcome){.status = MD_LUA_OK};
}

// --- freezing an environment

static int refuse_global(lua_State *L) {                     // environment name value
  luaL_where(L, 1);
  lua_pushstring(L, md_host(L)->global_message);
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
  luaL_gsub(L, lua_tostring(L, -1), "%s", name);             // … where text message
  lua_remove(L, -2);
  lua_concat(L, 2);
  return lua_error(L);
}

static void copy_entries(lua_State *L, int from, int to) {
  lua_pushnil(L);
  while (lua_next(L, from)) {                                // … key value
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, to);
  }
}

static int freeze_environment(lua_State *L) {                // data
  lua_rawgeti(L, LUA_REGISTRYINDEX, *(int32_t *)lua_touserdata(L, 1));
  if (md_push_content(L, 2)) return 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, MD_LUA_WORDS);
  lua_newtable(L);                                           // data environment words content
  copy_entries(L, 3, 4);
  copy_entries(L, 2, 4);
  lua_pushnil(L);
  while (lua_next(L, 2)) {                                   // … key value
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, 2);
  }
  lua_createtable(L, 0, 5);                                  // data environment words content metatable
  lua_pushvalue(L, 4);
  lua_setfield(L, 5, "__index");
  lua_pushcfunction(L, refuse_global);
  lua_setfield(L, 5, "__newindex");
  lua_pushboolean(L, 1);
  lua_rawsetp(L, 5, &md_key_guarded);
  lua_pushvalue(L, 4);
  lua_rawsetp(L, 5, &md_key_frozen);
  lua_setmetatable(L, 2);
  return 0;
}

md_lua_outcome md_lua_freeze_environment(md_lua *lua, int32_t environment) {
  if (!md_protect(lua, freeze_environment, &environment, 0)) return md_outcome_of(lua, LUA_ERRRUN);
  return (md_lua_outcome){.status = MD_LUA_OK};
}
