// Lazy records: an argument table whose fields are computed when a script first touches them, and kept in it.
//
// Swift fills a fixed array of fields, so making a record costs one empty table. A record of an ended call is told
// apart by its address, which the shape remembers while its call runs.
#include "host.h"

#include <string.h>

static void check_live(lua_State *L, const md_shape *shape, int index) {
  if (lua_topointer(L, index) != shape->live) luaL_error(L, "this value belongs to a call that has ended");
}

static void push_field(lua_State *L, const md_shape *shape, int32_t number) {
  const md_lua_item *field = &shape->fields[number];
  if (field->kind != MD_LUA_HOSTED) {
    md_push_item(L, shape->lua, field, shape->names[number]);
    return;
  }
  int top = lua_gettop(L);
  md_push_hosted(L, field->id);
  lua_call(L, 0, 1);
  lua_settop(L, top + 1);
}

static int record_index(lua_State *L) {                      // record key
  const md_shape *shape = lua_touserdata(L, lua_upvalueindex(1));
  check_live(L, shape, 1);
  if (lua_type(L, 2) != LUA_TSTRING) return 0;
  const char *key = lua_tostring(L, 2);
  for (int32_t i = 0; i < shape->count; i++) {
    if (shape->names[i] != key) continue;
    md_charge(L, shape->lua, 4 + (int64_t)(shape->fields[i].length >> 3));
    push_field(L, shape, i);                                 // record key value
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);                                    // record key value key value
    lua_rawset(L, 1);
    return 1;
  }
  return 0;
}

void md_push_record(lua_State *L, md_lua *lua, int32_t number) {
  md_shape *shape = &lua->shapes[number];
  lua_createtable(L, 0, 4);
  lua_rawgeti(L, LUA_REGISTRYINDEX, shape->metatable);
  lua_setmetatable(L, -2);
  shape->live = lua_topointer(L, -1);
}

static const md_shape *_Nullable shape_of(lua_State *L, int index) {
  if (!lua_getmetatable(L, index)) return NULL;              // … metatable
  lua_rawgetp(L, -1, &md_key_record);                        // … metatable shape|nil
  const md_shape *shape = lua_touserdata(L, -1);
  lua_pop(L, 2);
  return shape;
}

bool md_is_record(lua_State *L, int index) { return lua_type(L, index) == LUA_TTABLE && shape_of(L, index); }

void md_force_record(lua_State *L, int index) {
  index = lua_absindex(L, index);
  const md_shape *shape = shape_of(L, index);
  if (!shape) return;
  check_live(L, shape, index);
  luaL_checkstack(L, 8, NULL);
  for (int32_t i = 0; i < shape->count; i++) {
    lua_pushstring(L, shape->names[i]);                      // … name
    lua_pushvalue(L, -1);
    if (lua_rawget(L, index) != LUA_TNIL) {                  // … name value
      lua_pop(L, 2);
      continue;
    }
    lua_pop(L, 1);                                           // … name
    push_field(L, shape, i);                                 // … name value
    lua_rawset(L, index);
  }
}

static int force(lua_State *L) {                             // record
  md_force_record(L, 1);
  return 0;
}

bool md_force_protected(lua_State *L, md_lua *lua, int index) {
  bool enforcing = lua->enforcing;
  int top = lua_gettop(L);
  lua_pushcfunction(L, force);
  lua_pushvalue(L, index);
  lua->enforcing = false;
  int status = lua_pcall(L, 1, 0, 0);
  lua->enforcing = enforcing;
  if (status == LUA_OK) return true;
  size_t length = 0;
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : "";
  md_buffer_set(&lua->message, text, length);
  lua_settop(L, top);
  return false;
}

// --- registration

typedef struct {
  md_shape *shape;
  const md_lua_text *names;
  int32_t count;
} shape_data;

static int make_shape(lua_State *L) {
  shape_data *data = lua_touserdata(L, 1);
  md_shape *shape = data->shape;
  lua_createtable(L, data->count, 0);                        // data names
  for (int32_t i = 0; i < data->count; i++) {
    lua_pushlstring(L, data->names[i].bytes, data->names[i].length);
    shape->names[i] = lua_tostring(L, -1);
    lua_rawseti(L, 2, i + 1);
  }
  shape->count = data->count;
  shape->names_ref = md_ref(L, shape->lua);                  // data
  lua_createtable(L, 0, 3);                                  // data metatable
  lua_pushlightuserdata(L, shape);
  lua_pushcclosure(L, record_index, 1);
  lua_setfield(L, 2, "__index");
  lua_pushlightuserdata(L, shape);
  lua_rawsetp(L, 2, &md_key_record);
  lua_pushboolean(L, 1);
  lua_rawsetp(L, 2, &md_key_guarded);
  shape->metatable = md_ref(L, shape->lua);
  return 0;
}

int32_t md_lua_register_shape(md_lua *lua, const md_lua_text *names, int32_t count) {
  if (lua->shape_count == MD_MAXIMUM_SHAPES || count > MD_MAXIMUM_FIELDS) return -1;
  md_shape *shape = &lua->shapes[lua->shape_count];
  *shape = (md_shape){.lua = lua};
  for (int32_t i = 0; i < count; i++) {
    if (names[i].length > 40) return -1;  // longer strings are not interned
  }
  shape_data data = {shape, names, count};
  if (!md_protect(lua, make_shape, &data, 0)) return -1;
  return lua->shape_count++;
}

md_lua_item *md_lua_shape_fields(md_lua *lua, int32_t shape) {
  if (shape < 0 || shape >= lua->shape_count) return NULL;
  return lua->shapes[shape].fields;
}
