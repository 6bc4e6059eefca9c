#include "reach.h"

#include <stdio.h>
#include <string.h>

// The walk keeps its work in Lua tables: what was seen, and the values and their names that are still to be visited.
enum { SEEN = 2, VALUES = 3, NAMES = 4 };
enum { MD_MAXIMUM_REACHED = 50000, MD_NAME_ROOM = 120 };

static bool is_trusted(lua_State *L, int index) {
  lua_Debug about;
  lua_pushvalue(L, index);
  lua_getinfo(L, ">S", &about);
  return about.source[0] == '=';
}

// Pops a value and notes it for a visit, unless it was seen, cannot hold anything, or is the host's.
static void note(lua_State *L, const char *name) {
  int type = lua_type(L, -1);
  bool holds = type == LUA_TTABLE || (type == LUA_TFUNCTION && !lua_iscfunction(L, -1) && !is_trusted(L, -1));
  if (!holds || lua_rawgetp(L, SEEN, lua_topointer(L, -1)) != LUA_TNIL) {
    lua_pop(L, holds ? 2 : 1);
    return;
  }
  lua_pop(L, 1);
  lua_pushboolean(L, 1);
  lua_rawsetp(L, SEEN, lua_topointer(L, -2));
  lua_Integer next = (lua_Integer)lua_rawlen(L, VALUES) + 1;
  if (next > MD_MAXIMUM_REACHED) luaL_error(L, "a file may keep %d tables and functions", MD_MAXIMUM_REACHED);
  lua_rawseti(L, VALUES, next);
  lua_pushstring(L, name);
  lua_rawseti(L, NAMES, next);
}

static void visit_function(lua_State *L, const md_reach *request, int index) {
  if (request->visit) request->visit(L, index, request->context);
  for (int i = 1;; i++) {
    const char *name = lua_getupvalue(L, index, i);
    if (!name) return;
    note(L, *name ? name : "a local");
  }
}

// `__index` of a frozen table's content is what its script had: a table, or our closure over its function.
static void note_inherited(lua_State *L, int content, const char *name) {
  if (!lua_getmetatable(L, content)) return;
  lua_pushliteral(L, "__index");
  lua_rawget(L, -2);                                         // … metatable index
  if (lua_iscfunction(L, -1) && lua_getupvalue(L, -1, 1)) note(L, name);
  note(L, name);
  lua_pop(L, 1);
}

// The metamethods of a table, and the metatable that its script knows. Of a frozen table, `__index` is its content.
static void note_metatable(lua_State *L, int index, bool frozen, const char *name) {
  if (!lua_getmetatable(L, index)) return;
  int metatable = lua_gettop(L);
  lua_rawgetp(L, metatable, &md_key_original);
  note(L, name);
  lua_pushnil(L);
  while (lua_next(L, metatable)) {                           // … key value
    bool method = lua_type(L, -2) == LUA_TSTRING;
    if (method && !(frozen && strcmp(lua_tostring(L, -2), "__index") == 0)) note(L, name);
    else lua_pop(L, 1);
  }
  lua_settop(L, metatable - 1);
}

// What an entry is called: its key for a global, "table.key" for a field with a name, else as its table.
static void entry_name(lua_State *L, bool is_global, const char *table, char out[MD_NAME_ROOM]) {
  const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
  if (!key) snprintf(out, MD_NAME_ROOM, "%s", table);
  else if (is_global) snprintf(out, MD_NAME_ROOM, "%s", key);
  else snprintf(out, MD_NAME_ROOM, "%s.%s", table, key);
}

static void visit_table(lua_State *L, const md_reach *request, int index, const char *name) {
  bool guarded = false;
  if (lua_getmetatable(L, index)) {
    guarded = md_has_mark(L, &md_key_guarded);
    lua_pop(L, 1);
  }
  bool frozen = md_push_content(L, index);
  lua_settop(L, index);
  note_metatable(L, index, frozen || guarded, name);
  if (request->freezes && !frozen && !guarded) {
    lua_pushvalue(L, index);
    md_freeze_top(L, name, request->lua->table_message);
    lua_settop(L, index);
  }
  if (!md_push_content(L, index)) lua_pushvalue(L, index);
  int content = lua_gettop(L);
  if (content > index && !guarded) note_inherited(L, content, name);
  char child[MD_NAME_ROOM];
  lua_pushnil(L);
  while (lua_next(L, content)) {                             // … key value
    entry_name(L, guarded, name, child);
    note(L, child);
    lua_pushvalue(L, -1);
    note(L, child);
  }
  lua_settop(L, index);
}

int md_walk(lua_State *L) {                                  // request
  const md_reach *request = lua_touserdata(L, 1);
  lua_newtable(L);
  lua_newtable(L);
  lua_newtable(L);                                           // request seen values names
  lua_rawgeti(L, LUA_REGISTRYINDEX, request->ref);
  note(L, request->name);
  for (lua_Integer count; (count = (lua_Integer)lua_rawlen(L, VALUES)) > 0;) {
    lua_rawgeti(L, NAMES, count);
    lua_rawgeti(L, VALUES, count);                           // … name value
    lua_pushnil(L);
    lua_rawseti(L, VALUES, count);
    lua_pushnil(L);
    lua_rawseti(L, NAMES, count);
    luaL_checkstack(L, 20, NULL);
    int index = lua_gettop(L);
    if (lua_type(L, index) == LUA_TFUNCTION) visit_function(L, request, index);
    else visit_table(L, request, index, lua_tostring(L, index - 1));
    lua_settop(L, NAMES);
  }
  return 0;
}

md_lua_outcome md_lua_freeze(md_lua *lua, int32_t ref, const char *name) {
  md_reach request = {.lua = lua, .ref = ref, .name = name, .freezes = true};
  if (!md_protect(lua, md_walk, &request, 0)) return md_outcome_of(lua, LUA_ERRRUN);
  return (md_lua_outcome){.status = MD_LUA_OK};
}
