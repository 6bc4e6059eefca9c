// pairs, ipairs, next: in the fixed order, seeing through frozen tables.
#include "../host.h"

// The table whose raw entries are those of the argument at 1, in its place; records are computed first.
static void settle_table(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  if (md_is_record(L, 1)) md_force_record(L, 1);
  else if (md_push_content(L, 1)) lua_replace(L, 1);
}

static void refuse_unordered(lua_State *L, const char *word) {
  luaL_error(L, "%s: keys that are not numbers, text or booleans have no fixed order", word);
}

// Adds false and true after the sorted keys. Other keys are refused, unless there is only one.
static lua_Integer add_other_keys(lua_State *L, int table, int keys, lua_Integer count, size_t other) {
  for (int truth = 0; truth < 2; truth++) {
    lua_pushboolean(L, truth);
    lua_rawget(L, table);
    if (!lua_isnil(L, -1)) {
      lua_pushboolean(L, truth);
      lua_rawseti(L, keys, ++count);
      other--;
    }
    lua_pop(L, 1);
  }
  if (other == 0) return count;
  if (other > 1) refuse_unordered(L, "pairs");
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);                                           // … key
    int type = lua_type(L, -1);
    if (type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TBOOLEAN) continue;
    lua_rawseti(L, keys, ++count);
    return count;
  }
  return count;
}

// Whether every entry is an element 1 … length, so that counting up visits all.
static bool is_plain_list(lua_State *L, int table, lua_Integer length) {
  lua_Integer count = 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    bool element = lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 && lua_tointeger(L, -1) <= length;
    if (element) {
      count++;
      continue;
    }
    lua_pop(L, 1);
    return false;
  }
  return count == length;
}

static int next_element(lua_State *L) {                      // table last
  lua_Integer index = lua_tointeger(L, lua_upvalueindex(2)) + 1;
  lua_Integer length = lua_tointeger(L, lua_upvalueindex(3));
  for (; index <= length; index++) {
    if (lua_rawgeti(L, lua_upvalueindex(1), index) != LUA_TNIL) break;
    lua_pop(L, 1);
  }
  lua_pushinteger(L, index);
  lua_replace(L, lua_upvalueindex(2));
  if (index > length) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, index);
  lua_insert(L, -2);
  return 2;
}

static int next_key(lua_State *L) {                          // table last; upvalues: table position count keys
  lua_Integer position = lua_tointeger(L, lua_upvalueindex(2)) + 1;
  lua_Integer count = lua_tointeger(L, lua_upvalueindex(3));
  for (; position <= count; position++) {
    lua_rawgeti(L, lua_upvalueindex(4), position);           // … key
    lua_pushvalue(L, -1);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) break;
    lua_pop(L, 2);
  }
  lua_pushinteger(L, position);
  lua_replace(L, lua_upvalueindex(2));
  if (position <= count) return 2;                           // key value
  lua_pushnil(L);
  return 1;
}

static void push_sorted_iterator(lua_State *L, md_lua *lua) { // table
  size_t first, count, other;
  lua_pushnil(L);                                            // table nil
  if (!md_sorted_entries(L, lua, 1, &first, &count, &other)) {
    luaL_error(L, "pairs: a table that is not a list may have %d entries", MD_MAXIMUM_SORTED);
  }
  lua_createtable(L, (int)(count + other), 0);
  lua_copy(L, -1, 2);                                        // table keys key value … keys
  for (size_t i = 0; i < count; i++) {
    lua_pushvalue(L, lua->entries[first + i].slot);
    lua_rawseti(L, 2, (lua_Integer)i + 1);
  }
  lua->entry_count = first;
  lua_settop(L, 2);                                          // table keys
  lua_Integer total = other ? add_other_keys(L, 1, 2, (lua_Integer)count, other) : (lua_Integer)count;
  md_charge(L, lua, 4 * total);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  lua_pushinteger(L, total);
  lua_pushvalue(L, 2);                                       // table keys table 0 total keys
  lua_pushcclosure(L, next_key, 4);
}

static int base_pairs(lua_State *L) {
  md_lua *lua = md_host(L);
  lua_settop(L, 1);
  settle_table(L);
  lua_settop(L, 1);                                          // table
  lua_Integer length = (lua_Integer)lua_rawlen(L, 1);
  md_charge(L, lua, 8 + (length >> 2));
  if (length > 0 && is_plain_list(L, 1, length)) {
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    lua_pushinteger(L, length);
    lua_pushcclosure(L, next_element, 3);
  } else {
    push_sorted_iterator(L, lua);
  }
  return 1;                                                  // the loop passes nil and nil
}

static int ipairs_step(lua_State *L) {                       // table index
  lua_Integer index = luaL_checkinteger(L, 2) + 1;
  lua_pushinteger(L, index);
  return lua_geti(L, 1, index) == LUA_TNIL ? 1 : 2;
}

static int base_ipairs(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushcfunction(L, ipairs_step);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

// next(t): the first pair in the fixed order, or nil. With a key it would have to sort at every step: pairs does that
// once.
static int base_next(lua_State *L) {
  md_lua *lua = md_host(L);
  if (!lua_isnoneornil(L, 2)) return luaL_error(L, "next takes one argument here: use pairs to visit a table");
  lua_settop(L, 1);
  settle_table(L);
  lua_settop(L, 1);
  lua_pushnil(L);
  if (!lua_next(L, 1)) {
    lua_pushnil(L);
    return 1;
  }
  lua_settop(L, 1);
  size_t first, count, other;
  if (!md_sorted_entries(L, lua, 1, &first, &count, &other)) {
    return luaL_error(L, "next: a table may have %d entries", MD_MAXIMUM_SORTED);
  }
  lua->entry_count = first;
  md_charge(L, lua, 4 * (int64_t)(count + other));
  if (count) {
    int slot = lua->entries[first].slot;
    lua_pushvalue(L, slot);
    lua_pushvalue(L, slot + 1);
    return 2;
  }
  lua_newtable(L);
  int keys = lua_gettop(L);
  add_other_keys(L, 1, keys, 0, other);
  lua_rawgeti(L, keys, 1);
  lua_pushvalue(L, -1);
  lua_rawget(L, 1);
  return 2;
}

void md_open_iteration(lua_State *L) {                     // words
  static const luaL_Reg functions[] = {
    {"pairs", base_pairs}, {"ipairs", base_ipairs}, {"next", base_next}, {NULL, NULL}};
  md_set_functions(L, functions);
  md_open_metatables(L);
}
