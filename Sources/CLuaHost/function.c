// Functions of the host. Lua calls a trampoline, the trampoline calls Swift, Swift returns what should happen, and only
// then does C push results or raise.
#include "host.h"

#include <stdlib.h>
#include <string.h>

static int trampoline(lua_State *L) {
  return md_run_hosted(L, md_host(L), (int32_t)lua_tointeger(L, lua_upvalueindex(1)));
}

void md_push_hosted(lua_State *L, int32_t number) {
  lua_pushinteger(L, number);
  lua_pushcclosure(L, trampoline, 1);
}

// Raises what the host function asked for.
static _Noreturn void raise_failure(lua_State *L, md_lua *lua, md_lua_status status) {
  if (status == MD_LUA_ABORTED) {
    lua->enforcing = false;
    luaL_where(L, 1);
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    md_buffer_set(&lua->traceback, text, length);
    lua_pop(L, 1);
    lua->enforcing = true;
    lua->aborting = true;
    md_raise_passing(L);
  }
  if (lua->with_position) luaL_where(L, 1);
  else lua_pushliteral(L, "");
  lua_pushlstring(L, lua->message.bytes, lua->message.length);
  lua_concat(L, 2);
  lua_error(L);
  __builtin_unreachable();
}

static void push_result(lua_State *L, md_lua *lua, const md_lua_item *item) {
  md_lua_item resolved = *item;
  if (item->kind == MD_LUA_STRING || item->kind == MD_LUA_JSON) {
    resolved.payload.bytes = lua->scratch.bytes + item->payload.integer;
  }
  md_push_item(L, lua, &resolved, "the result");
}

int md_run_hosted(lua_State *L, md_lua *lua, int32_t number) {
  md_hosted hosted = lua->hosted[number];
  md_charge(L, lua, hosted.cost);
  md_lua_frame frame;
  frame.lua = lua;
  frame.arguments = lua_gettop(L);
  frame.results = 0;
  bool enforcing = lua->enforcing;
  size_t scratch = lua->scratch.length;
  lua_State *thread = lua->current;
  lua->enforcing = false;
  lua->current = L;
  md_lua_status status = hosted.function(hosted.context, &frame);
  lua->current = thread;
  lua->enforcing = enforcing;
  if (__builtin_expect(lua->fatal != MD_LUA_OK, 0)) md_raise_passing(L);
  if (__builtin_expect(status != MD_LUA_OK, 0)) {
    lua->scratch.length = scratch;
    if (status == MD_LUA_WAITS) return md_yield(L);
    raise_failure(L, lua, status);
  }
  luaL_checkstack(L, MD_LUA_MAXIMUM_RESULTS + 4, NULL);
  for (int32_t i = 0; i < frame.results; i++) push_result(L, lua, &frame.result[i]);
  lua->scratch.length = scratch;
  return frame.results;
}

void md_lua_return_bytes(md_lua_frame *frame, md_lua_kind kind, const void *bytes, size_t length) {
  md_lua *lua = frame->lua;
  if (frame->results == MD_LUA_MAXIMUM_RESULTS) return;
  size_t before = lua->scratch.capacity, start = lua->scratch.length;
  if (!md_buffer_reserve(&lua->scratch, length + 1)) return;
  lua->used += lua->scratch.capacity - before;
  if (length) memcpy(lua->scratch.bytes + start, bytes, length);
  lua->scratch.length += length;
  frame->result[frame->results++] = (md_lua_item){
    .kind = kind, .length = length, .payload.integer = (int64_t)start};
}

void md_lua_fail(md_lua *lua, const void *message, size_t length, int32_t kind, bool position) {
  md_buffer_set(&lua->message, message, length < MD_MAXIMUM_MESSAGE ? length : MD_MAXIMUM_MESSAGE);
  lua->abort_kind = kind;
  lua->with_position = position;
}

// --- registration

typedef struct {
  int32_t table, number;
  const char *name;
} register_data;

static int put_function(lua_State *L) {
  const register_data *data = lua_touserdata(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, data->table);
  lua_pushstring(L, data->name);
  md_push_hosted(L, data->number);
  lua_rawset(L, -3);
  return 0;
}

int32_t md_lua_register(
  md_lua *lua, int32_t table, const char *name, md_lua_function function, void *context, int32_t cost
) {
  if (lua->hosted_count == lua->hosted_capacity) {
    int32_t capacity = lua->hosted_capacity ? lua->hosted_capacity * 2 : 32;
    md_hosted *larger = realloc(lua->hosted, (size_t)capacity * sizeof *larger);
    if (!larger) return -1;
    lua->hosted = larger;
    lua->hosted_capacity = capacity;
  }
  register_data data = {table, lua->hosted_count, name};
  lua->hosted[lua->hosted_count] = (md_hosted){function, context, cost};
  if (name && !md_protect(lua, put_function, &data, 0)) return -1;
  return lua->hosted_count++;
}
