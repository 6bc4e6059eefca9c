// Frozen tables: what belongs to a file is read-only once the file is loaded, or it would be state that is lost.
//
// A table is frozen in place: its entries move into a hidden content table and it stays as an empty shell whose host
// metatable looks there. So every reference to it, wherever it is held, sees it frozen; reading costs one hop more.
#include "host.h"

#include <string.h>

bool md_push_content(lua_State *L, int index) {
  if (!lua_getmetatable(L, index)) return false;             // metatable
  if (lua_rawgetp(L, -1, &md_key_frozen) != LUA_TTABLE) {
    lua_pop(L, 2);
    return false;
  }
  lua_remove(L, -2);                                         // content
  return true;
}

bool md_has_mark(lua_State *L, const void *key) {
  bool found = lua_rawgetp(L, -1, key) != LUA_TNIL;
  lua_pop(L, 1);
  return found;
}

// Raises the text of a frozen table's metatable, at the top of the stack, with its name in it.
static void raise_frozen(lua_State *L) {
  lua_rawgetp(L, -1, &md_key_text);
  lua_rawgetp(L, -2, &md_key_name);                          // metatable text name
  luaL_where(L, 1);
  luaL_gsub(L, lua_tostring(L, -3), "%s", lua_tostring(L, -2));
  lua_concat(L, 2);
  lua_error(L);
}

void md_check_writable(lua_State *L, int index) {
  if (!lua_getmetatable(L, index)) return;
  if (md_has_mark(L, &md_key_name)) raise_frozen(L);
  if (md_has_mark(L, &md_key_guarded)) luaL_error(L, "this table belongs to the host and cannot be changed this way");
  lua_pop(L, 1);
}

// --- metamethods of shells

// Falls back to the script's own `__newindex` for new keys, so that its message, if it has one, is the one that is
// seen.
static int refuse_assignment(lua_State *L) {                 // table key value
  lua_settop(L, 3);
  lua_getmetatable(L, 1);                                    // table key value metatable
  lua_rawgetp(L, 4, &md_key_frozen);
  lua_pushvalue(L, 2);
  bool is_new = lua_rawget(L, 5) == LUA_TNIL;
  lua_settop(L, 4);
  if (is_new) {
    lua_pushliteral(L, "md.newindex");
    if (lua_rawget(L, 4) != LUA_TNIL) {                      // table key value metatable handler
      lua_insert(L, 1);
      lua_settop(L, 4);                                      // handler table key value
      if (lua_type(L, 1) == LUA_TFUNCTION) lua_call(L, 3, 0);
      else lua_settable(L, 1);
      return 0;
    }
  }
  lua_settop(L, 4);
  raise_frozen(L);
  return 0;
}

static int content_length(lua_State *L) {                    // table
  lua_settop(L, 1);
  md_push_content(L, 1);
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
  return 1;
}

// `__index` of a content table whose script had a function: called with the shell, as the script expects.
static int index_through(lua_State *L) {                     // content key
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

// --- freezing one table

static void move_entries(lua_State *L, int table, int content) {
  lua_pushnil(L);
  while (lua_next(L, table)) {                               // … key value
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, content);                                  // … key
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, table);
  }
}

// Takes over what the script's metatable (`from`) did; its `__index` goes behind the content.
static void inherit(lua_State *L, int table, int from, int content, int host) {
  for (const char *const *name = md_metamethods; *name; name++) {
    if (strcmp(*name, "__index") == 0) continue;
    const char *target = strcmp(*name, "__newindex") == 0 ? "md.newindex" : *name;
    lua_pushstring(L, *name);
    if (lua_rawget(L, from) == LUA_TNIL) lua_pop(L, 1);
    else lua_setfield(L, host, target);
  }
  const char *const kept[] = {&md_key_original, &md_key_array};
  for (int i = 0; i < 2; i++) {
    lua_rawgetp(L, from, kept[i]);
    lua_rawsetp(L, host, kept[i]);
  }
  lua_pushliteral(L, "__index");
  int type = lua_rawget(L, from);                            // … index
  if (type == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  if (type == LUA_TFUNCTION) {
    lua_pushvalue(L, table);
    lua_pushcclosure(L, index_through, 2);
  }
  lua_createtable(L, 0, 1);
  lua_insert(L, -2);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, content);
}

void md_freeze_top(lua_State *L, const char *name, const char *text) {
  int table = lua_gettop(L), content = table + 1, host = table + 2, from = table + 3;
  luaL_checkstack(L, 12, NULL);
  lua_newtable(L);
  lua_createtable(L, 0, 6);                                  // table content host
  if (lua_getmetatable(L, table)) inherit(L, table, from, content, host);
  move_entries(L, table, content);
  lua_settop(L, host);
  lua_pushvalue(L, content);
  lua_setfield(L, host, "__index");
  lua_rawgeti(L, LUA_REGISTRYINDEX, MD_REF_REFUSE);
  lua_setfield(L, host, "__newindex");
  lua_pushliteral(L, "__len");
  if (lua_rawget(L, host) == LUA_TNIL) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, MD_REF_LENGTH);
    lua_setfield(L, host, "__len");
  }
  lua_settop(L, host);
  lua_pushvalue(L, content);
  lua_rawsetp(L, host, &md_key_frozen);
  lua_pushstring(L, name);
  lua_rawsetp(L, host, &md_key_name);
  lua_pushstring(L, text);
  lua_rawsetp(L, host, &md_key_text);
  lua_setmetatable(L, table);                                // table content
  lua_settop(L, table);
}

// --- for preludes

static int privileged_setmetatable(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  lua_setmetatable(L, 1);
  return 1;
}

static int privileged_freeze(lua_State *L) {                 // table [name [text]]
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *name = luaL_optstring(L, 2, "this table"), *text = luaL_optstring(L, 3, "\"%s\" is read-only");
  lua_pushvalue(L, 1);
  if (lua_getmetatable(L, 1)) {
    bool done = md_has_mark(L, &md_key_guarded) || md_has_mark(L, &md_key_frozen);
    lua_pop(L, 1);
    if (done) return 1;
  }
  md_freeze_top(L, name, text);
  return 1;
}

static int privileged_where(lua_State *L) {
  luaL_where(L, (int)luaL_optinteger(L, 1, 1));
  return 1;
}

static int privileged_source(lua_State *L) {                 // function
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_Debug about;
  lua_settop(L, 1);
  lua_getinfo(L, ">S", &about);
  lua_pushstring(L, about.source[0] ? about.source + 1 : "");
  lua_pushinteger(L, about.linedefined);
  return 2;
}

void md_open_privileged(lua_State *L) {
  static const luaL_Reg functions[] = {
    {"setmetatable", privileged_setmetatable}, {"freeze", privileged_freeze}, {"where", privileged_where},
    {"source", privileged_source}, {NULL, NULL}};
  lua_newtable(L);
  md_set_functions(L, functions);
  lua_rawseti(L, LUA_REGISTRYINDEX, MD_LUA_PRIVILEGED);
  lua_pushcfunction(L, refuse_assignment);
  lua_rawseti(L, LUA_REGISTRYINDEX, MD_REF_REFUSE);
  lua_pushcfunction(L, content_length);
  lua_rawseti(L, LUA_REGISTRYINDEX, MD_REF_LENGTH);
}
