// Tables, raw: no metamethod decides how long a table is, and every loop is charged. Reading sees through frozen
// tables.
#include "../host.h"

#include <string.h>

enum { MD_MAXIMUM_UNPACKED = 100000 };

// The argument `index` as a table to read: frozen ones are replaced by their content.
static lua_Integer readable(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  if (md_is_record(L, index)) md_force_record(L, index);
  else if (md_push_content(L, index)) lua_replace(L, index);
  return (lua_Integer)lua_rawlen(L, index);
}

static lua_Integer writable(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  md_check_writable(L, index);
  return (lua_Integer)lua_rawlen(L, index);
}

static int table_insert(lua_State *L) {
  lua_Integer length = writable(L, 1), position = length + 1;
  switch (lua_gettop(L)) {
    case 2: break;
    case 3:
      position = luaL_checkinteger(L, 2);
      luaL_argcheck(L, position >= 1 && position <= length + 1, 2, "position out of bounds");
      break;
    default: return luaL_error(L, "wrong number of arguments to 'insert'");
  }
  md_charge(L, md_host(L), 2 + (length - position + 1));
  for (lua_Integer i = length; i >= position; i--) {
    lua_rawgeti(L, 1, i);
    lua_rawseti(L, 1, i + 1);
  }
  lua_settop(L, lua_gettop(L) == 2 ? 2 : 3);
  lua_rawseti(L, 1, position);
  return 0;
}

static int table_remove(lua_State *L) {
  lua_Integer length = writable(L, 1), position = luaL_optinteger(L, 2, length);
  if (lua_gettop(L) > 1) {
    luaL_argcheck(L, (lua_Unsigned)length + 1u - (lua_Unsigned)position <= (lua_Unsigned)length
      || (length == 0 && position == 0) || position == length + 1, 2, "position out of bounds");
  }
  md_charge(L, md_host(L), 2 + (length > position ? length - position : 0));
  lua_rawgeti(L, 1, position);                               // … removed
  for (; position < length; position++) {
    lua_rawgeti(L, 1, position + 1);
    lua_rawseti(L, 1, position);
  }
  if (position <= length) {
    lua_pushnil(L);
    lua_rawseti(L, 1, position);
  }
  return 1;
}

static int table_move(lua_State *L) {                        // from first last to [target]
  int target = lua_isnoneornil(L, 5) ? 1 : 5;
  writable(L, target);  // before reading takes the place of a frozen table by its content
  readable(L, 1);
  lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3), to = luaL_checkinteger(L, 4);
  lua_settop(L, 5);
  if (last >= first) {
    luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
    lua_Integer count = last - first + 1;
    luaL_argcheck(L, to <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
    bool upwards = to > last || to <= first || !lua_rawequal(L, 1, target);
    for (lua_Integer i = 0; i < count; i++) {
      lua_Integer offset = upwards ? i : count - 1 - i;
      if ((i & 63) == 0) md_charge(L, md_host(L), 64);
      lua_rawgeti(L, 1, first + offset);
      lua_rawseti(L, target, to + offset);
    }
  }
  lua_pushvalue(L, target);
  return 1;
}

static int table_pack(lua_State *L) {
  int count = lua_gettop(L);
  md_charge(L, md_host(L), 2 + count);
  lua_createtable(L, count, 1);
  lua_insert(L, 1);
  for (int i = count; i >= 1; i--) lua_rawseti(L, 1, i);
  lua_pushinteger(L, count);
  lua_setfield(L, 1, "n");
  return 1;
}

static int table_unpack(lua_State *L) {
  lua_Integer length = readable(L, 1);
  lua_Integer first = luaL_optinteger(L, 2, 1), last = luaL_optinteger(L, 3, length);
  if (first > last) return 0;
  lua_Unsigned count = (lua_Unsigned)last - (lua_Unsigned)first + 1;
  if (count == 0 || count > MD_MAXIMUM_UNPACKED || !lua_checkstack(L, (int)count + 4)) {
    return luaL_error(L, "too many results to unpack");
  }
  md_charge(L, md_host(L), (int64_t)count);
  for (lua_Unsigned i = 0; i < count; i++) lua_rawgeti(L, 1, (lua_Integer)((lua_Unsigned)first + i));
  return (int)count;
}

static int table_concat(lua_State *L) {                      // list [separator [first [last]]]
  md_lua *lua = md_host(L);
  lua_Integer length = readable(L, 1);
  size_t separator_length, start = lua->scratch.length;
  const char *separator = luaL_optlstring(L, 2, "", &separator_length);
  lua_Integer first = luaL_optinteger(L, 3, 1), last = luaL_optinteger(L, 4, length);
  for (lua_Integer i = first; i <= last; i++) {
    lua_rawgeti(L, 1, i);
    if (!lua_isstring(L, -1)) {
      lua->scratch.length = start;
      return luaL_error(L, "invalid value (%s) at index %I in table for 'concat'", md_type_name(L, -1), i);
    }
    size_t added;
    const char *text = md_tostring(L, -1, &added);
    md_charge(L, lua, 2 + (int64_t)(added >> 5));
    md_scratch_add(L, text, added);
    if (i != last) md_scratch_add(L, separator, separator_length);
    if (lua->scratch.length - start > lua->limits.string) break;  // md_scratch_push says so
    lua_settop(L, lua_gettop(L) - 2);
    if (i == LUA_MAXINTEGER) break;
  }
  md_scratch_push(L, start);
  return 1;
}

// --- sort: a merge sort over raw elements on the Lua stack's side, so an inconsistent comparison only gives some order

typedef struct {
  lua_State *L;
  md_lua *lua;
  bool custom;  // a function at 2 compares
} sorter;

static bool less_text(sorter *self, int left, int right) {
  size_t left_length, right_length;
  const char *left_text = lua_tolstring(self->L, left, &left_length);
  const char *right_text = lua_tolstring(self->L, right, &right_length);
  size_t common = left_length < right_length ? left_length : right_length;
  md_charge(self->L, self->lua, (int64_t)(common >> 5));
  int order = memcmp(left_text, right_text, common);
  return order ? order < 0 : left_length < right_length;
}

// Whether the value at `left` comes before the one at `right` (absolute indices).
static bool less(sorter *self, int left, int right) {
  lua_State *L = self->L;
  md_charge(L, self->lua, 4);
  if (self->custom) {
    lua_pushvalue(L, 2);
    lua_pushvalue(L, left);
    lua_pushvalue(L, right);
    lua_call(L, 2, 1);
    bool result = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return result;
  }
  if (lua_type(L, left) == LUA_TSTRING && lua_type(L, right) == LUA_TSTRING) return less_text(self, left, right);
  return lua_compare(L, left, right, LUA_OPLT);
}

// Merges source[from, middle) and source[middle, to) into target. Tables are at stack indices `source` and `target`.
static void merge(sorter *self, int source, int target, lua_Integer from, lua_Integer middle, lua_Integer to) {
  lua_State *L = self->L;
  lua_Integer left = from, right = middle;
  for (lua_Integer out = from; out < to; out++) {
    bool take_left;
    if (left < middle && right < to) {
      lua_rawgeti(L, source, left);
      lua_rawgeti(L, source, right);
      int top = lua_gettop(L);
      take_left = !less(self, top, top - 1);  // stable
      lua_pop(L, 2);
    } else {
      take_left = left < middle;
    }
    lua_rawgeti(L, source, take_left ? left++ : right++);
    lua_rawseti(L, target, out);
  }
}

static void copy_range(lua_State *L, int from, int to, lua_Integer count) {
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, from, i);
    lua_rawseti(L, to, i);
  }
}

static int table_sort(lua_State *L) {                        // list [comparison]
  md_lua *lua = md_host(L);
  lua_Integer length = writable(L, 1);
  sorter self = {L, lua, !lua_isnoneornil(L, 2)};
  if (self.custom) luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  if (length < 2) return 0;
  md_charge(L, lua, 2 * length);
  lua_createtable(L, (int)length, 0);                        // list comparison first
  lua_createtable(L, (int)length, 0);                        // list comparison first second
  copy_range(L, 1, 3, length);
  int source = 3, target = 4;
  for (lua_Integer width = 1; width < length; width *= 2) {
    for (lua_Integer from = 1; from <= length; from += 2 * width) {
      lua_Integer middle = from + width <= length ? from + width : length + 1;
      lua_Integer to = from + 2 * width <= length ? from + 2 * width : length + 1;
      merge(&self, source, target, from, middle, to);
    }
    int swapped = source;
    source = target;
    target = swapped;
  }
  copy_range(L, source, 1, length);
  return 0;
}

void md_open_table(lua_State *L) {                           // words
  static const luaL_Reg functions[] = {
    {"concat", table_concat}, {"insert", table_insert}, {"move", table_move}, {"pack", table_pack},
    {"remove", table_remove}, {"sort", table_sort}, {"unpack", table_unpack}, {NULL, NULL}};
  lua_createtable(L, 0, 8);
  md_set_functions(L, functions);
  lua_setfield(L, -2, "table");
}
