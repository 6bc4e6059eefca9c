// Values in slots and in the registry, for Swift. A slot is an index of the running function's stack. Nothing here
// raises: what allocates runs under protection.
#include "host.h"

#include <string.h>

md_lua_kind md_lua_slot_kind(md_lua *lua, int32_t slot) {
  lua_State *L = lua->current;
  switch (lua_type(L, slot)) {
    case LUA_TNONE:
    case LUA_TNIL: return MD_LUA_NIL;
    case LUA_TBOOLEAN: return MD_LUA_BOOLEAN;
    case LUA_TNUMBER: return lua_isinteger(L, slot) ? MD_LUA_INTEGER : MD_LUA_NUMBER;
    case LUA_TSTRING: return MD_LUA_STRING;
    case LUA_TTABLE: return MD_LUA_TABLE;
    case LUA_TFUNCTION: return MD_LUA_FUNCTION;
    default: return md_is_null(L, slot) ? MD_LUA_NULL : MD_LUA_OTHER;
  }
}

bool md_lua_slot_boolean(md_lua *lua, int32_t slot) { return lua_toboolean(lua->current, slot); }

int64_t md_lua_slot_integer(md_lua *lua, int32_t slot) {
  return lua_type(lua->current, slot) == LUA_TNUMBER ? lua_tointeger(lua->current, slot) : 0;
}

double md_lua_slot_number(md_lua *lua, int32_t slot) {
  return lua_type(lua->current, slot) == LUA_TNUMBER ? lua_tonumber(lua->current, slot) : 0;
}

md_lua_text md_lua_slot_string(md_lua *lua, int32_t slot) {
  lua_State *L = lua->current;
  md_lua_text text = {"", 0};
  if (lua_type(L, slot) == LUA_TSTRING) text.bytes = lua_tolstring(L, slot, &text.length);
  return text;
}

// The slot whose raw entries are the table's, after pushing what needs to be pushed.
static int32_t content_slot(lua_State *L, int32_t slot) {
  slot = lua_absindex(L, slot);
  return md_push_content(L, slot) ? lua_gettop(L) : slot;
}

int64_t md_lua_slot_length(md_lua *lua, int32_t slot) {
  lua_State *L = lua->current;
  if (lua_type(L, slot) != LUA_TTABLE || !lua_checkstack(L, 4)) return 0;
  int top = lua_gettop(L);
  int64_t length = (int64_t)lua_rawlen(L, content_slot(L, slot));
  lua_settop(L, top);
  return length;
}

bool md_lua_slot_is_array(md_lua *lua, int32_t slot) {
  lua_State *L = lua->current;
  return lua_type(L, slot) == LUA_TTABLE && lua_checkstack(L, 4) && md_is_array(L, slot);
}

const void *md_lua_slot_identity(md_lua *lua, int32_t slot) { return lua_topointer(lua->current, slot); }

md_lua_text md_lua_slot_source(md_lua *lua, int32_t slot, int32_t *line) {
  lua_State *L = lua->current;
  *line = -1;
  if (lua_type(L, slot) != LUA_TFUNCTION || !lua_checkstack(L, 2)) return (md_lua_text){"", 0};
  lua_Debug about;
  lua_pushvalue(L, slot);
  lua_getinfo(L, ">S", &about);
  *line = about.linedefined;
  if (about.what[0] == 'C' || !about.source[0]) return (md_lua_text){"", 0};
  return (md_lua_text){about.source + 1, strlen(about.source + 1)};
}

// --- moving values

static int hold_argument(lua_State *L) {                     // data value
  *(int32_t *)lua_touserdata(L, 1) = md_ref(L, md_host(L));
  return 0;
}

int32_t md_lua_slot_ref(md_lua *lua, int32_t slot) {
  lua_State *L = lua->current;
  slot = lua_absindex(L, slot);
  if (!lua_checkstack(L, 4)) return -1;
  int32_t ref = -1;
  int top = lua_gettop(L);
  bool enforcing = lua->enforcing;
  lua_pushcfunction(L, hold_argument);
  lua_pushlightuserdata(L, &ref);
  lua_pushvalue(L, slot);
  lua->enforcing = false;
  int status = lua_pcall(L, 2, 0, 0);
  lua->enforcing = enforcing;
  lua_settop(L, top);
  return status == LUA_OK ? ref : -1;
}

int32_t md_lua_push_field(md_lua *lua, int32_t slot, const void *name, size_t length) {
  lua_State *L = lua->current;
  if (!lua_checkstack(L, 6)) return 0;
  int top = lua_gettop(L);
  slot = lua_absindex(L, slot);
  bool readable = lua_type(L, slot) == LUA_TTABLE && (!md_is_record(L, slot) || md_force_protected(L, lua, slot));
  if (!readable) {
    lua_pushnil(L);
    return top + 1;
  }
  int32_t content = content_slot(L, slot);
  lua_pushnil(L);
  while (lua_next(L, content)) {  // asking by name would need a string, which allocates; option tables are small
    size_t found;
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &found) : NULL;
    if (key && found == length && memcmp(key, name, length) == 0) {
      lua_replace(L, top + 1);
      lua_settop(L, top + 1);
      return top + 1;
    }
    lua_pop(L, 1);
  }
  lua_settop(L, top + 1);
  lua_pushnil(L);
  lua_replace(L, top + 1);
  return top + 1;
}

int32_t md_lua_push_element(md_lua *lua, int32_t slot, int64_t index) {
  lua_State *L = lua->current;
  if (!lua_checkstack(L, 6)) return 0;
  int top = lua_gettop(L);
  if (lua_type(L, slot) == LUA_TTABLE) lua_rawgeti(L, content_slot(L, slot), index);
  else lua_pushnil(L);
  if (lua_gettop(L) > top + 1) lua_replace(L, top + 1);
  return top + 1;
}

int32_t md_lua_push_ref(md_lua *lua, int32_t ref) {
  lua_State *L = lua->current;
  if (!lua_checkstack(L, 2)) return 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
  return lua_gettop(L);
}

void md_lua_pop_to(md_lua *lua, int32_t slot) {
  if (slot > 0 && slot <= lua_gettop(lua->current)) lua_settop(lua->current, slot - 1);
}

bool md_lua_each(
  md_lua *lua, int32_t slot, void *context, bool (*visit)(void *context, int32_t key, int32_t value)
) {
  lua_State *L = lua->current;
  if (lua_type(L, slot) != LUA_TTABLE || !lua_checkstack(L, 8)) return false;
  int top = lua_gettop(L);
  slot = lua_absindex(L, slot);
  if (md_is_record(L, slot) && !md_force_protected(L, lua, slot)) return false;
  size_t first, count, other;
  bool sorted = md_sorted_entries(L, lua, content_slot(L, slot), &first, &count, &other);
  for (size_t i = 0; sorted && i < count; i++) {
    int32_t key = lua->entries[first + i].slot;
    if (!visit(context, key, key + 1)) break;
  }
  lua->entry_count = first;
  lua_settop(L, top);
  return sorted;
}

// --- making

typedef struct {
  md_lua *lua;
  int32_t table, ref;
  const void *name;
  size_t length;
  md_lua_item item;
} make_data;

static int make_table(lua_State *L) {                        // data
  make_data *data = lua_touserdata(L, 1);
  lua_newtable(L);
  if (data->item.kind == MD_LUA_BOOLEAN) md_mark_array(L, -1);
  data->ref = md_ref(L, data->lua);
  return 0;
}

int32_t md_lua_new_table(md_lua *lua, bool array) {
  make_data data = {.lua = lua, .ref = -1, .item.kind = array ? MD_LUA_BOOLEAN : MD_LUA_NIL};
  return md_protect(lua, make_table, &data, 0) ? data.ref : -1;
}

static int set_field(lua_State *L) {                         // data
  const make_data *data = lua_touserdata(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, data->table);
  lua_pushlstring(L, data->name, data->length);
  md_push_item(L, data->lua, &data->item, "the value");
  lua_rawset(L, 2);
  return 0;
}

bool md_lua_set_field(md_lua *lua, int32_t table, const void *name, size_t length, md_lua_item item) {
  make_data data = {.lua = lua, .table = table, .name = name, .length = length, .item = item};
  return md_protect(lua, set_field, &data, 0);
}

static int hold_item(lua_State *L) {                         // data
  make_data *data = lua_touserdata(L, 1);
  md_push_item(L, data->lua, &data->item, "the value");
  data->ref = md_ref(L, data->lua);
  return 0;
}

int32_t md_lua_hold(md_lua *lua, md_lua_item item) {
  make_data data = {.lua = lua, .ref = -1, .item = item};
  return md_protect(lua, hold_item, &data, 0) ? data.ref : -1;
}
